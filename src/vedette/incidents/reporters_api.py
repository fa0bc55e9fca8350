"""The first Status Dashboard's API, for reporters that post to us unchanged, and whoever reads it.

`POST /api/v1/component_status` and the two documents. Answers are its own, in words and codes; wire
format: stackmon/status-dashboard, 2025.
"""

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException, NotAuthorizedException

from vedette.db.queries import Connection
from vedette.errors import Invalid, VedetteError
from vedette.incidents.components import Named
from vedette.incidents.model import Impact
from vedette.incidents.reporter_rules import Deed
from vedette.incidents.reporters import Outcome, Post, Word
from vedette.incidents.turns import Together, Turns
from vedette.incidents.wire import components_document, incident_document, incidents_document
from vedette.rest.guard import ANY_QUERY, bearer_of
from vedette.rest.problem import STATUS

AnyRequest = Request[Any, Any, Any]

MISSING = "Missing data for required field."
UNKNOWN = "Unknown field."
NO_STRING = "Not a valid string."
NO_INTEGER = "Not a valid integer."
NOT_ALLOWED = "Incident impact is not allowed by configuration"
TITLE_LIMIT = 300

REPEATED = {
    "message": "Incident with this the component already exists",
    "details": "Check your request parameters",
}
"""What both generations say when a post changes nothing; reporters log it and go on."""


def fault(status: int, **more: object) -> Response[bytes]:
    """Return an error in the words of that API: code, status, and what else is known."""
    body = {"code": status, "status": HTTPStatus(status).phrase, **more}
    return _json(msgspec.json.encode(dict(sorted(body.items()))), status)


def _json(body: bytes, status: int = 200) -> Response[bytes]:
    return Response(body, status_code=status, media_type="application/json")


def _on_http(_: AnyRequest, error: HTTPException) -> Response[Any]:
    if isinstance(error, NotAuthorizedException):
        return Response(
            b"Unauthorized Access",
            status_code=401,
            media_type="text/html",
            headers={"WWW-Authenticate": 'Bearer realm="Authentication Required"'},
        )
    return fault(error.status_code, message=str(error.detail))


def _on_vedette(_: AnyRequest, error: VedetteError) -> Response[bytes]:
    return fault(STATUS[error.kind], message=error.message)


WORDS: dict[int | type[Exception], Any] = {
    HTTPException: _on_http,
    VedetteError: _on_vedette,
}
"""Every error of these routes, in their own words."""


@get("/api/v1/component_status", opt={ANY_QUERY: True}, exception_handlers=WORDS)
async def show_components(
    conn: Connection,
    name: str | None = None,
    attribute_name: str | None = None,
    attribute_value: str | None = None,
) -> Response[bytes]:
    """List the components with all their incidents; `name` and one attribute find a single one."""
    attribute = None
    if attribute_name is not None and attribute_value is not None and name is not None:
        attribute = (attribute_name, attribute_value)
    document = await components_document(conn, name=name, attribute=attribute)
    if document is None:
        return fault(404, message="Component does not exist")
    return _json(document)


@get("/api/v1/incidents", opt={ANY_QUERY: True}, exception_handlers=WORDS)
async def show_incidents(conn: Connection) -> Response[bytes]:
    """List every public incident there ever was, with its updates."""
    return _json(await incidents_document(conn))


@post("/api/v1/component_status", status_code=201, exception_handlers=WORDS)
async def post_component_status(request: AnyRequest, turns: Turns) -> Response[bytes]:
    """Take a reporter's word that a component fails; answers the incident it is in now."""
    if request.content_type[0] != "application/json":
        return fault(422, errors={"json": {"_schema": ["The body is no application/json."]}})
    try:
        body = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError):
        return fault(400, errors={"json": ["Invalid JSON body."]})
    errors = _errors(body)
    if errors:
        return fault(422, errors={"json": errors})
    impact = int(body["impact"])
    if impact not in (1, 2, 3):
        return fault(400, message=NOT_ALLOWED)
    attributes = {each["name"]: each["value"] for each in body.get("attributes") or ()}
    name, by = Named(body["name"], frozenset(attributes.items())), bearer_of(request).name

    async def find(together: Together) -> list[Word]:
        component = together.called.get(name)
        if component is None:
            raise Invalid("Component not found")
        said = Post(
            component=component,
            impact=Impact(impact),
            title=body.get("text") or "",
            titles=turns.titles,
        )
        return [Word(said, by)]

    async def tell(together: Together, outcomes: Sequence[Outcome]) -> Response[bytes]:
        (outcome,) = outcomes
        if outcome.deed is not Deed.KEEP:
            return _json(await together.once(incident_document, outcome.incident_id), 201)
        kept = {
            **REPEATED,
            "targetComponent": outcome.component.label,
            "existingIncidentId": outcome.incident_id,
            "existingIncidentTitle": outcome.title,
        }
        return _json(msgspec.json.encode(kept), 409)

    return await turns.report(find, tell, name=name)


def _errors(body: object) -> dict[str, Any]:
    """Return what is wrong with the body, by field; {} when nothing is."""
    if not isinstance(body, dict):
        return {"_schema": ["Invalid input type."]}
    found: dict[str, Any] = {
        name: [UNKNOWN] for name in body if name not in ("name", "impact", "text", "attributes")
    }
    for name in ("name", "impact"):
        if name not in body:
            found[name] = [MISSING]
    if not _is_text(body.get("name", "-"), 200):
        found["name"] = [NO_STRING]
    if not _is_text(body.get("text") or "-", TITLE_LIMIT):
        found["text"] = [NO_STRING]
    if not _is_integer(body.get("impact", 0)):
        found["impact"] = [NO_INTEGER]
    wrong = _wrong_attributes(body.get("attributes") or [])
    if wrong:
        found["attributes"] = wrong
    return found


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit and "\0" not in value


def _is_integer(value: object) -> bool:
    """Say whether that API takes it for a number: 1, 1.0, 1.5 and "1" all are."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return value.strip().isascii() and value.strip().isdigit() and len(value) < 10
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) < 1e9
    return isinstance(value, int) and abs(value) < 1e9


def _wrong_attributes(given: object) -> object:
    if not isinstance(given, list) or len(given) > 100:
        return ["Not a valid list."]
    for nth, each in enumerate(given):
        if not isinstance(each, dict) or set(each) != {"name", "value"}:
            return {str(nth): {"_schema": ["name and value, nothing else."]}}
        if not all(_is_text(word, 200) for word in each.values()):
            return {str(nth): {"value": [NO_STRING]}}
    return None


routes = [show_components, show_incidents, post_component_status]
