"""`vedette up`: database, server and one agent, in one terminal.

Everything it starts ends with it: the agent notices that its parent is gone, the database that
nobody uses it any more, whether we are stopped or killed.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vedette.app.addresses import free_port, parse_address
from vedette.app.agent_rules import keep_agent_rules
from vedette.app.data_dir import prepare, taken, write_private
from vedette.app.enrol_local import arguments, ready_to_start
from vedette.app.local_agent import Child
from vedette.app.options import Options
from vedette.app.own_settings import embedded_database, own_settings
from vedette.app.program import known_here, say, serve_until_told
from vedette.app.serve import Server
from vedette.app.settings import LOCAL_AGENT, Settings
from vedette.app.signals import Stop
from vedette.db.embedded import Running, embedded
from vedette.db.migrate import upgrade
from vedette.db.pool import normalise_dsn
from vedette.errors import Invalid

OWN_ROLE = "vedette_app"
PASSWORD_FILE = "own-postgresql.password"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Upping:
    """What `up` is started with beyond what every server is.

    database_url: a server of yours; None is the embedded one. db_listen: where the embedded one also
    listens, `HOST:PORT`. settings: what the file said; None when there is no file.
    """

    options: Options
    data_dir: Path
    settings: Settings | None
    database_url: str | None = None
    db_listen: str | None = None
    pg_bin: Path | None = None
    with_agent: bool = True


async def up(upping: Upping) -> bool:
    """Run until Ctrl-C; all is stopped when this returns; say whether to begin again."""
    stop = Stop()
    stop.install(hang_up=lambda: None)
    directory = prepare(upping.data_dir)
    for address, flag in upping.options.ports:
        # Told before the database is started, which takes the longest.
        free_port(address, flag=flag)
    async with AsyncExitStack() as stack:
        stack.enter_context(taken(directory))
        dsn, running = await _database(stack, upping)
        settings = upping.settings or own_settings(
            hostname=socket.gethostname(), database=_own_database(directory, running)
        )
        server = Server(upping.options, dsn, settings=settings)
        await stack.enter_async_context(server)
        await stack.enter_async_context(known_here(server, directory))
        child = await stack.enter_async_context(_agent(server, directory, upping, settings))
        say(*greeting(server, upping, running))

        def applied(new: Settings) -> None:
            if keep_agent_rules(directory / "agent", new) and child is not None:
                child.restart()

        is_to_begin_again = await serve_until_told(server, stop, applied=applied)
        say("stopping …")
    return is_to_begin_again


async def _database(stack: AsyncExitStack, upping: Upping) -> tuple[str, Running | None]:
    """Return the application's DSN of a database that is up to date, and the embedded one if it is."""
    if upping.database_url is not None:
        dsn = normalise_dsn(upping.database_url)
        await upgrade(dsn, progress=say)
        return dsn, None
    running = await stack.enter_async_context(
        embedded(upping.data_dir, pg_bin=upping.pg_bin, listen=upping.db_listen)
    )
    await upgrade(running.dsn("vedette_owner"), progress=say)
    return running.dsn(OWN_ROLE), running


def _own_database(directory: Path, running: Running | None) -> dict[str, Any] | None:
    if running is None:
        return None
    folder = prepare(directory / "agent")
    write_private(folder / PASSWORD_FILE, running.password(OWN_ROLE))
    return embedded_database(running.place.run, folder / PASSWORD_FILE, OWN_ROLE)


@asynccontextmanager
async def _agent(
    server: Server, directory: Path, upping: Upping, settings: Settings
) -> AsyncIterator[Child | None]:
    if not upping.with_agent:
        yield None
        return
    folder = prepare(directory / "agent")
    keep_agent_rules(folder, settings)
    await ready_to_start(server, folder)
    async with Child(LOCAL_AGENT, arguments(server, folder)) as child:
        yield child


def refuse_open_database(db_listen: str | None, *, insecure: bool) -> None:
    """Raise `Invalid` when the embedded PostgreSQL would speak to a network without TLS."""
    if db_listen is None or insecure or parse_address(db_listen, what="--db-listen").is_loopback:
        return
    raise Invalid(
        f"--db-listen {db_listen} would open the embedded PostgreSQL to a network without TLS",
        hint="listen on 127.0.0.1, use a PostgreSQL of yours, or say --insecure",
    )


def greeting(server: Server, upping: Upping, running: Running | None) -> list[str]:
    """Return what a person wants to know first."""
    fingerprint = server.secrets.authority.fingerprint
    lines = [
        "",
        f"  status page     {server.url}/",
        f"  agents (gRPC)   {server.grpc.from_here}",
        f"  clients (gRPC)  {server.grpc_clients.from_here}",
        f"  authority       {fingerprint}",
        f"  data            {upping.data_dir}",
    ]
    if server.dbmon is not None:
        lines.append(f"  dbmon clients   {server.dbmon.from_here} (in the clear, without sign-in)")
    if running is not None and running.listen:
        lines.append(f"  PostgreSQL      {running.listen} (vedette db grafana prints the DSN)")
    lines.append("")
    if not upping.with_agent:
        lines.append("  Nothing is watched from here: this one was started without its agent.")
    elif upping.settings is None:
        lines += [
            "  It watches this host and its own PostgreSQL. To watch more, write a settings file",
            "  (examples/vedette.yaml shows how) and start: vedette up -c FILE",
        ]
    lines += [
        "  Another agent: vedette agents token, then follow what it prints.",
        "  Ctrl-C stops everything.",
        "",
    ]
    return lines
