"""When a maintenance that comes again comes: a cron expression read on the clock of a zone.

The hour people know stays the same over both changes of clocks. A start that the spring night skips is
the moment the clocks jump; of an hour that the autumn night has twice the first counts, once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from vedette.errors import Invalid
from vedette.incidents.maintenance_rules import LONGEST

AHEAD = timedelta(days=60)
"""How far ahead occurrences stand in the calendar."""

LEAST_APART = timedelta(hours=1)
"""Between two starts: what comes more often than that is no maintenance but a state of affairs."""

LOOKED_AT = 60
"""Starts that are looked at to tell how often an expression comes."""

AT_MOST = 2_000
"""Starts that are counted at once."""

SCHEDULE_LIMIT = 200
TEXT_OF_A_TIME = 40

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Maintenances that come again.

    schedule: five fields of cron, read on the clock of `zone` (an IANA name). planned_to: up to then
    its occurrences stand as maintenances of their own. slugs: of the components that live.
    cancelled_at: None while it goes on.
    """

    id: int
    title: str
    description: str
    schedule: str
    zone: str
    lasts: timedelta
    from_at: datetime
    until_at: datetime | None
    planned_to: datetime
    components: Sequence[int]
    slugs: Sequence[str]
    version: int
    made_at: datetime
    made_by: str
    cancelled_at: datetime | None

    def starts(self, *, after: datetime, to: datetime, at_most: int = AT_MOST) -> list[datetime]:
        """Return its starts in (after, to], from `from_at` on and not behind `until_at`."""
        # A start at `from_at` itself counts.
        first = max(after, self.from_at - timedelta(seconds=1))
        last = min(to, self.until_at) if self.until_at is not None else to
        return starts(self.schedule, self.zone, after=first, to=last, at_most=at_most)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of this IANA name, as in `Europe/Berlin`; raises Invalid."""
    # Looked up in the list first: a name is also a path, and this one comes from a stranger.
    if name not in _zones():
        raise Invalid(
            f"there is no time zone {name[:40]!a}",
            hint="an IANA name, as in Europe/Berlin or UTC",
        )
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def instant_of(text: str, zone: str | None = None) -> datetime:
    """Return the instant a person wrote: with an offset, or on the clock of `zone`; raises Invalid.

    A time that the zone's clocks skip, or show twice, is refused: only its author knows what is meant.
    """
    try:
        said = datetime.fromisoformat(text.strip()) if len(text) <= TEXT_OF_A_TIME else None
    except ValueError:
        said = None
    if said is None or not 1970 <= said.year < 2200:
        raise Invalid(
            f"{text[:TEXT_OF_A_TIME]!a} is not a time",
            hint="write it as 2026-12-01T02:00Z, or 2026-12-01 02:00 with a zone",
        )
    if said.tzinfo is not None:
        return said.astimezone(UTC)
    if zone is None:
        raise Invalid(
            f"{text!r} names no zone", hint="give a zone, as in Europe/Berlin, or write an offset"
        )
    here = zone_of(zone)
    first, second = (said.replace(tzinfo=here, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if first.astimezone(here).replace(tzinfo=None) != said:
        raise Invalid(f"{text} does not exist in {zone}: the clocks skip it", hint="an hour later?")
    offsets = " or ".join(f"{each.astimezone(here):%z}" for each in (first, second))
    raise Invalid(f"{text} comes twice in {zone}", hint=f"write the offset: {offsets}")


def checked_schedule(schedule: str, zone: str, lasts: timedelta, *, now: datetime) -> str:
    """Return the expression with single blanks; raises Invalid when it comes never or too often."""
    words = " ".join(schedule.split())
    if len(words) > SCHEDULE_LIMIT or len(words.split()) != 5:
        raise Invalid(
            f"{schedule[:40]!a} is no schedule",
            hint="five fields of cron, as in '0 2 * * SUN' for Sundays at two",
        )
    zone_of(zone)
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        raise Invalid(f"it lasts a minute at least and {LONGEST.days} days at most")
    # Without a zone: the spring night makes two hours one, and that is not the author's doing.
    found = list(islice(_ticks(words, now.replace(tzinfo=None)), LOOKED_AT))
    if not found:
        raise Invalid(f"{words!r} never comes")
    least = min((after - before for before, after in pairwise(found)), default=LONGEST)
    if least < max(lasts, LEAST_APART):
        raise Invalid(
            f"{words!r} comes again after {least}, before it is over or within the hour",
            hint="let it come less often, or last less long",
        )
    return words


def starts(
    schedule: str, zone: str, *, after: datetime, to: datetime, at_most: int = AT_MOST
) -> list[datetime]:
    """Return the starts in (after, to] in order, each once, as UTC instants."""
    found: list[datetime] = []
    # A day earlier: the clock on the wall may stand before `after` while the instant lies behind it.
    begin = after.astimezone(zone_of(zone)) - timedelta(days=1)
    for tick in _ticks(schedule, begin):
        at = tick.astimezone(UTC)
        if at > to or len(found) == at_most:
            break
        if at > (found[-1] if found else after):
            found.append(at)
    return found


def _ticks(schedule: str, begin: datetime) -> Iterator[datetime]:
    try:
        yield from CronSim(schedule, begin)
    except CronSimError as error:
        raise Invalid(
            f"{schedule!a} is no schedule: {error}",
            hint="five fields of cron, as in '0 2 * * SUN' for Sundays at two",
        ) from None


def paired(
    held: Sequence[tuple[datetime, T]], wanted: Sequence[datetime], zone: str
) -> tuple[list[tuple[T, datetime]], list[T], list[datetime]]:
    """Return who moves where, who has no place any longer, and which starts are new.

    What stood on a day goes with what comes on that day by the new schedule, in their order; so a night
    that was skipped or moved stays so when the hour of the series changes.
    """
    here = zone_of(zone)
    by_day: dict[object, list[T]] = defaultdict(list)
    for at, one in sorted(held, key=lambda pair: pair[0]):
        by_day[at.astimezone(here).date()].append(one)
    moves: list[tuple[T, datetime]] = []
    new: list[datetime] = []
    for at in wanted:
        waiting = by_day[at.astimezone(here).date()]
        if waiting:
            moves.append((waiting.pop(0), at))
        else:
            new.append(at)
    return moves, [one for day in by_day.values() for one in day], new
