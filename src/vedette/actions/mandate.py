"""A mandate: what people signed once, to be run so many times, each time in its own window and no other.

The windows stand in the signed bytes, so that every agent knows them. Run 3 is the same document with
the number 3 beside it: an agent takes it only within the third window, and once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from vedette.durations import spell
from vedette.errors import Invalid

MOST_RUNS = 10_000
LEAST_APART = timedelta(minutes=1)
CRON_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """How often, how many times.

    every: between two starts, the first being when the action begins to count; None: by cron.
    cron: five fields in UTC, "" for every. each: how long a run counts; None: until the next begins.
    """

    runs: int
    every: timedelta | None = None
    cron: str = ""
    each: timedelta | None = None

    def __post_init__(self) -> None:
        """Raise Invalid for what can be no mandate."""
        if not 1 <= self.runs <= MOST_RUNS:
            raise Invalid(f"mandate.runs must be a whole number from 1 to {MOST_RUNS}")
        if (self.every is None) == (not self.cron):
            raise Invalid("mandate must have either every_s or cron")
        for name, length in (("every_s", self.every), ("each_s", self.each)):
            if length is not None and not LEAST_APART <= length <= timedelta(days=366):
                raise Invalid(f"mandate.{name} must be from 60 to {366 * 86_400}")
        if self.cron:
            _cron(self.cron, datetime(2026, 1, 1, tzinfo=UTC))

    def as_json(self) -> dict[str, object]:
        """Return it as it stands in a document."""
        parts = {
            "runs": self.runs,
            "every_s": None if self.every is None else int(self.every.total_seconds()),
            "cron": self.cron or None,
            "each_s": None if self.each is None else int(self.each.total_seconds()),
        }
        return {name: value for name, value in parts.items() if value is not None}

    def __str__(self) -> str:
        """Say it as people do."""
        how = f"by cron {self.cron} (UTC)" if self.every is None else f"every {spell(self.every)}"
        each = "" if self.each is None else f", each counts for {spell(self.each)}"
        return f"{how}, {self.runs} times at most{each}"


@dataclass(frozen=True, slots=True)
class Window:
    """When a run counts: from begins, before ends. number: 1 is the first run."""

    number: int
    begins: datetime
    ends: datetime


def windows(mandate: Mandate, begins: datetime, ends: datetime) -> Iterator[Window]:
    """Yield the windows of a mandate that counts from begins until ends, in their order."""
    starts = _starts(mandate, begins)
    start = next(starts, None)
    for number in range(1, mandate.runs + 1):
        if start is None or start >= ends:
            return
        following = next(starts, None)
        limits = [ends, following, start + mandate.each if mandate.each else None]
        yield Window(number, start, min(limit for limit in limits if limit is not None))
        start = following


def window_of(mandate: Mandate, begins: datetime, ends: datetime, number: int) -> Window:
    """Return the window of a run; raises Invalid when there is none of that number."""
    for window in windows(mandate, begins, ends):
        if window.number == number:
            return window
    raise Invalid(f"the mandate has no run {number}")


def _starts(mandate: Mandate, begins: datetime) -> Iterator[datetime]:
    if mandate.every is not None:
        return (begins + number * mandate.every for number in count())
    return _cron(mandate.cron, begins)


def _cron(expression: str, begins: datetime) -> Iterator[datetime]:
    """Return the moments of the expression from `begins` on; raises Invalid when nobody can read it."""
    # Imported when there is one: agents hold few mandates, and most none.
    from cronsim import CronSim, CronSimError

    try:
        if len(expression) > CRON_CHARACTERS or len(expression.split()) != 5:
            raise Invalid("mandate.cron must have five fields, as in 0 3 * * *")
        return CronSim(expression, begins - timedelta(minutes=1))
    except CronSimError as wrong:
        raise Invalid(f"mandate.cron cannot be read: {wrong}") from None
