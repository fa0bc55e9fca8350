"""When an objective is of a component of ours, then what was published of the component are its values.

Its indicator is the availability that people read: the same weights, the same maintenance, the same unseen time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.incidents.availability_rules import Maintenance, Policy, Unseen
from vedette.records.budgets import Account, account, bounds
from vedette.records.objectives_reads import Kept, Place, Wanted, objectives, values_between
from vedette.records.slo_rules import Measured

Q = load(__file__, "objectives_measured.sql")
UNTIL_NEXT = timedelta(days=366 * 20)
"""How long a published state stands, and what was put together of values: until the next."""
OUTAGE, MAJOR, MINOR, UNSEEN, MAINTENANCE, LIFE = range(1, 7)
"""What a component was told to be, the gravest first; `LIFE` is that nothing was told against it."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a component was told to be, from when to when."""

    rank: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """An objective and where it stands; account: None where its target leaves nothing to count."""

    kept: Kept
    account: Account | None


def measured_of(spans: Iterable[Span], policy: Policy) -> list[Measured]:
    """Return the values that spans say, which do not overlap; between them there is no data."""
    values: list[Measured] = []
    end = None
    for span in sorted(spans, key=lambda one: one.since):
        if end is not None and end < span.since:
            values.append(Measured(end, None))
        values.append(Measured(span.since, _value(span.rank, policy)))
        end = span.until
    return values if end is None else [*values, Measured(end, None)]


def _value(rank: int, policy: Policy) -> float | None:
    """Return what a second of it counts, in per cent."""
    if rank == MAINTENANCE:
        return None if policy.maintenance is Maintenance.REMOVED else 100.0
    if rank == UNSEEN:
        return {Unseen.EXCLUDED: None, Unseen.DOWN: 0.0, Unseen.UP: 100.0}[policy.unseen]
    lost = {OUTAGE: policy.outage, MAJOR: policy.major, MINOR: policy.minor}.get(rank, 0)
    return float(100 * (1 - lost))


async def shown_objectives(
    conn: Connection,
    wanted: Wanted,
    *,
    policy: Policy,
    now: datetime,
    limit: int,
    after: Place | None = None,
) -> Sequence[Shown]:
    """Return a page of objectives, each with where it stands now: three statements, however many."""
    kept = await objectives(conn, wanted, limit=limit, after=after)
    countable = [one for one in kept if 0 < one.target < 100]
    since: dict[int, set[datetime]] = {}
    for one in countable:
        if one.slo_id:
            since.setdefault(one.slo_id, set()).update(bounds(one.objective, now=now))
    values = await values_between(conn, since, now=now)
    told = await _told(conn, [one for one in countable if one.component_id], policy, now=now)
    return [
        Shown(one, _account(one, values, told, now=now) if 0 < one.target < 100 else None)
        for one in kept
    ]


def _account(
    one: Kept,
    values: dict[int, list[Measured]],
    told: dict[int, list[Measured]],
    *,
    now: datetime,
) -> Account:
    if one.component_id is not None:
        own = told.get(one.component_id, [])
    else:
        own = values.get(one.slo_id, [])
    return account(one.objective, own, now=now, stands=UNTIL_NEXT)


async def _told(
    conn: Connection, kept: Sequence[Kept], policy: Policy, *, now: datetime
) -> dict[int, list[Measured]]:
    if not kept:
        return {}
    since = min(min(bounds(one.objective, now=now)) for one in kept)
    spans: dict[int, list[Span]] = {}
    for component, rank, begins, ends in await Q.all(
        conn,
        "told",
        components=sorted({one.component_id for one in kept if one.component_id}),
        bounds=[since, now],
        now=now,
        shielded=policy.shielded,
    ):
        spans.setdefault(component, []).append(Span(rank, begins, ends))
    return {component: measured_of(each, policy) for component, each in spans.items()}
