"""`vedette collector`: enrol this host as a collector if it is not, then stand in for its agents."""

import asyncio
import ipaddress
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from vedette.app.commands.agent import read_token
from vedette.app.log_flags import LogFlags
from vedette.errors import Conflict, Denied, Invalid, VedetteError

if TYPE_CHECKING:
    from vedette.agent.host import SpoolRules
    from vedette.agent.identity import IdentityFiles
    from vedette.app.collector_settings import CollectorSettings
    from vedette.link.relay import Relay
    from vedette.link.spool import Caps

DATA_DIR = Path("vedette-collector")
LOG = LogFlags()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a collector listens, HOST:PORT each, and how its agents find it."""

    agents: str
    enrol: str
    reach: str


def collector(
    *,
    listen: Annotated[str, Parameter(env_var="VEDETTE_LISTEN")] = "",
    enrol: Annotated[str, Parameter(env_var="VEDETTE_ENROL")] = "",
    reach: Annotated[str, Parameter(env_var="VEDETTE_REACH")] = "",
    server: Annotated[str, Parameter(env_var="VEDETTE_SERVER")] = "",
    join_file: Annotated[Path | None, Parameter(env_var="VEDETTE_JOIN_FILE")] = None,
    join: Annotated[str, Parameter(env_var="VEDETTE_JOIN_TOKEN", show_env_var=True)] = "",
    ca_fingerprint: Annotated[str, Parameter(env_var="VEDETTE_CA_FINGERPRINT")] = "",
    name: Annotated[str, Parameter(env_var="VEDETTE_NAME")] = "",
    data_dir: Annotated[Path, Parameter(env_var="VEDETTE_DATA_DIR")] = DATA_DIR,
    config: Annotated[Path | None, Parameter(env_var="VEDETTE_CONFIG")] = None,
    spool_size: Annotated[str, Parameter(env_var="VEDETTE_SPOOL_SIZE")] = "",
    spool_age: Annotated[str, Parameter(env_var="VEDETTE_SPOOL_AGE")] = "",
    log: LogFlags = LOG,
) -> None:
    """Stand between agents and a server they cannot reach; keep what they say while it is away.

    The first start needs --server, --ca-fingerprint and a join token made with --collector.

    Parameters
    ----------
    listen
        HOST:PORT for agents; default 127.0.0.1:4010.
    enrol
        HOST:PORT for those who enrol; default: the port after that of --listen.
    reach
        HOST:PORT by which agents find --listen; default: as --listen.
    server
        HOST:PORT of the server's clients' address, or of another collector's --enrol.
    join_file
        A file that holds the join token; goes before --join.
    join
        The join token itself. Other users of this host can read a command line.
    ca_fingerprint
        The fingerprint of the server's authority: sha256:…
    name
        The name wished for; the join token's own name wins. Default: the host's name.
    data_dir
        Where key, certificate and spool are kept; one directory a collector.
    config
        Its settings file. Default: collector.yaml in the data directory.
    spool_size
        How much may wait on disk; nearly full, agents are kept waiting. Default 1GiB.
    spool_age
        What waited longer is dropped, and the server told. Default 7d.
    """
    from vedette.app.collector_settings import load_collector_settings

    directory = data_dir.absolute()
    beside = directory / "collector.yaml"
    said = load_collector_settings(config or (beside if beside.exists() else None))
    flags = {
        "listen": listen,
        "enrol": enrol,
        "reach": reach,
        "server": server,
        "ca_fingerprint": ca_fingerprint,
        "name": name,
    }
    spool = {"size": spool_size, "age": spool_age}
    settings = msgspec.structs.replace(
        said,
        **{key: value for key, value in flags.items() if value},
        spool=msgspec.structs.replace(
            said.spool, **{key: value for key, value in spool.items() if value}
        ),
        log=log.over(said.log),
    )
    # A token that is given goes before a file that only the settings name.
    named = Path(said.join_file) if said.join_file and not join else None
    _start(directory, settings, lambda: read_token(join, join_file or named))


def _start(directory: Path, settings: "CollectorSettings", token: Callable[[], str]) -> None:
    from vedette.agent.enrol import Joining
    from vedette.agent.enrol import enrol as enrol_here
    from vedette.agent.identity import IdentityFiles
    from vedette.logs import configure_logs

    configure_logs(settings.log, usually="text")
    places, caps = _places(settings.listen, settings.enrol, settings.reach), _caps(settings.spool)
    who = IdentityFiles(directory)
    if not who.exists:
        wanting = {
            "--server": settings.server,
            "--ca-fingerprint": settings.ca_fingerprint,
            "--join-file": token(),
        }
        for flag, value in wanting.items():
            if not value:
                raise Invalid(
                    f"{directory} holds no collector yet; to enrol one, {flag} is needed",
                    hint="vedette agents token --collector --name NAME, on the server",
                )
        joining = Joining(
            server=settings.server,
            token=wanting["--join-file"],
            fingerprint=settings.ca_fingerprint,
            name=settings.name,
            role="collector",
        )
        who = asyncio.run(enrol_here(directory, joining, tags={}))
        sys.stderr.write(f"vedette: enrolled as {who.held.name}\n")
    asyncio.run(_run(who, directory, places, caps))


def _caps(spool: "SpoolRules") -> "Caps":
    from vedette import durations
    from vedette.link.spool import Caps
    from vedette.sizes import size_bytes

    return Caps(size_bytes=size_bytes(spool.size), age=durations.parse(spool.age))


async def _run(who: "IdentityFiles", directory: Path, places: Places, caps: "Caps") -> None:
    from vedette import clock
    from vedette.agent.facts import claims
    from vedette.agent.notify import Notify
    from vedette.app.signals import Stop
    from vedette.link.client import Refused
    from vedette.link.relay import Relay, RelayOptions
    from vedette.link.relay_door import listening

    stop = Stop()
    stop.install(hang_up=lambda: None)
    options = RelayOptions(directory=directory / "relay", caps=caps)
    facts = claims(started_at=clock.now(), tags={})
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(who, facts, options, clock=clock.now))
        at = await stack.enter_async_context(
            listening(
                relay,
                who.credentials,
                agents=places.agents,
                enrol=places.enrol,
                reach=places.reach,
            )
        )
        sys.stderr.write(f"vedette: collector {who.held.name}: agents {at[0]}, enrolment {at[1]}\n")
        notify = Notify()
        notify.say("READY=1", "STATUS=started")
        try:
            await _until(stop, relay)
        except Refused as refused:
            raise _final(refused.reason, refused.message) from None
        notify.say("STOPPING=1", "STATUS=stopping")


def _final(reason: str, message: str) -> VedetteError:
    """Return the server's last word as an error with a way out."""
    if reason == "duplicate_identity":
        hint = "this machine is a copy: give it a --data-dir of its own and enrol it"
        return Conflict(message, hint=hint)
    return Denied(message, hint="enrol the collector anew, with another --data-dir")


async def _until(stop: asyncio.Event, relay: "Relay") -> None:
    stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(relay.wait())
    await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if ended.done():
        ended.result()
    ended.cancel()


def _places(listen: str, enrol: str, reach: str) -> Places:
    from vedette.agent.enrol import host_and_port

    host, port = host_and_port(listen)
    written = listen.rpartition(":")[0]
    try:
        is_anywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_anywhere = False
    if is_anywhere and not reach:
        raise Invalid(
            f"--listen {listen} is no address an agent could use",
            hint="add --reach HOST:PORT, by which agents find this collector",
        )
    return Places(agents=listen, enrol=enrol or f"{written}:{port + 1}", reach=reach or listen)
