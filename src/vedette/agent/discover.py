"""What listens on this host, as targets one could watch."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from vedette import plugins
from vedette.agent.connector import Look
from vedette.agent.discover_knocks import Heard, knock
from vedette.agent.discover_web import kind_of, url_of
from vedette.agent.reach import HostReach
from vedette.agent.settings_schema import parse
from vedette.errors import Denied, Invalid, Missing

GROUP = "vedette.connectors"
_AT_ONCE = 8
_LOOK_S = 10.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something to watch. note: what its owner still has to say, "" when nothing."""

    name: str
    connector: str
    where: str
    settings: dict[str, Any] = field(default_factory=dict)
    program: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A TCP port that is open, and who holds it, as far as we may know."""

    host: str
    port: int
    program: str = ""


async def discover_host(progress: Progress) -> list[Found]:
    """Return a target for each TCP port that listens here, by what answers a knock."""
    listeners = await asyncio.to_thread(listening)
    progress(f"{len(listeners)} ports listen on this host")
    return await knock_at(listeners, progress)


async def knock_at(listeners: Sequence[Listener], progress: Progress) -> list[Found]:
    """Knock at each, some at once."""
    room = asyncio.Semaphore(_AT_ONCE)
    reach = HostReach([])

    async def one(listener: Listener) -> Found:
        look = Look(target="discover", settings={}, timeout_s=_LOOK_S, reach=reach)
        async with room:
            heard = await knock(look, listener.host, listener.port)
            kind = heard.protocol
            if kind == "http":
                kind = await kind_of(look, listener.host, listener.port, tls=heard.tls)
        progress(f"{listener.host}:{listener.port} {listener.program}: {kind or 'unknown'}")
        return suggest(listener, kind, heard)

    return [*await asyncio.gather(*(one(listener) for listener in listeners))]


def listening() -> list[Listener]:
    """Return what listens, each port once for each address it can be reached at."""
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        raise Denied(
            "this system shows open ports to root only", hint="run it as root, or name --kubeconfig"
        ) from None
    found: dict[tuple[str, int], Listener] = {}
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        host, port = _reachable(connection.laddr.ip), connection.laddr.port
        # Who listens on both families is one thing.
        other = "127.0.0.1" if host == "::1" else "::1"
        if (other, port) in found and host in ("::1", "127.0.0.1"):
            if host == "::1":
                continue
            del found[other, port]
        found.setdefault((host, port), Listener(host, port, _program(connection.pid)))
    return sorted(found.values())


def suggest(listener: Listener, kind: str, heard: Heard) -> Found:
    """Return the target for what was heard; whoever we do not know is watched as a TCP port."""
    host, port = listener.host, listener.port
    url = url_of(host, port, tls=heard.tls)
    at = {"host": host, "port": port}
    metrics = {"url": f"{url}/metrics"}
    suggestions: dict[str, tuple[str, dict[str, Any], str]] = {
        "postgres": ("postgres", at, "give it a user, and password_file or ${NAME}"),
        "redis": ("redis", at, "give it password_file where the server wants one"),
        "mysql": ("mysql", at, "give it a user, and password_file or ${NAME}"),
        "nats": ("nats", at, ""),
        "nats-monitor": ("nats", {"monitor_url": url}, ""),
        "amqp": ("rabbitmq", at, "give it a user, and password_file or ${NAME}"),
        "rabbitmq-management": (
            "rabbitmq",
            {"management_url": url},
            "give it a user tagged monitoring, and password_file",
        ),
        "mqtt": ("mqtt", at, "give it a user where the broker wants one"),
        "etcd": ("etcd", {"url": url}, ""),
        "envoy": ("envoy", {"url": url}, ""),
        "cockroachdb": ("cockroachdb", {"url": url}, "a secure cluster wants user and password"),
        "kubernetes": (
            "kubernetes",
            {"url": url},
            "give it bearer_token_file and ca_file, or kubeconfig_file",
        ),
        "prometheus": ("prometheus", metrics, ""),
        "http": ("http", {"url": f"{url}/"}, ""),
        "grpc": ("grpc", at, ""),
        "ssh": ("tcp", {**at, "expect": "SSH-"}, ""),
        "smtp": ("tcp", {**at, "expect": "220"}, ""),
    }
    usual: tuple[str, dict[str, Any], str] = ("tls" if heard.tls else "tcp", at, "")
    connector, settings, note = suggestions.get(kind, usual)
    if not _understood(connector, settings):
        connector, settings, note = "tcp", at, ""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    local = ipaddress.ip_address(host).is_loopback
    name = f"{connector}-{port}" if local else f"{connector}-{host.replace(':', '-')}-{port}"
    return Found(
        name=name,
        connector=connector,
        where=where,
        settings=dict(settings),
        program=listener.program,
        note=note,
    )


def _understood(connector: str, settings: dict[str, Any]) -> bool:
    try:
        parse(plugins.load(GROUP, connector).description, settings, references=True)
    except (Invalid, Missing):
        return False
    return True


def _reachable(address: str) -> str:
    bare = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(bare, ipaddress.IPv6Address) and bare.ipv4_mapped is not None:
        bare = bare.ipv4_mapped
    if bare.is_unspecified:
        return "127.0.0.1" if bare.version == 4 else "::1"
    return str(bare)


def _program(pid: int | None) -> str:
    import psutil

    if pid is not None:
        with suppress(psutil.Error):
            return str(psutil.Process(pid).name())
    return ""
