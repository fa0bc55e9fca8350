"""What operators ask of health: how targets and components are, what was seen, what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.health.feed_reads import KeptReport

Q = load(__file__, "reads.sql")

LAST_AGENT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target, how it is, and what its newest report said.

    agent_selectors: who was declared to look; agents: who does. rtt_s: None when no answer came.
    last_report_at: None before the first.
    """

    id: int
    name: str
    slug: str
    connector: str
    every_ms: int
    timeout_ms: int
    agent_selectors: list[str]
    component: str | None
    cluster: str | None
    state: str
    since: datetime
    reason: str
    error_class: str
    last_report_at: datetime | None
    rtt_s: float | None
    facts: Mapping[str, str]
    agents: list[str]


@dataclass(frozen=True, slots=True)
class ObserverRow:
    """What one agent saw of a target last; `look` is that report's own state, `state` what is held."""

    agent: str
    state: str
    since: datetime
    look: str
    at: datetime
    error_class: str
    message: str
    rtt_s: float | None
    silent_since: datetime | None
    reported: bool
    layout_id: int
    values: list[float]


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """A change of state; `at` by the reports' time, `recorded_at` when we knew; `was` "" for the first."""

    id: int
    was: str
    now: str
    at: datetime
    recorded_at: datetime
    reason: str
    error_class: str


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A component and how it is; region and category None where nobody said."""

    slug: str
    service: str
    region: str | None
    category: str | None
    attributes: Mapping[str, Any]
    state: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GapRow:
    """Reports an agent had to drop, and why."""

    agent: str
    reports: int
    from_at: datetime
    to_at: datetime
    reason: str
    recorded_at: datetime


async def targets(conn: Connection, *, after: str = "", limit: int) -> list[TargetRow]:
    """Return the living targets after that name, by name."""
    return await Q.all(conn, "targets", row=TargetRow, name=None, after=after, limit=limit)


async def target(conn: Connection, name: str) -> TargetRow:
    """Return one living target; raise `Missing`."""
    found = await Q.one(conn, "targets", row=TargetRow, name=name, after="", limit=1)
    if found is None:
        raise Missing(f"no target is called {name!r}", hint="vedette get targets lists them")
    return found


async def observers(conn: Connection, target_id: int) -> list[ObserverRow]:
    """Return what each agent that looks at the target saw last."""
    return await Q.all(conn, "observers", row=ObserverRow, target_id=target_id)


async def transitions_of_target(
    conn: Connection, target_id: int, *, limit: int
) -> list[TransitionRow]:
    """Return the target's latest changes of state, newest first."""
    return await Q.all(
        conn, "transitions_of_target", row=TransitionRow, target_id=target_id, limit=limit
    )


async def latest_reports(
    conn: Connection,
    target_id: int,
    *,
    since: datetime,
    until: datetime,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[KeptReport]:
    """Return the reports of [since, until] before that place, newest first.

    `before` is the (at, agent id) of the last one already seen.
    """
    before_at, before_agent_id = before or (until, LAST_AGENT)
    return await Q.all(
        conn,
        "latest_reports",
        row=KeptReport,
        target_id=target_id,
        since=since,
        until=until,
        before_at=before_at,
        before_agent_id=before_agent_id,
        limit=limit,
    )


async def components(conn: Connection, *, after: str = "", limit: int) -> list[ComponentRow]:
    """Return the living components after that slug, by slug."""
    return await Q.all(conn, "components", row=ComponentRow, after=after, limit=limit)


async def gaps(conn: Connection, agent: str, *, limit: int) -> list[GapRow]:
    """Return the reports an agent had to drop, newest first."""
    return await Q.all(conn, "gaps", row=GapRow, agent=agent, limit=limit)
