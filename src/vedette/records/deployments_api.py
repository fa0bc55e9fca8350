"""REST routes of deployments: which there were, and handing them in as pipelines do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post

from vedette import clock
from vedette.access.audit import write_audit
from vedette.access.model import Actor
from vedette.access.repeated import Kept as KeptAnswer
from vedette.access.repeated_api import answered_once, kept, told
from vedette.db.queries import Connection
from vedette.records.asked import Format, Since, Until, Word, aware
from vedette.records.cursors import After
from vedette.records.deployments import keep_deployments
from vedette.records.deployments_reads import Kept, Wanted, check_service, deployments
from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds.dora import Dora
from vedette.records.listed import Listing
from vedette.records.model import Deployment
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

AnyRequest = Request[Any, Any, Any]
MAX_BODY_BYTES = 20 << 20
COLUMNS = (
    "service", "app", "environment", "pipeline", "finished_at", "reason", "commits", "lead_times_s", "incidents",
)  # fmt: skip


class CommitShown(msgspec.Struct, kw_only=True):
    """A change that came with a deployment; lead_s: seconds from it to the deployment."""

    revision: str
    repository: str
    at: datetime
    lead_s: int
    revert: bool


class CauseShown(msgspec.Struct, kw_only=True):
    """An incident that it may have caused; state: proposed, confirmed or rejected."""

    incident: int
    state: str


class DeploymentShown(msgspec.Struct, kw_only=True):
    """A new version in an environment. service: whose it is, "" where no service bears the app's name."""

    id: int
    service: str
    app: str
    environment: str
    pipeline: str
    finished_at: datetime
    reason: str
    commits: list[CommitShown]
    incidents: list[CauseShown]


class Delivered(msgspec.Struct, kw_only=True):
    """What became of deployments, each as `app_name=A,env_name=E,pipeline=P,trigger_reason=T`."""

    created: list[str]
    duplicated: list[str]
    error: list[str]


@get("/api/v1/deployments")
async def list_deployments(
    request: AnyRequest,
    conn: Connection,
    service: Word = None,
    app: Word = None,
    environment: Word = None,
    pipeline: Word = None,
    revision: Word = None,
    since: Since = None,
    until: Until = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List deployments with their commits, the last finished first; JSON or CSV."""
    wanted = Wanted(
        service=service,
        app=app,
        environment=environment,
        pipeline=pipeline,
        revision=revision,
        since=aware(since, "from"),
        until=aware(until, "to"),
    )
    after = decode_cursor(cursor, After) if cursor else None
    rows = await deployments(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await check_service(conn, service)
    return LISTING.answer(request, rows, limit=limit)


@post("/api/v1/deployments", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def add_deployments(
    request: AnyRequest, conn: Connection, actor: Actor, data: dict[str, Any]
) -> Response[Delivered]:
    """Keep deployments, each with its commits or not at all; the same again adds what lacked.

    The body is as of the kind `dora`: `{"deployments": [...]}`.
    """
    now = clock.now()
    read = Dora().read(Document(data, "the body"), Context(now))
    given: Sequence[Deployment] = [one for one in read if isinstance(one, Deployment)]

    async def act() -> KeptAnswer:
        async with conn.transaction():
            done = await keep_deployments(conn, given, now=now)
            if done.created:
                await write_audit(
                    conn,
                    actor=actor.name,
                    action="deployment.add",
                    detail={"created": len(done.created), "first": done.created[0]},
                )
        return kept(Delivered(created=done.created, duplicated=done.duplicated, error=done.error))

    return told(await answered_once(request, conn, actor, act), Delivered)


routes = [list_deployments, add_deployments]


def _shown(row: Kept) -> DeploymentShown:
    one = row.deployment
    return DeploymentShown(
        id=row.id,
        service=row.service,
        app=one.app,
        environment=one.environment,
        pipeline=one.pipeline,
        finished_at=one.finished_at,
        reason=one.reason,
        commits=[
            CommitShown(
                revision=commit.revision,
                repository=commit.repository,
                at=commit.at,
                lead_s=commit.lead_s,
                revert=commit.revert,
            )
            for commit in one.commits
        ],
        incidents=[CauseShown(incident=number, state=state) for number, state in row.incidents],
    )


def _cells(one: DeploymentShown) -> list[object]:
    return [
        *(getattr(one, name) for name in COLUMNS[:6]),
        [commit.revision for commit in one.commits],
        [commit.lead_s for commit in one.commits],
        [f"{cause.incident}:{cause.state}" for cause in one.incidents],
    ]


LISTING = Listing(
    name="deployments",
    columns=COLUMNS,
    place=lambda row: (row.deployment.finished_at, row.id),
    shown=_shown,
    cells=_cells,
)
