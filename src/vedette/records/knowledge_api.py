"""REST routes of what others know: which lists were loaded, and what that told us."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, get

from vedette.db.queries import Connection
from vedette.records.asked import Format
from vedette.records.cursors import Number
from vedette.records.knowledge import Notice, feeds, notices
from vedette.records.listed import Listing
from vedette.records.model import Severity
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor


class Place(NamedTuple):
    """Where a page ends."""

    number: Number


class FeedShown(msgspec.Struct, kw_only=True):
    """A list that was loaded: `kev:cisa`, `kev:enisa`, `epss`."""

    name: str
    version: str
    released_at: datetime | None
    loaded_at: datetime
    loaded_by: str
    entries: int


class NoticeShown(msgspec.Struct, kw_only=True):
    """A vulnerability that ran here entered a catalogue of exploited ones; namespaces, images: in how many, then."""

    number: int
    at: datetime
    name: str
    catalog: str
    severity: str
    namespaces: int
    images: int


@get("/api/v1/knowledge")
async def list_feeds(conn: Connection) -> list[FeedShown]:
    """List what was loaded of what others know."""
    return [
        FeedShown(
            name=feed.name,
            version=feed.version,
            released_at=feed.released_at,
            loaded_at=feed.loaded_at,
            loaded_by=feed.loaded_by,
            entries=feed.entries,
        )
        for feed in await feeds(conn)
    ]


@get("/api/v1/knowledge/notices")
async def list_notices(
    request: Request[Any, Any, Any],
    conn: Connection,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List what entered a catalogue while it ran here, the newest first; JSON or CSV."""
    before = decode_cursor(cursor, Place).number if cursor else None
    rows = await notices(conn, limit=limit + 1, before=before)
    return NOTICES.answer(request, rows, limit=limit)


def _shown(row: Notice) -> NoticeShown:
    return NoticeShown(
        number=row.id,
        at=row.at,
        name=row.identity,
        catalog=row.catalog,
        severity=Severity(row.severity).title,
        namespaces=row.namespaces,
        images=row.images,
    )


NOTICES = Listing(
    name="notices",
    columns=NoticeShown.__struct_fields__,
    place=lambda row: Place(row.id),
    shown=_shown,
)
routes: list[Any] = [list_feeds, list_notices]
