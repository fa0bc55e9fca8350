"""REST routes of health: targets, their reports, components."""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.health import reads
from vedette.health.feed_reads import KeptReport, Layout
from vedette.health.feed_reads import layouts as layouts_by_id
from vedette.health.model import State
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

AnyRequest = Request[Any, Any, Any]
LONGEST = timedelta(days=31)
"""The widest range of single reports one question may span."""
HISTORY = 50

Time = Annotated[
    datetime | None,
    Parameter(description="RFC 3339, with its zone, as in 2026-11-22T03:00:00Z."),
]


class MeasuredValue(msgspec.Struct, kw_only=True):
    """A measurement; entity is "" for the target itself, else `kind:id`."""

    name: str
    entity: str
    unit: str
    value: float


class Report(msgspec.Struct, kw_only=True):
    """One look; rtt_s is null when no answer came."""

    at: datetime
    agent: str
    state: str
    error_class: str
    rtt_s: float | None
    measurements: list[MeasuredValue]


class Target(msgspec.Struct, kw_only=True):
    """A target and how it is; durations in seconds."""

    name: str
    connector: str
    state: str
    since: datetime
    reason: str
    error_class: str
    component: str | None
    cluster: str | None
    every_s: float
    timeout_s: float
    agents: list[str]
    last_report_at: datetime | None
    rtt_s: float | None
    facts: dict[str, str]


class Observer(msgspec.Struct, kw_only=True):
    """What one agent sees of a target; silent_since is set while it tells nothing."""

    agent: str
    state: str
    since: datetime
    last_look: str
    last_report_at: datetime | None
    error_class: str
    message: str
    rtt_s: float | None
    silent_since: datetime | None
    measurements: list[MeasuredValue]


class Transition(msgspec.Struct, kw_only=True):
    """A change of state: `at` by the reports' time, `recorded_at` when it was known."""

    id: int
    was: str
    now: str
    at: datetime
    recorded_at: datetime
    reason: str
    error_class: str


class TargetDetail(Target, kw_only=True):
    """A target with what each agent sees of it and how it changed."""

    observers: list[Observer]
    transitions: list[Transition]


class Component(msgspec.Struct, kw_only=True):
    """A service in a region and how it is."""

    slug: str
    service: str
    region: str | None
    category: str | None
    attributes: dict[str, Any]
    state: str
    since: datetime
    reason: str


@get("/api/v1/targets")
async def list_targets(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Target]]:
    """List the targets and how they are, by name."""
    after = decode_cursor(cursor, str) if cursor else ""
    rows = await reads.targets(conn, after=after, limit=limit)
    more = encode_cursor(rows[-1].name) if len(rows) == limit else None
    return Response([_target(row) for row in rows], headers=next_link(request, more))


@get("/api/v1/targets/{name:str}")
async def show_target(conn: Connection, name: str) -> TargetDetail:
    """Show one target: its state, what each agent sees, its latest changes."""
    row = await reads.target(conn, name)
    observers = await reads.observers(conn, row.id)
    layouts = await layouts_by_id(conn, [observer.layout_id for observer in observers])
    changes = await reads.transitions_of_target(conn, row.id, limit=HISTORY)
    return TargetDetail(
        **msgspec.structs.asdict(_target(row)),
        observers=[
            Observer(
                agent=each.agent,
                state=each.state,
                since=each.since,
                last_look=each.look,
                last_report_at=each.at if each.reported else None,
                error_class=each.error_class,
                message=each.message,
                rtt_s=each.rtt_s,
                silent_since=each.silent_since,
                measurements=_measured(layouts.get(each.layout_id), each.values),
            )
            for each in observers
        ],
        transitions=[
            Transition(**{field: getattr(change, field) for field in Transition.__struct_fields__})
            for change in changes
        ],
    )


@get("/api/v1/targets/{name:str}/reports")
async def list_reports(
    request: AnyRequest,
    conn: Connection,
    name: str,
    since: Time = None,
    until: Time = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[Report]]:
    """List a target's reports, newest first; the last hour unless `since` says otherwise."""
    row = await reads.target(conn, name)
    until = aware(until, "until") or clock.now()
    since = aware(since, "since") or until - timedelta(hours=1)
    if not timedelta(0) <= until - since <= LONGEST:
        raise Invalid(
            f"since must be before until by at most {LONGEST.days} days",
            hint="ask for a narrower range",
        )
    before = decode_cursor(cursor, tuple[datetime, int]) if cursor else None
    kept = await reads.latest_reports(
        conn, row.id, since=since, until=until, before=before, limit=limit
    )
    layouts = await layouts_by_id(conn, [report.layout_id for report in kept])
    more = encode_cursor((kept[-1].at, kept[-1].agent_id)) if len(kept) == limit else None
    body = [_report(report, layouts.get(report.layout_id)) for report in kept]
    return Response(body, headers=next_link(request, more))


@get("/api/v1/components")
async def list_components(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Component]]:
    """List the components and how they are, by slug."""
    after = decode_cursor(cursor, str) if cursor else ""
    rows = await reads.components(conn, after=after, limit=limit)
    more = encode_cursor(rows[-1].slug) if len(rows) == limit else None
    body = [
        Component(**{field: getattr(row, field) for field in Component.__struct_fields__})
        for row in rows
    ]
    return Response(body, headers=next_link(request, more))


routes = [list_targets, show_target, list_reports, list_components]


def _target(row: reads.TargetRow) -> Target:
    return Target(
        name=row.name,
        connector=row.connector,
        state=row.state,
        since=row.since,
        reason=row.reason,
        error_class=row.error_class,
        component=row.component,
        cluster=row.cluster,
        every_s=row.every_ms / 1000,
        timeout_s=row.timeout_ms / 1000,
        agents=row.agents,
        last_report_at=row.last_report_at,
        rtt_s=row.rtt_s,
        facts=dict(row.facts),
    )


def _report(report: KeptReport, layout: Layout | None) -> Report:
    return Report(
        at=report.at,
        agent=report.agent or "",
        state=State(report.state).word,
        error_class=report.error_class,
        rtt_s=None if math.isnan(report.rtt_s) else report.rtt_s,
        measurements=_measured(layout, report.values),
    )


def _measured(layout: Layout | None, values: list[float]) -> list[MeasuredValue]:
    if layout is None:
        return []
    return [
        MeasuredValue(name=name, entity=entity, unit=unit, value=value)
        for name, entity, unit, value in zip(
            layout.names, layout.entities, layout.units, values, strict=False
        )
    ]


def aware(at: datetime | None, name: str) -> datetime | None:
    """Return the time in UTC; raise `Invalid` when it has no zone."""
    if at is not None and at.tzinfo is None:
        raise Invalid(f"{name} has no time zone", hint="write it as in 2026-11-22T03:00:00Z")
    try:
        return at.astimezone(UTC) if at else None
    except OverflowError:
        raise Invalid(f"{name} is no time that UTC has", hint="years 1 to 9999") from None
