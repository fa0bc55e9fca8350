"""The kernel's tables of sockets, as `/proc/net/tcp` and its neighbours write them."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

TABLES = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
"""Name of the table, and the protocol in it."""

_TCP_LISTEN = 10
_UDP_UNCONNECTED = 7


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket; what is IPv4 in a socket of IPv6 is told as IPv4. inode: 0 when it has no owner."""

    protocol: str
    local: Address
    local_port: int
    remote: Address
    remote_port: int
    state: int
    inode: int = 0

    @property
    def is_connected(self) -> bool:
        """Whether it has another end."""
        return self.remote_port != 0 or not self.remote.is_unspecified

    @property
    def is_listening(self) -> bool:
        """Whether it waits for anybody: LISTEN of TCP; of UDP, which has no such state, bound to no other end."""
        waits = _TCP_LISTEN if self.protocol == "tcp" else _UDP_UNCONNECTED
        return self.state == waits and not self.is_connected and self.local_port != 0


def read_table(table: bytes, protocol: str) -> tuple[list[Socket], int]:
    """Return the sockets of a table, and how many of its lines could not be read."""
    lines = table.split(b"\n")[1:]  # the first is the heading
    found = [_socket(line, protocol) for line in lines if line.strip()]
    good = [one for one in found if one is not None]
    return good, len(found) - len(good)


def listeners(table: Iterable[Socket]) -> dict[int, Socket]:
    """Return the listening sockets by inode."""
    return {socket.inode: socket for socket in table if socket.is_listening and socket.inode}


def _socket(line: bytes, protocol: str) -> Socket | None:
    fields = line.split(None, 10)
    try:
        local, local_port = fields[1].split(b":")
        remote, remote_port = fields[2].split(b":")
        return Socket(
            protocol,
            _address(local),
            _port(local_port),
            _address(remote),
            _port(remote_port),
            int(fields[3], 16),
            int(fields[9]) if len(fields) > 9 else 0,
        )
    except (ValueError, IndexError):
        return None


def _port(text: bytes) -> int:
    if len(text) != 4:
        raise ValueError(text)
    return int(text, 16)


@lru_cache(maxsize=65_536)
def _address(text: bytes) -> Address:
    # Words of 32 bits, each written as a number of this machine: its bytes stand turned round on x86.
    if len(text) not in (8, 32):
        raise ValueError(text)
    words = (int(text[at : at + 8], 16) for at in range(0, len(text), 8))
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    if len(packed) == 4:
        return IPv4Address(packed)
    return unmapped(IPv6Address(packed))


def unmapped(address: Address) -> Address:
    """Return IPv4 for what IPv6 only carries."""
    return (address.version == 6 and address.ipv4_mapped) or address
