"""REST routes of decisions: what need not be mended, why, where and until when."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import Parameter

from vedette import clock
from vedette.access.model import Actor
from vedette.access.repeated import Kept
from vedette.access.repeated_api import answered_once, kept, told
from vedette.db.queries import Connection
from vedette.records.asked import Format, Word, aware
from vedette.records.cursors import Number
from vedette.records.listed import Listing
from vedette.records.triage import Decision, Triage, Wish, decide, decisions, take_back
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    MAX_ID,
    Cursor,
    Limit,
    decode_cursor,
)

AnyRequest = Request[Any, Any, Any]


class Place(NamedTuple):
    """Where a page ends."""

    number: Number


class NewDecision(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A decision to make; see `Wish`. until: RFC 3339, and said whenever a risk is accepted."""

    name: str
    decision: Decision
    reason: str
    until: datetime | None = None
    package: str = ""
    service: str = ""
    cluster: str = ""
    namespace: str = ""
    image: str = ""
    justification: str = ""


class DecisionShown(msgspec.Struct, kw_only=True):
    """A decision. name: the vulnerability as it counts. holds: it was neither taken back nor is past its date."""

    number: int
    name: str
    decision: str
    holds: bool
    reason: str
    justification: str
    until: datetime | None
    package: str
    service: str
    cluster: str
    namespace: str
    image: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str | None


def shown(one: Triage, *, now: datetime) -> DecisionShown:
    """Return a decision as it is told."""
    return DecisionShown(
        number=one.id,
        name=one.identity,
        decision=one.decision,
        holds=one.ended_at is None and (one.until is None or one.until > now),
        reason=one.reason,
        justification=one.justification,
        until=one.until,
        package=one.package,
        service=one.service,
        cluster=one.cluster,
        namespace=one.namespace,
        image=one.image,
        made_at=one.made_at,
        made_by=one.made_by,
        ended_at=one.ended_at,
        ended_by=one.ended_by,
    )


@get("/api/v1/triage")
async def list_decisions(
    request: AnyRequest,
    conn: Connection,
    name: Word = None,
    standing: Annotated[Literal["active", "ended", "all"], Parameter(query="state")] = "active",
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List decisions, the newest first; JSON or CSV."""
    now = clock.now()
    before = decode_cursor(cursor, Place).number if cursor else None
    rows = await decisions(conn, name=name, state=standing, limit=limit + 1, before=before, now=now)
    listing: Listing[Triage, DecisionShown] = Listing(
        name="triage",
        columns=DecisionShown.__struct_fields__,
        place=lambda row: Place(row.id),
        shown=partial(shown, now=now),
    )
    return listing.answer(request, rows, limit=limit)


@post("/api/v1/triage", status_code=201)
async def make_decision(
    request: AnyRequest, conn: Connection, actor: Actor, data: NewDecision
) -> Response[DecisionShown]:
    """Decide of a vulnerability, everywhere or somewhere."""
    now = clock.now()
    aware(data.until, "until")
    wish = Wish(**msgspec.structs.asdict(data))

    async def act() -> Kept:
        return kept(shown(await decide(conn, wish, by=actor.name, now=now), now=now), 201)

    return told(await answered_once(request, conn, actor, act), DecisionShown)


@delete("/api/v1/triage/{number:int}")
async def end_decision(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    number: Annotated[int, Parameter(ge=0, le=MAX_ID)],
) -> None:
    """Take a decision back."""

    async def act() -> Kept:
        await take_back(conn, number, by=actor.name, now=clock.now())
        return kept(None, 204)

    await answered_once(request, conn, actor, act)


routes: list[Any] = [list_decisions, make_decision, end_decision]
