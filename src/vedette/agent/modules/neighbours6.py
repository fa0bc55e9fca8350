"""The neighbours of IPv6, which the kernel writes into no file: asked of it by netlink.

It tells those of the network its asker is in, and of no other.
"""

import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv6Address

_ROUTE = 0
"""Netlink's protocol for links, addresses, routes and neighbours."""
_GET_NEIGHBOURS, _NEIGHBOUR, _ERROR, _DONE = 30, 28, 2, 3
_REQUEST, _DUMP = 0x001, 0x300
_HEAD = struct.Struct("=IHHII")
_ENTRY = struct.Struct("=BxxxiHBB")
_ATTRIBUTE = struct.Struct("=HH")
_FAULT = struct.Struct("=i")
_ADDRESS, _LINK_ADDRESS = 1, 2
_ANSWERED = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""Reachable, stale, delayed, probed, permanent; not who never answered, nor groups."""
_ANSWER_BYTES = 1 << 20
_WAIT_S = 5.0


def neighbours6() -> list[tuple[IPv6Address, str]]:
    """Return address and MAC of those that have answered; OSError where the kernel does not tell."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _ROUTE) as kernel:
        kernel.settimeout(_WAIT_S)
        entry = _ENTRY.pack(socket.AF_INET6, 0, 0, 0, 0)
        flags = _REQUEST | _DUMP
        head = _HEAD.pack(_HEAD.size + len(entry), _GET_NEIGHBOURS, flags, 1, 0)
        kernel.sendto(head + entry, (0, 0))
        found: list[tuple[IPv6Address, str]] = []
        while True:
            for kind, body in messages(kernel.recv(_ANSWER_BYTES)):
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    fault = -_FAULT.unpack_from(body)[0]
                    raise OSError(fault, os.strerror(fault))
                if kind == _NEIGHBOUR:
                    found += neighbour(body)


def messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each message of an answer."""
    at = 0
    while at + _HEAD.size <= len(answer):
        length, kind, _, _, _ = _HEAD.unpack_from(answer, at)
        if length < _HEAD.size:
            return
        yield kind, answer[at + _HEAD.size : at + length]
        at += _aligned(length)


def neighbour(body: bytes) -> Iterator[tuple[IPv6Address, str]]:
    """Yield the neighbour of a message, if it has answered and has a MAC."""
    family, _, state, _, _ = _ENTRY.unpack_from(body)
    told = dict(_attributes(body[_ENTRY.size :]))
    address, mac = told.get(_ADDRESS, b""), told.get(_LINK_ADDRESS, b"")
    if family == socket.AF_INET6 and state & _ANSWERED and len(address) == 16 and any(mac):
        yield IPv6Address(address), mac.hex(":")


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind, body[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
