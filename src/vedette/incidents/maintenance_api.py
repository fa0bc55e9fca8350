"""REST routes of maintenances: plan, begin, finish, cancel and change them, and list what stands."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch, post
from litestar.params import Parameter

from vedette import clock, durations
from vedette.access.model import Actor
from vedette.access.repeated import Kept
from vedette.access.repeated_api import answered_once
from vedette.db.queries import Connection, load
from vedette.errors import Invalid, Missing
from vedette.incidents import conduct, reads
from vedette.incidents.events_shown import (
    VARY,
    AnyRequest,
    Update,
    aware,
    sees_inside,
    shown_update,
    versioned,
)
from vedette.incidents.listing import Wanted, listed
from vedette.incidents.maintenance_rules import check_maintenance
from vedette.incidents.model import Affected, Kind
from vedette.incidents.model import Incident as Held
from vedette.incidents.plan import Plan, Replan, modify, plan
from vedette.incidents.publish import publish_incident
from vedette.incidents.rules import status_of
from vedette.incidents.series_rules import instant_of
from vedette.incidents.whom import components_of
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_place,
    encode_cursor,
    next_link,
)
from vedette.rest.versions import version_asked, version_header

Q = load(__file__, "maintenance.sql")


class NewMaintenance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A maintenance to be planned.

    components, services, regions: whom it affects, by slug or name; a service alone means all its
    regions, a region alone all its services. starts_at, ends_at: RFC 3339, or on the clock of `zone` (an
    IANA name) as in `2026-12-01 02:00`; without a start it begins now. lasts: instead of the end, as in
    `30m`. draft: operators alone see it. publish_at: when a draft goes out by itself.
    """

    title: str
    components: list[str] = []
    services: list[str] = []
    regions: list[str] = []
    starts_at: str | None = None
    ends_at: str | None = None
    lasts: str | None = None
    zone: str | None = None
    description: str = ""
    draft: bool = False
    publish_at: str | None = None


class ChangedMaintenance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is left out stays. A start that is moved alone takes the end with it.

    text: what people are told of the change. lasts: instead of the end, counted from the start.
    """

    title: str | None = None
    description: str | None = None
    components: list[str] | None = None
    services: list[str] | None = None
    regions: list[str] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    lasts: str | None = None
    zone: str | None = None
    text: str = ""


class Deed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is said of it; "" for the usual sentence. at: of an end, when it was; default now."""

    text: str = ""
    at: str | None = None
    zone: str | None = None


class Maintenance(msgspec.Struct, kw_only=True):
    """A maintenance as it stands; ends_at: the planned end, once it is over the real one.

    published_at: null for a draft. series: the series it belongs to, occurrence_at its place there.
    overlaps: ids of others of the same components at the same time. updates: the newest first; only
    where one is asked for. version: send it as `If-Match` with a change.
    """

    id: int
    title: str
    description: str
    status: str
    starts_at: datetime
    ends_at: datetime | None
    components: list[str]
    published_at: datetime | None
    publish_at: datetime | None
    revised_at: datetime | None
    series: int | None
    occurrence_at: datetime | None
    version: int
    made_at: datetime
    made_by: str
    overlaps: list[int] = []
    updates: list[Update] = []


@get("/api/v1/maintenances")
async def list_maintenances(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    status: str | None = None,
    is_open: Annotated[bool | None, Parameter(query="open")] = None,
    start: datetime | None = None,
    end: datetime | None = None,
    region: str | None = None,
    service: str | None = None,
    component: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[Maintenance]]:
    """List the maintenances, the latest start first; drafts stand among them for who may write.

    `start` and `end` (RFC 3339): those that lie between, wholly or in part.
    """
    wanted = Wanted(
        kind=Kind.MAINTENANCE,
        status=status_of(status, Kind.MAINTENANCE) if status is not None else None,
        is_open=is_open,
        start=aware(start, "start"),
        end=aware(end, "end"),
        region=region,
        service=service,
        component=component,
        drafts=sees_inside(actor),
    )
    after = decode_place(cursor) if cursor else None
    page = await listed(conn, wanted, limit=limit, after=after)
    members = await reads.affected(conn, [held.id for held in page.incidents])
    rows = [_shown(held, members[held.id]) for held in page.incidents]
    more = encode_cursor(page.following) if page.following else None
    return Response(rows, headers={**next_link(request, more), **VARY})


@get("/api/v1/maintenances/{number:int}")
async def show_maintenance(conn: Connection, actor: Actor, number: int) -> Response[Maintenance]:
    """Show one maintenance with what was said of it; drafts and internal notes are for who may write."""
    shown = await _one(conn, number, inside=sees_inside(actor))
    return Response(shown, headers={**version_header(shown.version), **VARY})


@post("/api/v1/maintenances")
async def plan_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, data: NewMaintenance
) -> Response[Maintenance]:
    """Plan a maintenance, or begin one now; `Idempotency-Key` makes a repetition harmless."""
    now = clock.now()

    async def act() -> int:
        starts_at = instant_of(data.starts_at, data.zone) if data.starts_at else now
        ends_at = _end(data.ends_at, data.lasts, data.zone, starts_at)
        if ends_at is None:
            raise Invalid("the end is missing", hint="give ends_at, or lasts as in 30m")
        wish = Plan(
            title=data.title,
            description=data.description,
            starts_at=starts_at,
            ends_at=ends_at,
            components=await components_of(
                conn, components=data.components, services=data.services, regions=data.regions
            ),
            draft=data.draft,
            publish_at=instant_of(data.publish_at, data.zone) if data.publish_at else None,
        )
        return await plan(conn, wish, by=actor.name, now=now)

    return await _answered(request, conn, actor, act, status=201)


