"""REST routes of causes: which deployments may have caused incidents, and a person's word on it."""

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec.structs import asdict

from vedette import clock
from vedette.access.model import Actor, Scope
from vedette.access.repeated import Kept
from vedette.access.repeated_api import answered_once, kept, told
from vedette.automation.causes_shown import Cause, Wanted, causes, is_incident
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.records.asked import Format, Word
from vedette.records.causes import CauseState, decide_cause
from vedette.records.cursors import Moment
from vedette.records.cursors import Number as Counted
from vedette.records.deployments_reads import check_service
from vedette.records.listed import Listing
from vedette.rest.paging import DEFAULT_LIMIT, MAX_ID, Cursor, Limit, decode_cursor

AnyRequest = Request[Any, Any, Any]
Number = Annotated[int, Parameter(ge=1, le=MAX_ID)]
SomeNumber = Annotated[int | None, Parameter(ge=1, le=MAX_ID)]
State = Literal["proposed", "confirmed", "rejected"]
COLUMNS = (
    "incident", "title", "starts_at", "ends_at", "deployment", "app", "environment", "pipeline", "reason",
    "finished_at", "state", "proposed_at", "decided_at", "decided_by",
)  # fmt: skip


class Place(NamedTuple):
    """Where a page ends."""

    starts_at: Moment
    incident: Counted
    deployment: Counted


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
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    held: Annotated[State | None, Parameter(query="state")] = None,
    incident: SomeNumber = None,
    deployment: SomeNumber = None,
    service: Word = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List causes, those of the incident that began last first; JSON or CSV. Drafts are for who may write incidents."""
    wanted = Wanted(
        state=held,
        incident=incident,
        deployment=deployment,
        service=service,
        drafts=actor.may(Scope.INCIDENTS_WRITE),
    )
    after = decode_cursor(cursor, Place) if cursor else None
    rows = await causes(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await check_service(conn, service)
    return LISTING.answer(request, rows, limit=limit, headers={"Vary": "Authorization"})


@post("/api/v1/causes/{incident:int}/{deployment:int}/confirm", status_code=200)
async def confirm_cause(
    request: AnyRequest, conn: Connection, actor: Actor, incident: Number, deployment: Number
) -> Response[CauseShown]:
    """Say that this deployment caused the incident, proposed or not; an incident has one such."""
    return await _decide(request, conn, actor, incident, deployment, CauseState.CONFIRMED)


@post("/api/v1/causes/{incident:int}/{deployment:int}/reject", status_code=200)
async def reject_cause(
    request: AnyRequest, conn: Connection, actor: Actor, incident: Number, deployment: Number
) -> Response[CauseShown]:
    """Say that this deployment did not cause the incident; it is not proposed again."""
    return await _decide(request, conn, actor, incident, deployment, CauseState.REJECTED)


routes = [list_causes, confirm_cause, reject_cause]


async def _decide(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    incident: int,
    deployment: int,
    decision: CauseState,
) -> Response[CauseShown]:
    async def act() -> Kept:
        if not await is_incident(conn, incident):
            raise Missing(f"there is no incident {incident}")
        await decide_cause(conn, incident, deployment, decision, by=actor.name, now=clock.now())
        wanted = Wanted(incident=incident, deployment=deployment, drafts=True)
        (row,) = await causes(conn, wanted, limit=1)
        return kept(_shown(row))

    return told(await answered_once(request, conn, actor, act), CauseShown)


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


def _cells(one: CauseShown) -> list[object]:
    deployment = one.deployment
    named = {**asdict(one), **asdict(deployment), "deployment": deployment.id}
    return [named[column] for column in COLUMNS]


LISTING = Listing(
    name="causes",
    columns=COLUMNS,
    place=lambda row: Place(row.starts_at, row.incident, row.deployment),
    shown=_shown,
    cells=_cells,
)
