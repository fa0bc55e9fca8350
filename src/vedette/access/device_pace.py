"""How often one device may ask whether its person has agreed (RFC 8628, 3.5): who hurries waits longer.

Each server counts for itself: of several, the provider still sees no more than that many times as much.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWER = timedelta(seconds=5)
LONGEST = timedelta(minutes=1)
REMEMBERED = 10_000
"""Devices; more than a server lets begin while one of them lasts."""


@dataclass(frozen=True, slots=True)
class _Pace:
    wait: timedelta
    again_at: datetime


class Paces:
    """How long each device waits, those whose sign-in is over included: they may be asked of, too."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, _Pace] = OrderedDict()

    def too_soon(self, device: str, interval: timedelta, *, now: datetime) -> bool:
        """Tell whether this question comes too soon, and count it; interval: what the device was told at first."""
        held = self._of.get(device)
        hurries = held is not None and now < held.again_at
        self._wait(device, held.wait if held else interval, slower=hurries, now=now)
        return hurries

    def slow_down(self, device: str, interval: timedelta, *, now: datetime) -> None:
        """Add to its wait what the provider asked for, as the device does."""
        held = self._of.get(device)
        self._wait(device, held.wait if held else interval, slower=True, now=now)

    def _wait(self, device: str, wait: timedelta, *, slower: bool, now: datetime) -> None:
        wait = min(LONGEST, wait + SLOWER) if slower else wait
        self._of[device] = _Pace(wait, now + wait)
        self._of.move_to_end(device)
        if len(self._of) > REMEMBERED:
            self._of.popitem(last=False)
