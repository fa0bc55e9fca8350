"""MIG's `audit` module: hands on what the kernel's audit says, as it says it.

It listens beside auditd and never in its place, so the rules are the host's own: `auditctl` or
`augenrules` set them. The kernel says it to the superuser alone.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters
from vedette.agent.modules.audit_records import Event, Events
from vedette.agent.modules.persistent import Asked, Line
from vedette.errors import Unavailable

_NETLINK_AUDIT = 9
_READ_LOG = 1
"""The group of those who only listen."""
_HEAD = struct.Struct("=IHHII")
_RECEIVE_BYTES = 4 * 1024 * 1024
_LATE_S = 1.0


class AuditLimits(Parameters, frozen=True, kw_only=True):
    """ratelimit: events told in a second; more are counted. includeraw: with the kernel's own text."""

    ratelimit: Annotated[int, Meta(ge=1, le=100_000)] = 500
    includeraw: bool = False


class AuditSettings(Parameters, frozen=True, kw_only=True):
    """How much of what the kernel says is handed on."""

    audit: AuditLimits = AuditLimits()


class Audit(Asked):
    """Hands on audit events."""

    name: ClassVar[str] = "audit"
    description: ClassVar[str] = "Keeps running: hands on the events of the kernel's audit."
    needs: ClassVar[Needs] = Needs(network=True, root=True)
    settings: ClassVar[type[Parameters]] = AuditSettings
    not_here: ClassVar[Mapping[str, str]] = {
        "rulespath": "the rules are the host's own; auditctl -R or augenrules load them",
        "backloglimit": "it is of the queue that auditd reads, and auditctl -b sets it",
    }
    """Keys of MIG's, and why they are refused."""

    def keep(self, settings: AuditSettings, line: Line, context: Context) -> None:
        """Listen until the agent ends; `Unavailable` where there is no audit to listen to."""
        with listening() as kernel:
            line.say("listens to the kernel's audit")
            told = Told(line, settings.audit)
            events = Events()
            while True:
                ready = line.wait(_LATE_S, kernel.fileno())
                now = time.monotonic()
                if kernel.fileno() in ready:
                    for kind, text in received(kernel, told):
                        told.all(events.add(kind, text, now=now))
                told.all(events.late(now=now))
                told.leftover(now)


class Told:
    """Tells so many events a second, and how many more there were."""

    def __init__(self, line: Line, limits: AuditLimits) -> None:
        self._line = line
        self._limits = limits
        self._second = 0
        self._left = limits.ratelimit
        self.lost = 0

    def all(self, events: Iterator[Event]) -> None:
        """Tell events, as far as the second's share goes."""
        for event in events:
            if self._left <= 0:
                self.lost += 1
                continue
            self._left -= 1
            self._line.tell(event.told(raw=self._limits.includeraw))

    def leftover(self, now: float) -> None:
        """Begin a new second at its time, and tell what was lost in the one before."""
        if int(now) == self._second:
            return
        self._second, self._left = int(now), self._limits.ratelimit
        if self.lost:
            self._line.tell({"audit": {"lost": self.lost}})
            self.lost = 0


def listening() -> socket.socket:
    """Return a socket on which the kernel says what it audits."""
    if not sys.platform.startswith("linux"):
        raise Unavailable("only Linux has this audit")
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_AUDIT)
        kernel.bind((0, _READ_LOG))
    except OSError as fault:
        raise Unavailable(f"the kernel's audit cannot be listened to: {fault.strerror}") from None
    kernel.setblocking(False)
    kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    return kernel


def received(kernel: socket.socket, told: Told) -> Iterator[tuple[int, bytes]]:
    """Yield the records that came by now: their kind, their text."""
    while True:
        try:
            message, sender = kernel.recvfrom(65_536)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: we were too slow
            told.lost += 1
            continue
        if sender[0] != 0:  # anybody may send to us; only the kernel has this address
            continue
        yield from records(message)


def records(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a message of netlink; the kernel leaves the length of some too short."""
    if len(message) >= _HEAD.size:
        _, kind, _, _, _ = _HEAD.unpack_from(message)
        yield kind, message[_HEAD.size :]
