"""The questions the pages ask: one function, one named query; nothing here writes.

What the status page reads in bulk are msgspec Structs: made five times as fast as frozen dataclasses.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection

from vedette.db.queries import load

Q = load(__file__, "reads.sql")

CHARTS_LIMIT = 120
HISTORY_LIMIT = 50

Connection = AsyncConnection[Any]


class Component(msgspec.Struct, frozen=True, gc=False):
    """A line of the status page; `since` is None while nobody has looked at it."""

    id: int
    slug: str
    service: str
    category: str
    region: str
    type: str
    state: str
    since: datetime | None


class Days(msgspec.Struct, frozen=True, gc=False):
    """The days of one component; a day neither quiet nor troubled was not watched at all.

    seen_s: seconds of which we know how it was; up_s: those it was up. quiet: a character a day, "1"
    where it was up and nothing else. troubled: the other days as JSON, an array of `bars.Day`; read
    only where they are not drawn yet.
    """

    id: int
    up_s: float
    seen_s: float
    quiet: str
    troubled: str


@dataclass(frozen=True, slots=True)
class Sight:
    """How fresh our eyes are: None means never."""

    seen_at: datetime | None
    watched_at: datetime | None


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target in the list of all."""

    name: str
    slug: str
    connector: str
    cluster: str
    component: str
    state: str
    since: datetime | None
    reason: str


class Tally(NamedTuple):
    """How many targets have one word of one kind: `state`, `cluster` or `connector`.

    States count only the targets asked for (in any state), the others all there are.
    """

    kind: str
    word: str
    number: int


@dataclass(frozen=True, slots=True)
class Target:
    """One target: what was declared of it and what we hold."""

    id: int
    name: str
    connector: str
    cluster: str
    component: str
    every_ms: int
    timeout_ms: int
    bad_after: int
    good_after: int
    state: str
    since: datetime | None
    reason: str
    error_class: str
    thresholds: dict[str, Any]
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Observer:
    """What one agent holds of a target, and the measurements of its latest report.

    rtt_s is NaN when no answer came; until `reported` nothing but the agent's name means anything.
    """

    agent: str
    state: str
    since: datetime
    seen_at: datetime
    reported: bool
    silent_since: datetime | None
    error_class: str
    message: str
    facts: dict[str, Any]
    rtt_s: float
    names: list[str]
    entities: list[str]
    units: list[str]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Series:
    """One measurement over time, a point a bucket: seconds from the start, mean, least, most."""

    name: str
    entity: str
    unit: str
    at_s: list[float]
    mean: list[float]
    least: list[float]
    most: list[float]


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of state; `was` is "" the first time."""

    at: datetime
    was: str
    now: str
    reason: str
    error_class: str


async def components(conn: Connection) -> list[Component]:
    """Return the components of the status page, in its order."""
    return await Q.all(conn, "components", row=Component)


async def days(conn: Connection, *, first: date, now: datetime) -> dict[int, Days]:
    """Return the days from `first` to today by component id."""
    rows = await Q.all(conn, "days", row=Days, first=first, today=now.date(), now=now)
    return {row.id: row for row in rows}


async def targets(
    conn: Connection,
    *,
    state: str,
    cluster: str,
    connector: str,
    words: str,
    skip: int,
    limit: int,
) -> list[TargetLine]:
    """Return the targets asked for ("" asks for all), the gravest first."""
    return await Q.all(
        conn,
        "targets",
        row=TargetLine,
        state=state,
        cluster=cluster,
        connector=connector,
        words=words,
        skip=skip,
        limit=limit,
    )


async def tally(conn: Connection, *, cluster: str, connector: str, words: str) -> list[Tally]:
    """Return how many targets there are of each state, cluster and connector."""
    return await Q.all(conn, "tally", row=Tally, cluster=cluster, connector=connector, words=words)


async def target(conn: Connection, name: str) -> Target | None:
    """Return the target of that name or slug."""
    return await Q.one(conn, "target", row=Target, name=name)


async def observers(conn: Connection, target_id: int) -> list[Observer]:
    """Return what each agent holds of the target, the freshest first."""
    return await Q.all(conn, "observers", row=Observer, target_id=target_id)


async def series(
    conn: Connection, target_id: int, *, since: datetime, until: datetime, bucket: timedelta
) -> list[Series]:
    """Return the target's measurements over time, at most `CHARTS_LIMIT` of them."""
    return await Q.all(
        conn,
        "series",
        row=Series,
        target_id=target_id,
        since=since,
        until=until,
        bucket=bucket,
        limit=CHARTS_LIMIT,
    )


async def meanings(conn: Connection, connector: str) -> dict[str, str]:
    """Return what each measurement of the connector means."""
    return dict(await Q.all(conn, "help", connector=connector))


async def history(conn: Connection, target_id: int) -> list[Turn]:
    """Return the target's latest changes of state, the newest first."""
    return await Q.all(conn, "history", row=Turn, target_id=target_id, limit=HISTORY_LIMIT)
