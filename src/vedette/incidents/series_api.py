"""REST routes of series: maintenances that come again.

Those that change one take `If-Match` and `Idempotency-Key`, as those of incidents do.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, patch, post

from vedette import clock, durations
from vedette.access.model import Actor
from vedette.access.repeated import Kept
from vedette.access.repeated_api import answered_once
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.incidents import series
from vedette.incidents.maintenance_api import lasting
from vedette.incidents.series_rules import Series as Held
from vedette.incidents.series_rules import instant_of
from vedette.incidents.whom import components_of
from vedette.rest.versions import version_asked, version_header

AnyRequest = Request[Any, Any, Any]

LAST = datetime(2200, 1, 1, tzinfo=UTC)
SHOWN = 3
"""Starts to come that are shown."""

NUMBER_LIMIT = 2**31


class NewSeries(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A series to begin.

    schedule: five fields of cron, as in `0 2 * * SUN`, read on the clock of `zone` (an IANA name).
    lasts: as in `2h`. from_at, until_at: RFC 3339, or on the clock of the zone; default from now on,
    without an end. Whom it affects: as with a maintenance.
    """

    title: str
    schedule: str
    zone: str
    lasts: str
    components: list[str] = []
    services: list[str] = []
    regions: list[str] = []
    description: str = ""
    from_at: str | None = None
    until_at: str | None = None


class ChangedSeries(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise from now on; what is left out stays."""

    title: str | None = None
    description: str | None = None
    schedule: str | None = None
    zone: str | None = None
    lasts: str | None = None
    until_at: str | None = None
    components: list[str] | None = None
    services: list[str] | None = None
    regions: list[str] | None = None


class Series(msgspec.Struct, kw_only=True):
    """A series as it stands. next: its next starts by the schedule; cancelled_at: null while it goes on."""

    id: int
    title: str
    description: str
    schedule: str
    zone: str
    lasts: str
    components: list[str]
    from_at: datetime
    until_at: datetime | None
    cancelled_at: datetime | None
    next: list[datetime]
    version: int
    made_at: datetime
    made_by: str


@get("/api/v1/maintenances/series")
async def list_series(conn: Connection) -> list[Series]:
    """List the series that go on, the oldest first."""
    now = clock.now()
    return [_shown(held, now=now) for held in await series.all_series(conn)]


@get("/api/v1/maintenances/series/{number:int}")
async def show_series(conn: Connection, number: int) -> Response[Series]:
    """Show one series, also one that has ended."""
    shown = await _one(conn, _checked(number))
    return Response(shown, headers=version_header(shown.version))


@post("/api/v1/maintenances/series")
async def begin_series(
    request: AnyRequest, conn: Connection, actor: Actor, data: NewSeries
) -> Response[Series]:
    """Begin a series; its occurrences of the next sixty days are planned at once."""

    async def act() -> int:
        wish = series.Wish(
            title=data.title,
            description=data.description,
            schedule=data.schedule,
            zone=data.zone,
            lasts=lasting(data.lasts),
            from_at=instant_of(data.from_at, data.zone) if data.from_at else None,
            until_at=instant_of(data.until_at, data.zone) if data.until_at else None,
            components=await components_of(
                conn, components=data.components, services=data.services, regions=data.regions
            ),
        )
        return await series.begin_series(conn, wish, by=actor.name, now=clock.now())

    return await _answered(request, conn, actor, act, status=201)


@patch("/api/v1/maintenances/series/{number:int}")
async def change_series(
    request: AnyRequest, conn: Connection, actor: Actor, number: int, data: ChangedSeries
) -> Response[Series]:
    """Change a series for what has not begun; what was moved or skipped by hand stays as it is."""
    version = version_asked(request)

    async def act() -> int:
        held = await series.series(conn, _checked(number))
        columns = await _columns(conn, held, data)
        by, now = actor.name, clock.now()
        await series.change_series(conn, number, by=by, now=now, version=version, **columns)
        return number

    return await _answered(request, conn, actor, act)


@post("/api/v1/maintenances/series/{number:int}/end", status_code=200)
async def end_series(
    request: AnyRequest, conn: Connection, actor: Actor, number: int
) -> Response[Series]:
    """End a series; what of it has not begun is cancelled."""
    version = version_asked(request)

    async def act() -> int:
        by, now = actor.name, clock.now()
        await series.end_series(conn, _checked(number), by=by, now=now, version=version)
        return number

    return await _answered(request, conn, actor, act)


routes = [list_series, show_series, begin_series, change_series, end_series]


async def _columns(conn: Connection, held: Held, data: ChangedSeries) -> dict[str, Any]:
    """Return what is to be otherwise; raises Invalid or Missing."""
    columns: dict[str, Any] = {
        name: value
        for name in ("title", "description", "schedule", "zone")
        if (value := getattr(data, name)) is not None
    }
    if data.lasts is not None:
        columns["lasts"] = lasting(data.lasts)
    if data.until_at is not None:
        columns["until_at"] = instant_of(data.until_at, data.zone or held.zone)
    named = (data.components, data.services, data.regions)
    if any(words is not None for words in named):
        components, services, regions = (words or [] for words in named)
        columns["components"] = await components_of(
            conn, components=components, services=services, regions=regions
        )
    return columns


async def _answered(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    act: Callable[[], Awaitable[int]],
    *,
    status: int = 200,
) -> Response[Series]:
    """Act, once for each `Idempotency-Key`, and answer the series as it then stands."""

    async def done() -> Kept:
        return Kept(status, msgspec.json.encode(await _one(conn, await act())))

    kept = await answered_once(request, conn, actor, done)
    shown = msgspec.json.decode(kept.body, type=Series)
    return Response(shown, status_code=kept.status, headers=version_header(shown.version))


async def _one(conn: Connection, number: int) -> Series:
    return _shown(await series.series(conn, number), now=clock.now())


def _checked(number: int) -> int:
    """Return the number as the column can hold it; raises Missing for one that no series has."""
    if not 0 < number < NUMBER_LIMIT:
        raise Missing(f"there is no series {number}")
    return number


def _shown(held: Held, *, now: datetime) -> Series:
    coming = [] if held.cancelled_at else held.starts(after=now, to=LAST, at_most=SHOWN)
    return Series(
        id=held.id,
        title=held.title,
        description=held.description,
        schedule=held.schedule,
        zone=held.zone,
        lasts=durations.spell(held.lasts),
        components=list(held.slugs),
        from_at=held.from_at,
        until_at=held.until_at,
        cancelled_at=held.cancelled_at,
        next=coming,
        version=held.version,
        made_at=held.made_at,
        made_by=held.made_by,
    )
