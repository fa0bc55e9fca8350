"""What `up` and `serve` share: from options to a server that serves until it is told to stop."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvloop

from vedette.app.admin_token import keep_admin_token
from vedette.app.data_dir import prepare, published
from vedette.app.old_names import refuse_its_database, tell
from vedette.app.options import Options
from vedette.app.reload import begin_again, package_changed
from vedette.app.serve import Server
from vedette.app.settings import Settings
from vedette.app.settings_file import load_settings
from vedette.app.signals import Stop
from vedette.app.tree import debugging
from vedette.db.pool import normalise_dsn
from vedette.errors import VedetteError
from vedette.logs import LogSettings, configure_logs

log = structlog.get_logger(__name__)

GARBAGE = (50_000, 10, 2)
"""New objects between two looks for garbage, and how many looks until one that goes further. What ten
thousand streams are made of is none: looked through as often as a small program's, it cost a sixth of
what an action to all of them takes. Streams that end leave no garbage behind (measured without any look)."""
RELOAD = "reload"
NOT_APPLIED = "the settings file was not applied; the old one stands"
Applied = Callable[[Settings], None]


def read_settings(config: Path | None) -> Settings | None:
    """Return what the settings file says; None without one."""
    refuse_its_database(os.environ)
    return None if config is None else load_settings(config)


async def serve(options: Options, url: str, settings: Settings | None) -> bool:
    """Run a server alone until Ctrl-C; return whether to begin again."""
    stop = Stop()
    directory = prepare(options.data_dir) if options.data_dir else None
    async with (
        Server(options, normalise_dsn(url), settings=settings) as server,
        known_here(server, directory),
    ):
        say(f"serving {server.url}/", f"agents (gRPC) {server.grpc}, clients {server.grpc_clients}")
        if server.dbmon is not None:
            say(f"dbmon clients {server.dbmon} (in the clear, without sign-in)")
        say(f"authority {server.secrets.authority.fingerprint}")
        return await serve_until_told(server, stop)


def run_program(program: Coroutine[Any, Any, bool], logging: LogSettings) -> int:
    """Run a long-lived command in uvloop and return its exit code: 0 when it was told to stop."""
    try:
        configure_logs(logging, debug=debugging())
    except VedetteError:
        program.close()
        raise
    tell(os.environ)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        is_to_begin_again = runner.run(program)
    if is_to_begin_again:
        begin_again()
    return 0


@asynccontextmanager
async def known_here(server: Server, directory: Path | None) -> AsyncIterator[None]:
    """Let the commands of this machine find the server and the right to ask it, while it runs."""
    if directory is None:
        yield
        return
    async with server.pool.connection() as conn:
        await keep_admin_token(conn, directory, pepper=server.secrets.pepper)
    with ExitStack() as stack:
        stack.enter_context(
            published(
                directory,
                {
                    "http": server.url,
                    "grpc": str(server.grpc.from_here),
                    "grpc_clients": str(server.grpc_clients.from_here),
                    "dbmon": str(server.dbmon.from_here) if server.dbmon else "",
                    "ca_fingerprint": server.secrets.authority.fingerprint,
                    "pid": os.getpid(),
                },
            )
        )
        yield


async def serve_until_told(server: Server, stop: Stop, *, applied: Applied | None = None) -> bool:
    """Serve; at SIGHUP read the settings file again and keep the old one if the new is bad.

    Returns whether to begin again, since the code has changed under `--debug`.
    """
    reading: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = asyncio.create_task(reload(server, server.options, applied))
        reading.add(task)
        task.add_done_callback(reading.discard)

    stop.install(hang_up=hang_up)
    # What a server is made of stays: looking through it for garbage again and again would stop every
    # request for a tenth of a second.
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    if debugging():
        watching = asyncio.create_task(package_changed(), name=RELOAD)
        watching.add_done_callback(lambda _: stop.set())
        reading.add(watching)
    try:
        await server.wait(stop)
        return any(task.get_name() == RELOAD and task.done() for task in reading)
    finally:
        for task in reading:
            task.cancel()


async def reload(server: Server, options: Options, applied: Applied | None) -> None:
    """Read the settings file again and apply it; a bad one is said and changes nothing."""
    if options.config is None:
        log.warning("there is no settings file to read again", hint="start with -c FILE")
        return
    try:
        settings = await asyncio.to_thread(load_settings, options.config)
        await server.declare(settings)
    except VedetteError as error:
        log.error(NOT_APPLIED, error=str(error))  # noqa: TRY400 - a fault of the file
        return
    except Exception:  # nobody waits for this task: what ends it would be told when the server ends
        log.exception(NOT_APPLIED)
        return
    if applied is not None:
        applied(settings)
    log.info("the settings file was read again", file=str(options.config))


def say(*lines: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