@patch("/api/v1/maintenances/{number:int}")
async def change_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, number: int, data: ChangedMaintenance
) -> Response[Maintenance]:
    """Change a maintenance that is not over; `If-Match` names the version that was read."""

    async def act() -> int:
        held = await reads.incident(conn, number)
        starts_at = instant_of(data.starts_at, data.zone) if data.starts_at else None
        named = (data.components, data.services, data.regions)
        wish = Replan(
            title=data.title,
            description=data.description,
            starts_at=starts_at,
            ends_at=_end(data.ends_at, data.lasts, data.zone, starts_at or held.starts_at),
            components=await components_of(
                conn,
                components=data.components or (),
                services=data.services or (),
                regions=data.regions or (),
            )
            if any(words is not None for words in named)
            else None,
            text=data.text,
        )
        await modify(
            conn, number, wish, by=actor.name, now=clock.now(), version=version_asked(request)
        )
        return number

    return await _answered(request, conn, actor, act)


@post("/api/v1/maintenances/{number:int}/start", status_code=200)
async def start_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, number: int, data: Deed
) -> Response[Maintenance]:
    """Begin a planned maintenance now, before its time; its end stays."""
    return await _conducted(request, conn, actor, number, data, conduct.start)


@post("/api/v1/maintenances/{number:int}/finish", status_code=200)
async def finish_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, number: int, data: Deed
) -> Response[Maintenance]:
    """End a maintenance that is in progress, now or at the time that is given."""
    at = instant_of(data.at, data.zone) if data.at else None

    async def finish(conn: Connection, number: int, **said: Any) -> None:  # noqa: ANN401 - handed on
        await conduct.finish(conn, number, at=at, **said)

    return await _conducted(request, conn, actor, number, data, finish)


@post("/api/v1/maintenances/{number:int}/cancel", status_code=200)
async def cancel_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, number: int, data: Deed
) -> Response[Maintenance]:
    """Call off a maintenance that has not begun."""
    return await _conducted(request, conn, actor, number, data, conduct.cancel)


@post("/api/v1/maintenances/{number:int}/publish", status_code=200)
async def publish_maintenance(
    request: AnyRequest, conn: Connection, actor: Actor, number: int
) -> Response[Maintenance]:
    """Let the public read a draft."""

    async def act() -> int:
        check_maintenance(await reads.incident(conn, number))
        now, version = clock.now(), version_asked(request)
        await publish_incident(conn, number, by=actor.name, now=now, version=version)
        return number

    return await _answered(request, conn, actor, act)


routes = [
    list_maintenances,
    show_maintenance,
    plan_maintenance,
    change_maintenance,
    start_maintenance,
    finish_maintenance,
    cancel_maintenance,
    publish_maintenance,
]


async def _conducted(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    number: int,
    data: Deed,
    verb: Callable[..., Awaitable[None]],
) -> Response[Maintenance]:
    async def act() -> int:
        version = version_asked(request)
        await verb(conn, number, by=actor.name, now=clock.now(), text=data.text, version=version)
        return number

    return await _answered(request, conn, actor, act)


async def _answered(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    act: Callable[[], Awaitable[int]],
    *,
    status: int = 200,
) -> Response[Maintenance]:
    """Act, once for each `Idempotency-Key`, and answer the maintenance as it then stands."""

    async def done() -> Kept:
        return Kept(status, msgspec.json.encode(await _one(conn, await act())))

    return versioned(await answered_once(request, conn, actor, done))


async def _one(conn: Connection, number: int, *, inside: bool = True) -> Maintenance:
    """Return it; inside: with what operators alone read. Raises Missing, also for a draft that is not shown."""
    held = await reads.incident(conn, number)
    if held.published_at is None and not inside:
        raise Missing(f"there is no incident {number}")
    check_maintenance(held)
    shown = _shown(held, (await reads.affected(conn, [number]))[number])
    overlapping = await Q.all(conn, "overlapping", number=number, drafts=inside)
    shown.overlaps = [row[0] for row in overlapping]
    said = (await reads.updates(conn, [number], internal=inside))[number]
    shown.updates = [shown_update(one) for one in said]
    return shown


def _end(
    ends_at: str | None, lasts: str | None, zone: str | None, starts_at: datetime
) -> datetime | None:
    if ends_at is not None and lasts is not None:
        raise Invalid("both ends_at and lasts are given", hint="give one of them")
    return starts_at + lasting(lasts) if lasts else instant_of(ends_at, zone) if ends_at else None


def lasting(text: str) -> timedelta:
    """Return how long it lasts; raises Invalid, also for what is longer than any time."""
    length = durations.parse(text)
    if not timedelta(0) < length < timedelta(days=3660):
        raise Invalid(f"{text[:40]!a} is no duration of a maintenance", hint="as in 30m or 2h")
    return length


def _shown(held: Held, members: list[Affected]) -> Maintenance:
    return Maintenance(
        id=held.id,
        title=held.title,
        description=held.description,
        status=held.status,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        components=[one.slug for one in members if one.left_at is None],
        published_at=held.published_at,
        publish_at=held.publish_at,
        revised_at=held.revised_at,
        series=held.series_id,
        occurrence_at=held.occurrence_at,
        version=held.version,
        made_at=held.made_at,
        made_by=held.made_by,
    )
