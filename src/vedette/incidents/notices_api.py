"""REST routes of notices: what was told, as it is told, and whether everyone has it."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from vedette.db.queries import Connection
from vedette.incidents.events_shown import AnyRequest
from vedette.incidents.notices import Letters, Notice, Recipient, latest, notice, recipients
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
NoticeId = Annotated[int, Parameter(ge=1, le=2**53)]
"""The id of a notice in a path."""

NOBODY = "recipient@example.org"
"""Whom a letter that is only shown is addressed to."""


class ShownNotice(msgspec.Struct, kw_only=True):
    """A notice in a list; change: the verb. waiting: recipients that are still to be told of it."""

    id: int
    at: datetime
    incident: int
    change: str
    subject: str
    waiting: int


class Letter(msgspec.Struct, kw_only=True):
    """A notice as it goes out; mail: the whole message with its headers, text and html its parts."""

    id: int
    at: datetime
    incident: int
    change: str
    subject: str
    text: str
    html: str
    mail: str


class ShownRecipient(msgspec.Struct, kw_only=True):
    """Who is told, by mail or by webhook; waiting: notices still to be told; attempts: of the next one, which failed."""

    address: str
    since: datetime
    waiting: int
    sent: int
    sent_at: datetime | None
    attempts: int
    next_at: datetime | None
    last_error: str


@get("/api/v1/notices")
async def list_notices(
    request: AnyRequest,
    conn: Connection,
    letters: Letters,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[ShownNotice]]:
    """List what was told of incidents, the newest first."""
    before = decode_cursor(cursor, Number) if cursor else None
    found = await latest(conn, limit=limit + 1, before=before)
    shown = [_shown(letters, each, waiting) for each, waiting in found[:limit]]
    following = encode_cursor(shown[-1].id) if len(found) > limit else None
    return Response(shown, headers=next_link(request, following))


@get("/api/v1/notices/{number:int}")
async def show_notice(conn: Connection, letters: Letters, number: NoticeId) -> Letter:
    """Show one notice as text, as HTML and as the mail that goes out."""
    found = await notice(conn, number)
    message = letters.write(found, NOBODY)
    text, html = (_content(message.get_body((kind,))) for kind in ("plain", "html"))
    return Letter(
        id=found.id,
        at=found.at,
        incident=found.incident_id,
        change=found.change,
        subject=str(message["Subject"]),
        text=text,
        html=html,
        mail=message.as_bytes().decode("ascii", "replace"),
    )


@get("/api/v1/notices/recipients")
async def list_recipients(conn: Connection) -> list[ShownRecipient]:
    """List who is told, by mail or by webhook, and how that goes."""
    return [_shown_recipient(each) for each in await recipients(conn)]


routes = [list_notices, show_notice, list_recipients]


def _shown(letters: Letters, found: Notice, waiting: int) -> ShownNotice:
    return ShownNotice(
        id=found.id,
        at=found.at,
        incident=found.incident_id,
        change=found.change,
        subject=str(letters.write(found, NOBODY)["Subject"]),
        waiting=waiting,
    )


def _shown_recipient(found: Recipient) -> ShownRecipient:
    return ShownRecipient(
        address=found.address,
        since=found.since,
        waiting=found.waiting,
        sent=found.sent,
        sent_at=found.sent_at,
        attempts=found.attempts,
        next_at=found.next_at,
        last_error=found.last_error,
    )


def _content(part: Any) -> str:  # noqa: ANN401 - what the library's message holds
    return "" if part is None else str(part.get_content())
