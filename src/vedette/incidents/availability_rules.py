"""What availability is: the share of the time seen that nothing was published against a component.

At each instant the gravest published impact counts, with its weight; an approved maintenance shields;
unseen time belongs to neither side. The sums are exact, and rounding is always down: 100 is said only
where nothing was lost. There is no standard: what counts is a policy, and stands beside the number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from vedette.errors import Invalid


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a number was made; weights are the loss of a second at impact minor, major and outage."""

    minor: Fraction = Fraction(0)
    major: Fraction = Fraction(3, 10)
    outage: Fraction = Fraction(1)
    maintenance: Maintenance = Maintenance.SHIELDS
    unseen: Unseen = Unseen.EXCLUDED
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse weights that no sum could honour."""
        if not 0 <= self.minor <= self.major <= self.outage <= 1:
            raise Invalid(
                "weights must grow with the impact, from 0 to 1",
                hint="as in minor 0, major 0.3, outage 1",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How long a component was told to be what within a window, in microseconds.

    window: from its birth at the earliest to now at the latest; the others are parts of it.
    """

    window_us: int
    outage_us: int = 0
    major_us: int = 0
    minor_us: int = 0
    maintenance_us: int = 0
    unseen_us: int = 0


def loss(told: Told, policy: Policy) -> Fraction:
    """Return the weighted time lost, in microseconds."""
    lost = (
        policy.outage * told.outage_us + policy.major * told.major_us + policy.minor * told.minor_us
    )
    return lost + told.unseen_us if policy.unseen is Unseen.DOWN else lost


def whole(told: Told, policy: Policy) -> int:
    """Return the time the loss is a share of, in microseconds."""
    seen = told.window_us
    if policy.unseen is Unseen.EXCLUDED:
        seen -= told.unseen_us
    if policy.maintenance is Maintenance.REMOVED:
        seen -= told.maintenance_us
    return seen


def availability(told: Told, policy: Policy) -> Fraction | None:
    """Return the share from 0 to 1; None where there is no time it could be a share of."""
    time = whole(told, policy)
    return 1 - loss(told, policy) / time if time > 0 else None


def mean(shares: Sequence[Fraction | None]) -> Fraction | None:
    """Return the mean of those members that have a share; None when none has."""
    known = [share for share in shares if share is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


def percent(share: Fraction | None, digits: int = 2) -> str:
    """Return a share in per cent, rounded down; `100` only when nothing was lost, "–" for none."""
    if share is None:
        return "–"
    if share == 1:
        return "100"
    scale = 10**digits
    whole_part, rest = divmod(int(share * 100 * scale), scale)
    return f"{whole_part}.{rest:0{digits}d}" if digits else str(whole_part)


def month_bounds(first: date, months: int, zone: str) -> list[datetime]:
    """Return the beginnings of so many months from that of `first`, and the end of the last."""
    place = ZoneInfo(zone)
    begun = first.year * 12 + first.month - 1
    return [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=place)
        for number in range(begun, begun + months + 1)
    ]
