"""Where this host lets connectors connect: names and addresses, resolved once and pinned.

A pattern is `HOST:PORT`. HOST is an address (`10.0.0.7`), a network (`10.0.0.0/8`, `[fd00::]/8`),
a name or a glob of names (`*.shop.example`); PORT is a number, a range (`5432-5439`) or `*`. What
begins with `/` is a glob of Unix sockets. With `!` before it, a pattern forbids: that is never
reached, whatever else allows it. Where there is none that allows, everything is allowed.

Link-local addresses and those of clouds' metadata services are forbidden unless a pattern names
their address or a network within theirs: a server must not turn an agent into a way to the keys of
its host.
"""

import asyncio
import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vedette.agent.connector import RefusedByHost
from vedette.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GUARDED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32")
)
_LOOPBACK: dict[int, Address] = {
    4: ipaddress.IPv4Address("127.0.0.1"),
    6: ipaddress.IPv6Address("::1"),
}
_LEADING_TO_IPV4 = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
"""NAT64 (RFC 6052), translated (RFC 2765) and compatible (RFC 4291) addresses: the last 32 bits are an IPv4 address."""
_PATTERN = re.compile(
    r"(?P<deny>!?)(?P<host>\[[^\]]+\](?:/\d+)?|[^:\s]+):(?P<port>\*|\d+(?:-\d+)?)"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of `reach`: a network or a glob of names, and the ports."""

    deny: bool
    name: str
    network: Network | None
    first_port: int
    last_port: int

    def matches(self, host: str, address: Address, port: int) -> bool:
        """Say whether it speaks of this address, reached by this name, at this port."""
        if self.network is None:
            return self.may_match(host, port)
        is_within = address.version == self.network.version and address in self.network
        return is_within and self.may_match(host, port)

    def may_match(self, host: str, port: int) -> bool:
        """Say whether it could speak of an address of this name at this port."""
        if not self.first_port <= port <= self.last_port:
            return False
        return self.network is not None or fnmatchcase(host.lower().rstrip("."), self.name)


class Patterns:
    """The owner's list, read; raises `Invalid` naming the pattern that is none."""

    def __init__(self, lines: list[str]) -> None:
        self._sockets = [line for line in lines if line.lstrip("!").startswith("/")]
        patterns = [_read(line) for line in lines if line not in self._sockets]
        self._allowed = [p for p in patterns if not p.deny]
        self._denied = [p for p in patterns if p.deny]
        self._everything = not any(not line.startswith("!") for line in lines)

    def allow(self, host: str, address: Address, port: int) -> bool:
        """Say whether this address may be reached by this name."""
        address = _embedded(address)
        if address.is_unspecified:
            address = _LOOPBACK[address.version]  # as the kernel takes it
        allowing = [p for p in self._allowed if p.matches(host, address, port)]
        if any(p.matches(host, address, port) for p in self._denied):
            return False
        guarded = [network for network in GUARDED if address in network]
        if guarded:
            return any(_is_within(p.network, guarded[0]) for p in allowing)
        return self._everything or bool(allowing)

    def may_allow(self, host: str, port: int) -> bool:
        """Say whether any address of this name could be reached; of one that could not, nobody is asked."""
        return self._everything or any(p.may_match(host, port) for p in self._allowed)

    def allow_socket(self, path: str) -> bool:
        """Say whether this Unix socket may be reached, by its path or by where that leads."""
        forms = {path, os.path.realpath(path)}
        if any(fnmatchcase(one, p[1:]) for p in self._sockets if p[0] == "!" for one in forms):
            return False
        return self._everything or any(fnmatchcase(one, p) for p in self._sockets for one in forms)


class HostReach:
    """What connectors are given as `Look.reach`."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._patterns = Patterns(lines)

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of host that may be reached; raise `RefusedByHost` when none may.

        What begins with `/` is a Unix socket, or the directory of one, and is returned without `..`.
        """
        if host.startswith("/"):
            path = _plain(host)
            if not self._patterns.allow_socket(path):
                raise RefusedByHost(f"reach in agent.yaml does not allow {host}")
            return [path]
        if not self._patterns.may_allow(host, port):
            raise RefusedByHost(f"reach in agent.yaml does not allow {host}:{port}")
        found = await self._resolve(host, port)
        allowed = [text for text, address in found if self._patterns.allow(host, address, port)]
        if not allowed:
            seen = ", ".join(text for text, _ in found)
            where = f"{host}:{port}" if seen == host else f"{host}:{port} ({seen})"
            raise RefusedByHost(f"reach in agent.yaml does not allow {where}")
        return allowed

    async def _resolve(self, host: str, port: int) -> list[tuple[str, Address]]:
        try:
            # The common case costs no thread.
            return [(host, ipaddress.ip_address(host))]
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        texts = dict.fromkeys(str(answer[4][0]) for answer in answers)
        return [(text, ipaddress.ip_address(text)) for text in texts]


def _plain(path: str) -> str:
    """Return the path without `..`, `.` and empty parts."""
    return "/" + os.path.normpath(path).lstrip("/")


def _read(line: str) -> Pattern:
    parts = _PATTERN.fullmatch(line.strip())
    if parts is None:
        raise Invalid(
            f"{line!r} is not a pattern of reach",
            hint="write it as db.example:5432, 10.0.0.0/8:*, *.example:443 or !10.0.0.1:*",
        )
    first, _, last = parts["port"].partition("-")
    ports = (0, 65_535) if first == "*" else (int(first), int(last or first))
    host = parts["host"].replace("[", "").replace("]", "")
    network: Network | None = None
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError:
        if "/" in host:
            raise Invalid(f"{line!r} names no network", hint="write it as 10.0.0.0/8:*") from None
    return Pattern(parts["deny"] == "!", host.lower(), network, *ports)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for: it leads to the same place; `::` and `::1` stand for none."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if any(address in network for network in _LEADING_TO_IPV4) and int(address) > 1:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_within(network: Network | None, guarded: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(guarded, ipaddress.IPv4Network) and network.subnet_of(guarded)
    if isinstance(network, ipaddress.IPv6Network):
        return isinstance(guarded, ipaddress.IPv6Network) and network.subnet_of(guarded)
    return False
