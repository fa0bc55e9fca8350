"""What availability is: the share of the time seen that nothing was published against a component.

At each instant the gravest published impact counts, with its weight; an approved maintenance shields;
unseen time belongs to neither side. The sums are exact, and rounding is always down: 100 is said only
where nothing was lost. There is no standard: what counts is a policy, and stands beside the number.
"""

import math
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from vedette.errors import Invalid
from vedette.incidents.availability_share import Share, share_of, shortly


class Maintenance(StrEnum):
    """What a maintenance does to the sum.

    shields: nothing counts meanwhile, the time stays in the whole. removed: it leaves the whole, too.
    counts: whatever was published meanwhile counts as always.
    """

    SHIELDS = "shields"
    REMOVED = "removed"
    COUNTS = "counts"


class Unseen(StrEnum):
    """What time we could not see counts as."""

    EXCLUDED = "excluded"
    DOWN = "down"
    UP = "up"


_MAINTENANCE = {
    Maintenance.SHIELDS: "Maintenance is no loss.",
    Maintenance.REMOVED: "Maintenance is left out of the whole.",
    Maintenance.COUNTS: "Trouble during maintenance counts as always.",
}
_UNSEEN = {
    Unseen.EXCLUDED: "Time we could not see is left out.",
    Unseen.DOWN: "Time we could not see is lost.",
    Unseen.UP: "Time we could not see is no loss.",
}
ZONE_LIMIT = 100
MINUTE_US = 60_000_000
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_PER_CENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


def place(name: str) -> ZoneInfo:
    """Return the IANA zone of this name; raises Invalid."""
    try:
        found = ZoneInfo(name) if len(name) <= ZONE_LIMIT and _ZONE.fullmatch(name) else None
    except (ValueError, OSError, KeyError):  # a folder of zones is an OSError
        found = None
    if found is None:
        raise Invalid(
            f"there is no time zone {name[:40]!a}", hint="a name such as Europe/Berlin, or UTC"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a number was made; weights are the loss of a second at impact minor, major and outage."""

    minor: Fraction = Fraction(0)
    major: Fraction = Fraction(3, 10)
    outage: Fraction = Fraction(1)
    maintenance: Maintenance = Maintenance.SHIELDS
    unseen: Unseen = Unseen.EXCLUDED
    zone: str = "UTC"
    weights: tuple[int, int, int, int, int] = field(init=False, repr=False, compare=False)
    """Outage, major, minor, unseen, and the whole they are parts of: whole numbers add up ten times faster."""

    def __post_init__(self) -> None:
        """Refuse weights that no sum could honour."""
        if not 0 <= self.minor <= self.major <= self.outage <= 1:
            raise Invalid(
                "weights must grow with the impact, from 0 to 1",
                hint="as in minor 0, major 0.3, outage 1",
            )
        place(self.zone)
        parts = (self.outage, self.major, self.minor, Fraction(self.unseen is Unseen.DOWN))
        scale = math.lcm(*(part.denominator for part in parts))
        outage, major, minor, unseen = (int(part * scale) for part in parts)
        object.__setattr__(self, "weights", (outage, major, minor, unseen, scale))

    @property
    def shielded(self) -> bool:
        """Whether nothing else counts while a maintenance is in progress."""
        return self.maintenance is not Maintenance.COUNTS

    def said(self) -> str:
        """Return how it counts, in the sentences that stand beside every number."""
        lost = ", ".join(
            f"{shortly(weight)} % of {word}"
            for word, weight in (
                ("an outage", self.outage),
                ("major impact", self.major),
                ("minor impact", self.minor),
            )
        )
        return (
            f"Lost is {lost}. {_MAINTENANCE[self.maintenance]} {_UNSEEN[self.unseen]} "
            f"Months are those of {self.zone}; rounded down."
        )


class Told(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How long a component was told to be what within a window, in microseconds.

    window: from its birth at the earliest to now at the latest; the others are parts of it. The
    order is that of `incidents.told`.
    """

    window_us: int
    outage_us: int = 0
    major_us: int = 0
    minor_us: int = 0
    maintenance_us: int = 0
    unseen_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """How availability is told.

    months: how many a table shows unless asked otherwise. freeze_after: how long after its end a
    month's number is published for good. good, fair: the shares from which on a number is called so.
    """

    policy: Policy = Policy()
    months: int = 12
    freeze_after: timedelta = timedelta(days=5)
    good: Fraction = Fraction(999, 1000)
    fair: Fraction = Fraction(99, 100)


def objective(text: str | None) -> Fraction | None:
    """Return the share of an `slo` such as `99.9`; None when it is none."""
    if text is None or not _PER_CENT.fullmatch(text):
        return None
    share = Fraction(text) / 100
    return share if 0 < share < 1 else None


def loss(told: Told, policy: Policy) -> Fraction:
    """Return the weighted time lost, in microseconds."""
    lost, scale = _loss(told, policy)
    return Fraction(lost, scale)


def _loss(told: Told, policy: Policy) -> tuple[int, int]:
    """Return the loss as numerator and denominator."""
    outage, major, minor, unseen, scale = policy.weights
    lost = (
        told.outage_us * outage
        + told.major_us * major
        + told.minor_us * minor
        + told.unseen_us * unseen
    )
    return lost, scale


def whole(told: Told, policy: Policy) -> int:
    """Return the time the loss is a share of, in microseconds."""
    seen = told.window_us
    if policy.unseen is Unseen.EXCLUDED:
        seen -= told.unseen_us
    if policy.maintenance is Maintenance.REMOVED:
        seen -= told.maintenance_us
    return seen


def availability(told: Told, policy: Policy) -> Share | None:
    """Return the share from 0 to 1; None where there is no time it could be a share of."""
    time = whole(told, policy)
    if time <= 0:
        return None
    lost, scale = _loss(told, policy)
    return share_of(time * scale, lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an objective allows to be lost in a month, and what is left of it, in whole minutes."""

    allowed_min: int
    left_min: int
    objective: Fraction

    def said(self) -> str:
        """Return it as a sentence: `12 min of 43 left at 99.9 %`."""
        at = f"at {shortly(self.objective)} %"
        if self.left_min < 0:
            return f"{-self.left_min} min over the {self.allowed_min} allowed {at}"
        return f"{self.left_min} min of {self.allowed_min} left {at}"


def budget(told: Told, policy: Policy, objective: Fraction, *, to_come_us: int) -> Budget:
    """Return what is left to lose; to_come_us: how much of the month lies ahead."""
    allowed = (1 - objective) * (told.window_us + to_come_us) / MINUTE_US
    left = allowed - loss(told, policy) / MINUTE_US
    return Budget(allowed_min=int(allowed), left_min=math.floor(left), objective=objective)


def month_bounds(first: date, months: int, zone: str) -> list[datetime]:
    """Return the beginnings of so many months from that of `first`, and the end of the last."""
    local = place(zone)
    begun = first.year * 12 + first.month - 1
    return [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=local)
        for number in range(begun, begun + months + 1)
    ]
