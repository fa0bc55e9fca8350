"""One echo of ICMP: as an ordinary user where the kernel allows it, by a raw socket otherwise.

MIG takes whatever comes for an answer. Here it must be an echo reply, to this number of this run,
with the bytes that were sent.
"""

import os
import socket
import struct
import sys
import time

_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Type of the question and of its answer."""
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEAD = struct.Struct(">BBHHH")


def echo(family: int, address: str, *, number: int, timeout_s: float) -> None:
    """Return when the answer has come; raise TimeoutError or another OSError."""
    deadline = time.monotonic() + timeout_s
    content = os.urandom(16) + b"Ping!" * 6
    with _socket(family) as line:
        is_raw = line.type == socket.SOCK_RAW
        ours = os.getpid() & 0xFFFF
        line.connect((address, 0))
        line.send(_question(family, ours, number, content))
        while (left := deadline - time.monotonic()) > 0:
            line.settimeout(left)
            packet = line.recv(2048)
            # The kernel gives other sockets' numbers to those that are not raw, and looks after them.
            if _answers(
                _body(packet, family, is_raw), family, ours if is_raw else None, number, content
            ):
                return
    raise TimeoutError


def _socket(family: int) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_DGRAM, _PROTOCOL[socket.AddressFamily(family)])
    except OSError as refused:
        try:
            return socket.socket(family, socket.SOCK_RAW, _PROTOCOL[socket.AddressFamily(family)])
        except PermissionError:
            raise PermissionError(
                refused.errno, "this user may not send ICMP: see net.ipv4.ping_group_range"
            ) from None


def _question(family: int, ours: int, number: int, content: bytes) -> bytes:
    kind = _ECHO[socket.AddressFamily(family)][0]
    blank = _HEAD.pack(kind, 0, 0, ours, number) + content
    return _HEAD.pack(kind, 0, checksum(blank), ours, number) + content


def _body(packet: bytes, family: int, is_raw: bool) -> bytes:
    """Return what ICMP says; IPv4's own head stands before it on raw sockets, and on all of macOS."""
    if family == socket.AF_INET and packet and (is_raw or sys.platform == "darwin"):
        return packet[(packet[0] & 15) * 4 :]
    return packet


def _answers(body: bytes, family: int, ours: int | None, number: int, content: bytes) -> bool:
    if len(body) < _HEAD.size:
        return False
    kind, code, _, whose, which = _HEAD.unpack_from(body)
    return (
        (kind, code) == (_ECHO[socket.AddressFamily(family)][1], 0)
        and (ours is None or whose == ours)
        and which == number
        and body[_HEAD.size :] == content
    )


def checksum(packet: bytes) -> int:
    """Return the Internet's checksum (RFC 1071) of a packet whose own is zero.

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    even = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f">{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
