"""Dash.DB's REST protocol, as its collectors speak it: a token of a scope, items, the token closed.

A token is one of our snapshots, complete for the clusters that it names. Any 2xx means stored, anything else that
nothing of that body is. What clients read (texts, codes, keys) is theirs; errors that they only log are our problems.
"""

from typing import Any, cast
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.exceptions import NotAuthorizedException

from vedette import clock
from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.errors import Conflict, Denied, Invalid, Missing
from vedette.records.deployments import Delivered, keep_deployments
from vedette.records.intake import RecordIntake, close_and_note, fill_read, note
from vedette.records.intake_read import Asked
from vedette.records.intake_snapshots import found_snapshot, open_and_note
from vedette.records.model import Deployment
from vedette.records.outcome import Outcome
from vedette.rest.guard import ANY_QUERY, BASIC

AnyRequest = Request[Any, Any, Any]
AS_THEY_ASK: dict[str, Any] = {BASIC: True, ANY_QUERY: True}
SCOPES = ("imagemanifestvuln", "deploymentvalidation", "serviceslometrics", "dora")
NOT_FOUND, CLOSED = "token not found", "token is closed for data"


def told(value: Any, status: int = 200) -> Response[bytes]:  # noqa: ANN401 - what JSON can be
    """Return an answer as Dash.DB writes it: sorted keys, indented, a line break at the end."""
    text = msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2)
    return Response(text + b"\n", status_code=status, media_type="application/json")


def needed(request: AnyRequest, *names: str) -> list[str]:
    """Return what the query says under these names; raises Invalid for the first that is missing."""
    for name in names:
        if name not in request.query_params:
            raise Invalid(f"Missing query parameter '{name}'")
    return [str(request.query_params[name]) for name in names]


@get("/api/v1/token", opt=AS_THEY_ASK)
async def open_token(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake
) -> Response[bytes]:
    """Open a token of a scope (`?scope=`): what is posted with it is seen when it is closed."""
    (scope,) = needed(request, "scope")
    if scope not in SCOPES:
        return told("unknown scope", 405)
    async with record_intake.connection() as conn:
        opened = await open_and_note(
            conn,
            scope,
            by=actor.name,
            now=clock.now(),
            lifetime=record_intake.options.lifetime,
        )
    return told(str(opened.token))


@delete("/api/v1/token/{token:str}", status_code=200, opt=AS_THEY_ASK)
async def close_token(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake, token: str
) -> Response[bytes]:
    """Close a token: what was posted with it is seen from now on."""
    (scope,) = needed(request, "scope")
    if scope not in SCOPES:
        return told("unknown scope", 405)
    uuid = _uuid(token)
    if uuid is None:
        return told(NOT_FOUND, 404)

    async def work(conn: Connection) -> Outcome:
        # There the newest token counts, whatever the samples say.
        return await close_and_note(
            conn, uuid, scope, by=actor.name, now=clock.now(), own_times=False
        )

    try:
        await record_intake.store_apart(work)
    except (Missing, Denied):
        return told(NOT_FOUND, 404)
    except Conflict:
        return told(CLOSED, 400)
    return told("token closed")


@post(
    ["/api/v1/imagemanifestvuln/{cluster:str}", "/api/v1/imagemanifestvuln/metrics"],
    status_code=200,
    request_max_body_size=None,
    opt=AS_THEY_ASK,
)
async def post_manifest(
    request: AnyRequest, record_intake: RecordIntake, cluster: str = "metrics"
) -> Response[bytes]:
    """Take what Quay's operator found in one image of that cluster."""
    return await _filled(request, record_intake, Asked(kind="imagemanifestvuln", cluster=cluster))


@post(
    ["/api/v1/deploymentvalidation/{cluster:str}", "/api/v1/deploymentvalidation/metrics"],
    status_code=200,
    request_max_body_size=None,
    opt=AS_THEY_ASK,
)
async def post_validations(
    request: AnyRequest, record_intake: RecordIntake, cluster: str = "metrics"
) -> Response[bytes]:
    """Take how objects of that cluster stand, as Prometheus answers an instant query."""
    asked = Asked(kind="deploymentvalidation", cluster=cluster)
    return await _filled(request, record_intake, asked)


@post(
    ["/api/v1/serviceslometrics/{name:path}", "/api/v1/serviceslometrics/metrics"],
    status_code=200,
    request_max_body_size=None,
    opt=AS_THEY_ASK,
)
async def post_slo_value(
    request: AnyRequest, record_intake: RecordIntake, name: str = "metrics"
) -> Response[bytes]:
    """Take a value of an SLO; the name in the path is not looked at, the body has its own."""
    return await _filled(request, record_intake, Asked(kind="serviceslometrics"))


async def _filled(request: AnyRequest, intake: RecordIntake, asked: Asked) -> Response[bytes]:
    token = _shown_token(request)
    async with intake.received(request.stream()) as body, intake.turn(body):
        read = await intake.read(body, asked, now=clock.now())
        async with intake.connection() as conn:
            try:
                await fill_read(conn, token, asked.kind, read)
            except Missing:
                raise NotAuthorizedException(NOT_FOUND) from None
            except Conflict:
                raise NotAuthorizedException(CLOSED) from None
    return told("ok")


@post("/api/v1/dora", status_code=201, request_max_body_size=None, opt=AS_THEY_ASK)
async def post_deployments(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake
) -> Response[bytes]:
    """Take deployments with their commits, at once; the token only says who they come from."""
    now = clock.now()
    if not record_intake.options.dora_without_token or "x-auth" in request.headers:
        await _refuse_unless_open(record_intake, _shown_token(request))
    async with record_intake.received(request.stream()) as body, record_intake.turn(body):
        read = await record_intake.read(body, Asked(kind="dora"), now=now)
        batches = read.parts.get("dora", [])
        deployments = [cast("Deployment", each) for batch in batches for each in batch.records]
        async with record_intake.connection() as conn, conn.transaction():
            kept = await keep_deployments(conn, deployments, now=now)
            outcome = Outcome(opened=len(kept.created), unchanged=len(kept.duplicated))
            await note(conn, "records.apply", "dora", outcome, by=actor.name)
    return told(_listed(kept), 201 if kept.created or kept.duplicated else 400)


def _listed(kept: Delivered) -> dict[str, list[str]]:
    return {"created": kept.created, "duplicated": kept.duplicated, "error": kept.error}


async def _refuse_unless_open(intake: RecordIntake, token: UUID) -> None:
    """Raise 401 for a token that is not known or no longer open, Denied for one of another scope."""
    async with intake.connection() as conn:
        try:
            snapshot = await found_snapshot(conn, token)
        except Missing:
            raise NotAuthorizedException(NOT_FOUND) from None
    if snapshot.kind != "dora":
        raise Denied(f"this token is for {snapshot.kind}, not for dora")
    if snapshot.closed_at or snapshot.expired_at:
        raise NotAuthorizedException(CLOSED)


def _shown_token(request: AnyRequest) -> UUID:
    """Return the token of the header; raises 401."""
    given = request.headers.get("x-auth", "").strip()
    if not given:
        raise NotAuthorizedException("No authorization token provided")
    token = _uuid(given.strip('"'))
    if token is None:
        raise NotAuthorizedException(NOT_FOUND)
    return token


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


routes: list[Any] = [
    open_token,
    close_token,
    post_manifest,
    post_validations,
    post_slo_value,
    post_deployments,
]
