"""REST routes of mandates: actions that people signed once, to be run again and again."""

from datetime import datetime

import msgspec
from litestar import Response, get, post

from vedette import clock
from vedette.access.model import Actor
from vedette.actions import mandates
from vedette.actions.api import AnyRequest, Proposal
from vedette.actions.api_shown import Number
from vedette.actions.command import Launch
from vedette.actions.mandates import Shown
from vedette.db.queries import Connection
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)


class Mandate(msgspec.Struct, kw_only=True):
    """A mandate. state: running, stopped, over. trouble: why the last run was not launched.

    runs: launched so far, of most_runs. schedule: in words. missing: what its signatures lack, only told when
    it is handed in.
    """

    id: int
    state: str
    name: str
    target: str
    modules: list[str]
    schedule: str
    runs: int
    most_runs: int
    next_at: datetime | None
    last_action: int | None
    valid_from: datetime
    expire_after: datetime
    signatures: int
    proposed_by: str
    proposed_at: datetime
    stopped_by: str | None
    trouble: str
    missing: list[str] = []


@post("/api/v1/mandates", status_code=201)
async def hand_in_mandate(conn: Connection, actor: Actor, data: Proposal) -> Mandate:
    """Hand a signed mandate in; each run is launched when its window opens. The same one again is the same."""
    options = Launch(**msgspec.structs.asdict(data.launch))
    mandate_id, missing = await mandates.schedule(
        conn, data.document.encode(), by=actor.name, now=clock.now(), launch=options
    )
    return _shown(await mandates.mandate(conn, mandate_id), missing)


@get("/api/v1/mandates")
async def list_mandates(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Mandate]]:
    """Return mandates, the newest first."""
    before = decode_cursor(cursor, int) if cursor else None
    rows = await mandates.mandates(conn, before=before, limit=limit + 1)
    more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Response([_shown(row) for row in rows[:limit]], headers=next_link(request, more))


@post("/api/v1/mandates/{mandate_id:int}/stop", status_code=200)
async def stop_mandate(conn: Connection, actor: Actor, mandate_id: Number) -> Mandate:
    """Launch no further run, and cancel the one that is under way."""
    await mandates.stop(conn, mandate_id, by=actor.name, now=clock.now())
    return _shown(await mandates.mandate(conn, mandate_id))


def _shown(row: Shown, missing: list[str] | None = None) -> Mandate:
    signed = row.action.mandate
    assert signed is not None
    return Mandate(
        id=row.id,
        state=row.state,
        name=row.name,
        target=row.target,
        modules=row.modules,
        schedule=str(signed),
        runs=row.runs,
        most_runs=signed.runs,
        next_at=row.next_at,
        last_action=row.last_action,
        valid_from=row.valid_from,
        expire_after=row.expire_after,
        signatures=len(row.signatures),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        stopped_by=row.stopped_by,
        trouble=row.trouble,
        missing=missing or [],
    )


routes = [hand_in_mandate, list_mandates, stop_mandate]
