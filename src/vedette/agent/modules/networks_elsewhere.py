"""The host's network where there is no /proc: macOS, by psutil."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import psutil

from vedette.agent.modules.networks import DEFAULT
from vedette.agent.modules.sockets import Address, Socket, unmapped
from vedette.agent.modules.tally import Tally

_STATES = {"LISTEN": 10, "ESTABLISHED": 1}
_UDP_UNCONNECTED = 7


@dataclass(slots=True)
class OtherNetwork:
    """The one network of a host without namespaces."""

    tally: Tally
    name: str = DEFAULT

    def sockets(self) -> list[Socket]:
        """Return the sockets of TCP and UDP; without root there are none, and a fault says so."""
        try:
            return [_socket(one) for one in psutil.net_connections("inet") if one.laddr]
        except (psutil.AccessDenied, PermissionError):
            self.tally.fault("this host tells its sockets only to root", unanswered=True)
            return []

    def neighbours(self) -> list[tuple[Address, str]]:
        """Return nothing: neighbours stand in no file here."""
        self.tally.fault("neighbours are told on Linux alone", unanswered=True)
        return []

    def neighbours6(self) -> list[tuple[Address, str]]:
        """Return nothing, as `neighbours`, which says so."""
        return []

    def addresses(self) -> list[Address]:
        """Return the host's own addresses."""
        return [ip_address(text) for text in _addresses(socket.AF_INET, socket.AF_INET6)]


def other_macs() -> Iterator[str]:
    """Yield the MAC of each interface that has one."""
    return (mac.lower() for mac in _addresses(psutil.AF_LINK) if mac.strip("0:"))


def _addresses(*families: int) -> Iterator[str]:
    for interface in psutil.net_if_addrs().values():
        yield from (one.address.partition("%")[0] for one in interface if one.family in families)


def _socket(one: Any) -> Socket:  # noqa: ANN401 - psutil has no public name for it
    protocol = "tcp" if one.type == socket.SOCK_STREAM else "udp"
    nobody = ("::" if one.family == socket.AF_INET6 else "0.0.0.0", 0)  # noqa: S104 - nothing is bound
    remote = one.raddr or nobody
    connected = 1 if one.raddr else _UDP_UNCONNECTED
    state = _STATES.get(one.status, 0) if protocol == "tcp" else connected
    return Socket(
        protocol,
        unmapped(ip_address(one.laddr[0].partition("%")[0])),
        one.laddr[1],
        unmapped(ip_address(remote[0].partition("%")[0])),
        remote[1],
        state,
    )
