"""Asking a server for the time by NTP (RFC 5905), once, as a client.

What is sent tells nothing of this host: the transmit time is a random number, which the answer must
bring back. So nobody who cannot see the question can answer it.
"""

import math
import os
import socket
import struct
import time
from dataclasses import dataclass

PORT = 123

_PACKET = struct.Struct(">BBbb11I")
_ASK = 4 << 3 | 3  # version 4, mode 3: a client
_SERVER_MODE = 4
_UNSYNCHRONISED = 3
_TO_1970_S = 2_208_988_800
_ERA_S = 1 << 32


class NoTime(Exception):  # noqa: N818 - what came instead
    """The server gave no time; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. offset_s: by how much this host is behind it. delay_s: on the way and back.

    at_s: the server's time when it answered, in seconds since 1970.
    """

    offset_s: float
    delay_s: float
    at_s: float


def ask(host: str, *, port: int = PORT, timeout_s: float) -> Answer:
    """Return a server's time; raise `NoTime` when there is no answer or none to go by."""
    deadline = time.monotonic() + timeout_s
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        with socket.socket(family, kind) as line:
            line.connect(address)
            return _exchange(line, deadline)
    except TimeoutError:
        raise NoTime("no answer in time") from None
    except OSError as fault:
        raise NoTime(fault.strerror or str(fault)) from None


def _exchange(line: socket.socket, deadline: float) -> Answer:
    nonce = os.urandom(8)
    sent_s, sent = time.time(), time.monotonic()
    line.send(_PACKET.pack(_ASK, 0, 0, 0, *([0] * 11))[:40] + nonce)
    while (left := deadline - time.monotonic()) > 0:
        line.settimeout(left)
        packet = line.recv(1024)
        came = time.monotonic()
        if packet[24:32] == nonce:  # anything else answers another question
            return read_answer(packet, sent_s=sent_s, came_s=sent_s + came - sent)
    raise NoTime("no answer in time")


def read_answer(packet: bytes, *, sent_s: float, came_s: float) -> Answer:
    """Return what an answer says; sent_s, came_s: by this host's clock. Raise `NoTime`."""
    if len(packet) < _PACKET.size:
        raise NoTime("its answer is too short")
    first, stratum, *_, received, received_part, transmitted, transmitted_part = (
        _PACKET.unpack_from(packet)
    )
    if first & 7 != _SERVER_MODE or not 1 <= first >> 3 & 7 <= 4:
        raise NoTime("its answer is none of a server")
    if stratum == 0:
        raise NoTime(f"it sends us away: {packet[12:16].decode('ascii', 'backslashreplace')}")
    if first >> 6 == _UNSYNCHRONISED or stratum > 15 or not (transmitted or transmitted_part):
        raise NoTime("it does not know the time itself")
    arrived = _seconds(received, received_part, near=came_s)
    left = _seconds(transmitted, transmitted_part, near=came_s)
    delay = (came_s - sent_s) - (left - arrived)
    return Answer(((arrived - sent_s) + (left - came_s)) / 2, max(delay, 0.0), left)


def _seconds(seconds: int, part: int, *, near: float) -> float:
    """Return a time stamp in seconds since 1970, of that era of 136 years which is nearest."""
    since_1970 = seconds - _TO_1970_S + part / _ERA_S
    return since_1970 + round((near - since_1970) / _ERA_S) * _ERA_S


def ahead_or_behind(offset_s: float, host: str) -> str:
    """Say it as MIG does."""
    word = "behind" if offset_s > 0 else "ahead of"
    return f"Local time is {word} ntp host {host} by {go_duration(abs(offset_s))}"


def go_duration(seconds: float) -> str:
    """Return seconds as Go writes a duration.

    >>> go_duration(-90.5), go_duration(0.0215), go_duration(7205)
    ('-1m30.5s', '21.5ms', '2h0m5s')
    """
    whole = round(abs(seconds) * 1_000_000_000)
    sign = "-" if seconds < 0 and whole else ""
    if whole < 1_000_000_000:
        unit, size = next(
            (unit, size)
            for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1))
            if whole >= size or size == 1
        )
        return f"{sign}{_decimal(whole, size)}{unit}" if whole else "0s"
    minutes, rest = divmod(whole, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    words = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{words}{_decimal(rest, 10**9)}s"


def _decimal(amount: int, size: int) -> str:
    whole, part = divmod(amount, size)
    digits = f"{part:0{round(math.log10(size))}}".rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)
