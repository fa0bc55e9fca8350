"""REST routes that read incidents, maintenances and notes, richer than the wire of other systems.

With the scope `read` one sees what was published; drafts, internal notes and who changed what are for
those who may write (`incidents:write`).
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.incidents import reads
from vedette.incidents.events_shown import (
    VARY,
    AnyRequest,
    Event,
    EventId,
    Update,
    aware,
    sees_inside,
    shown,
    shown_update,
)
from vedette.incidents.history import history_of
from vedette.incidents.listing import Wanted, listed
from vedette.incidents.model import Incident, Kind
from vedette.incidents.rules import any_status_of, impact_of
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_place,
    encode_cursor,
    next_link,
)
from vedette.rest.versions import version_header

Word = Annotated[str | None, Parameter(max_length=200)]
Time = Annotated[
    datetime | None, Parameter(description="RFC 3339, with its zone, as in 2026-11-22T03:00:00Z.")
]


class Change(msgspec.Struct, kw_only=True):
    """One change: when, by whom, which verb, and what it noted."""

    at: datetime
    by: str
    change: str
    detail: dict[str, Any]


@get("/api/v1/events")
async def list_events(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    start: Time = None,
    end: Time = None,
    impact: Word = None,
    region: Word = None,
    service: Word = None,
    component: Word = None,
    status: Word = None,
    kind: Kind | None = None,
    is_open: Annotated[bool | None, Parameter(query="open")] = None,
    text: Word = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[Event]]:
    """List incidents, maintenances and notes, the newest start first.

    `start` and `end` find what lasted at some time in between. `X-Total-Count` says how many there are on
    all pages; 1001 means more than a thousand.
    """
    page = await listed(
        conn,
        Wanted(
            start=aware(start, "start"),
            end=aware(end, "end"),
            impact=None if impact is None else impact_of(impact),
            region=region,
            service=service,
            component=component,
            status=None if status is None else any_status_of(status),
            kind=kind,
            is_open=is_open,
            text=text,
            drafts=sees_inside(actor),
        ),
        limit=limit,
        after=decode_place(cursor) if cursor else None,
    )
    events = await shown(conn, page.incidents, inside=sees_inside(actor))
    following = encode_cursor(page.following) if page.following else None
    headers = {**next_link(request, following), "X-Total-Count": str(page.count), **VARY}
    return Response(events, headers=headers)


@get("/api/v1/events/{number:int}")
async def show_event(conn: Connection, actor: Actor, number: EventId) -> Response[Event]:
    """Show one with everything that was said of it; its version is the ETag."""
    held = await _visible(conn, actor, number)
    (event,) = await shown(conn, [held], inside=sees_inside(actor), updates=True)
    return Response(event, headers={**version_header(held.version), **VARY})


@get("/api/v1/events/{number:int}/updates")
async def show_updates(conn: Connection, actor: Actor, number: EventId) -> Response[list[Update]]:
    """List what was said of one, the newest first."""
    await _visible(conn, actor, number)
    said = await reads.updates(conn, [number], internal=sees_inside(actor))
    return Response([shown_update(each) for each in said[number]], headers=VARY)


@get("/api/v1/events/{number:int}/history")
async def show_history(conn: Connection, number: EventId) -> list[Change]:
    """List who changed what of one, the newest change first."""
    return [
        Change(at=row.at, by=row.by, change=row.change, detail=dict(row.detail))
        for row in await history_of(conn, number)
    ]


routes = [list_events, show_event, show_updates, show_history]


async def _visible(conn: Connection, actor: Actor, number: int) -> Incident:
    held = await reads.incident(conn, number)
    if held.published_at is None and not sees_inside(actor):
        raise Missing(f"there is no incident {number}")
    return held
