"""REST routes of causes: which deployments may have caused incidents, and a person's word on it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from vedette import clock
from vedette.access.model import Actor, Scope
from vedette.automation.causes_shown import Cause, Wanted, causes, is_incident
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.records.asked import Word
from vedette.records.causes import CauseState, decide_cause
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    MAX_ID,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

Number = Annotated[int, Parameter(ge=1, le=MAX_ID)]
SomeNumber = Annotated[int | None, Parameter(ge=1, le=MAX_ID)]
State = Literal["proposed", "confirmed", "rejected"]


class DeploymentNamed(msgspec.Struct, kw_only=True):
    """The deployment it is about."""

    id: int
    app: str
    environment: str
    pipeline: str
    reason: str
    finished_at: datetime


class CauseShown(msgspec.Struct, kw_only=True):
    """A deployment that may have caused an incident: proposed by us; confirmed or rejected by a person."""

    incident: int
    title: str
    starts_at: datetime
    ends_at: datetime | None
    deployment: DeploymentNamed
    state: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None


@get("/api/v1/causes")
async def list_causes(
    request: Request[Any, Any, Any],
    conn: Connection,
    actor: Actor,
    held: Annotated[State | None, Parameter(query="state")] = None,
    incident: SomeNumber = None,
    deployment: SomeNumber = None,
    service: Word = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[CauseShown]]:
    """List causes, those of the incident that began last first; drafts are for those who may write incidents."""
    wanted = Wanted(
        state=held,
        incident=incident,
        deployment=deployment,
        service=service,
        drafts=actor.may(Scope.INCIDENTS_WRITE),
    )
    after = decode_cursor(cursor, tuple[datetime, int, int]) if cursor else None
    rows = await causes(conn, wanted, limit=limit + 1, after=after)
    more = rows[limit - 1] if len(rows) > limit else None
    following = encode_cursor((more.starts_at, more.incident, more.deployment)) if more else None
    headers = {**next_link(request, following), "Vary": "Authorization"}
    return Response([_shown(row) for row in rows[:limit]], headers=headers)


@post("/api/v1/causes/{incident:int}/{deployment:int}/confirm", status_code=200)
async def confirm_cause(
    conn: Connection, actor: Actor, incident: Number, deployment: Number
) -> CauseShown:
    """Say that this deployment caused the incident, proposed or not; an incident has one such."""
    return await _decide(conn, actor, incident, deployment, CauseState.CONFIRMED)


@post("/api/v1/causes/{incident:int}/{deployment:int}/reject", status_code=200)
async def reject_cause(
    conn: Connection, actor: Actor, incident: Number, deployment: Number
) -> CauseShown:
    """Say that this deployment did not cause the incident; it is not proposed again."""
    return await _decide(conn, actor, incident, deployment, CauseState.REJECTED)


routes = [list_causes, confirm_cause, reject_cause]


async def _decide(
    conn: Connection, actor: Actor, incident: int, deployment: int, decision: CauseState
) -> CauseShown:
    if not await is_incident(conn, incident):
        raise Missing(f"there is no incident {incident}")
    await decide_cause(conn, incident, deployment, decision, by=actor.name, now=clock.now())
    wanted = Wanted(incident=incident, deployment=deployment, drafts=True)
    (row,) = await causes(conn, wanted, limit=1)
    return _shown(row)


def _shown(row: Cause) -> CauseShown:
    return CauseShown(
        incident=row.incident,
        title=row.title,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        deployment=DeploymentNamed(
            id=row.deployment,
            app=row.app,
            environment=row.environment,
            pipeline=row.pipeline,
            reason=row.reason,
            finished_at=row.finished_at,
        ),
        state=row.state,
        proposed_at=row.proposed_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )
