"""The API of the Status Dashboard's successor, both versions, for reporters and readers as they are.

Answers are its own in words and codes; wire format: stackmon/status-dashboard-v3, January 2026.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.exceptions import HTTPException, NotAuthorizedException

from vedette import clock
from vedette.access.model import Actor, Scope
from vedette.db.queries import Connection
from vedette.errors import Conflict, Denied, Invalid, Missing, VedetteError
from vedette.fleet.declare import add_component
from vedette.incidents.components import InRegion, component_named, components
from vedette.incidents.model import Impact
from vedette.incidents.reporter_rules import Deed
from vedette.incidents.reporters import Outcome, Post, Word
from vedette.incidents.reporters_api import REPEATED
from vedette.incidents.successor import (
    NO_EVENT,
    create_event,
    extract,
    members_of,
    public_event,
    results_of,
    reword,
    words_of,
)
from vedette.incidents.successor_bodies import (
    BAD_COMPONENT,
    ComponentStatus,
    Members,
    NewComponent,
    NewEvent,
    Patch,
    Reworded,
    checked_new,
    read_body,
    read_filter,
    region_in,
    three_attributes,
)
from vedette.incidents.successor_patch import patch_event
from vedette.incidents.successor_wire import (
    availability_document,
    component_v2,
    components_v1,
    components_v2,
    event_document,
    events_all,
    events_page,
    incident_v1,
    incidents_v1,
)
from vedette.incidents.turns import Together, Turns
from vedette.rest.guard import ANY_QUERY, bearer_of
from vedette.rest.problem import STATUS

AnyRequest = Request[Any, Any, Any]

NO_COMPONENT = "component does not exist"
NUMBER_LIMIT = 2**31 - 1

EVERYBODY = {"Access-Control-Allow-Origin": "*"}
"""Its readers' pages stand on another host; what is sent with it is public."""


def _json(body: bytes, status: int = 200) -> Response[bytes]:
    return Response(body, status_code=status, media_type="application/json", headers=EVERYBODY)


def _fault(status: int, message: str) -> Response[bytes]:
    return _json(msgspec.json.encode({"errMsg": message}), status)


def _on_http(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    if isinstance(error, NotAuthorizedException):
        return _fault(401, "not authenticated")
    return _fault(error.status_code, str(error.detail))


def _on_vedette(_: AnyRequest, error: VedetteError) -> Response[bytes]:
    return _fault(STATUS[error.kind], error.message)


WORDS: dict[int | type[Exception], Any] = {HTTPException: _on_http, VedetteError: _on_vedette}
"""Every error of these routes, in their own shape."""

OPEN: Any = {"opt": {ANY_QUERY: True}, "exception_handlers": WORDS}


def _number(text: str, missing: str) -> int:
    """Return the number in a path; raises Invalid for none, Missing for one that nothing can have."""
    if not text.isascii() or not text.isdigit():
        raise Invalid(f"{text[:40]!a} is no number")
    if len(text) > 10 or int(text) > NUMBER_LIMIT:
        raise Missing(missing)
    return int(text)


async def _event(
    conn: Connection, number: int, *, now: datetime, private: bool = True
) -> Response[bytes]:
    document = await event_document(conn, number, now=now, private=private)
    if document is None:
        raise Missing(NO_EVENT)
    return _json(document)


@get("/v1/component_status", **OPEN)
async def show_components_v1(conn: Connection) -> Response[bytes]:
    """List the components with all their incidents, as the successor's first version does."""
    return _json(await components_v1(conn))


@get("/v1/incidents", **OPEN)
async def show_incidents_v1(conn: Connection) -> Response[bytes]:
    """List every public incident, the newest start first."""
    return _json(await incidents_v1(conn))


@post("/v1/component_status", status_code=201, **OPEN)
async def post_component_status_v1(request: AnyRequest, turns: Turns) -> Response[bytes]:
    """Take a reporter's word that a component fails; answers the incident it is in now."""
    try:
        body = read_body(await request.body(), ComponentStatus)
    except Invalid:
        raise Invalid(BAD_COMPONENT) from None
    name, by = InRegion(body.name, region_in(body.attributes)), bearer_of(request).name

    async def find(together: Together) -> list[Word]:
        component = together.called.get(name)
        if component is None:
            raise Invalid(NO_COMPONENT)
        said = Post(
            component=component,
            impact=Impact(body.impact),
            title=body.text,
            titles=turns.titles,
        )
        return [Word(said, by)]

    async def tell(together: Together, outcomes: Sequence[Outcome]) -> Response[bytes]:
        (outcome,) = outcomes
        if outcome.deed is not Deed.KEEP:
            return _json(await together.once(incident_v1, outcome.incident_id), 201)
        kept = {
            **REPEATED,
            "targetComponent": component_v2(outcome.component),
            "existingIncidentId": outcome.incident_id,
            "existingIncidentTitle": outcome.title,
        }
        return _json(msgspec.json.encode(kept), 409)

    return await turns.report(find, tell, name=name)


@get("/v2/components", **OPEN)
async def show_components_v2(conn: Connection) -> Response[bytes]:
    """List the components by id; reporters look up there what they post about."""
    return _json(await components_v2(conn))


@get("/v2/components/{component_id:str}", **OPEN)
async def show_component_v2(component_id: str, conn: Connection) -> Response[bytes]:
    """Show one component."""
    number = _number(component_id, NO_COMPONENT)
    found = [one for one in await components(conn) if one.id == number]
    if not found:
        raise Missing(NO_COMPONENT)
    return _json(msgspec.json.encode(component_v2(found[0])))


@post("/v2/components", status_code=201, **OPEN)
async def post_component_v2(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """Add a component with category, region and type; its category becomes its service's."""
    body = read_body(await request.body(), NewComponent)
    given = three_attributes(body.attrs)
    if await component_named(conn, body.name, given) is not None:
        raise Invalid("component already exists")
    await add_component(conn, body.name, by=actor.name, now=clock.now(), **given)
    made = await component_named(conn, body.name, given)
    if made is None:
        raise Conflict(f"{body.name[:80]!a} was retired meanwhile")
    return _json(msgspec.json.encode(component_v2(made, last="name")), 201)


@get("/v2/events", **OPEN)
async def show_events(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """List public events by page: incidents, maintenances and notes."""
    wanted = read_filter(dict(request.query_params), paged=True)
    return _json(await events_page(conn, wanted, now=clock.now()))


@get("/v2/incidents", **OPEN)
async def show_events_unpaged(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """List public events without pages, as older readers ask for them."""
    wanted = read_filter(dict(request.query_params), paged=False)
    return _json(await events_all(conn, wanted, now=clock.now()))


@get(["/v2/events/{event_id:str}", "/v2/incidents/{event_id:str}"], **OPEN)
async def show_event(event_id: str, conn: Connection) -> Response[bytes]:
    """Show one public event."""
    number = _number(event_id, NO_EVENT)
    return await _event(conn, number, now=clock.now(), private=False)


@post(["/v2/events", "/v2/incidents"], status_code=200, **OPEN)
async def post_event(request: AnyRequest, turns: Turns, actor: Actor) -> Response[bytes]:
    """Report that components fail (`system`), or open an event as a person does."""
    now, body = clock.now(), await request.body()
    ids = read_body(body, Members, complaint=BAD_COMPONENT).components
    event = checked_new(read_body(body, NewEvent), now=now)
    if event.system:
        results = await turns.report(
            lambda together: words_of(together.conn, event, ids, by=actor.name), results_of
        )
    elif actor.may(Scope.INCIDENTS_WRITE):
        async with turns.connection() as conn:
            members = await members_of(conn, ids)
            results = await create_event(conn, event, members, by=actor.name, now=now)
    else:
        raise Denied(f"{actor.name} reports (system: true) and opens nothing by itself")
    made = [
        {"component_id": each.component_id, "incident_id": each.incident_id}
        | ({"error": each.error} if each.error else {})
        for each in results
    ]
    return _json(msgspec.json.encode({"result": made}))


@patch(["/v2/events/{event_id:str}", "/v2/incidents/{event_id:str}"], **OPEN)
async def patch_event_v2(
    event_id: str, request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Say something more of an event, and change what its status asks for."""
    number, now = _number(event_id, NO_EVENT), clock.now()
    await public_event(conn, number)
    said = read_body(await request.body(), Patch)
    await patch_event(conn, number, said, by=actor.name, now=now)
    return await _event(conn, number, now=now)


@post(
    ["/v2/events/{event_id:str}/extract", "/v2/incidents/{event_id:str}/extract"],
    status_code=200,
    **OPEN,
)
async def extract_v2(
    event_id: str, request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Move components of an incident into one of their own; answers the new one."""
    number, now = _number(event_id, NO_EVENT), clock.now()
    await public_event(conn, number)
    ids = read_body(await request.body(), Members, complaint=BAD_COMPONENT).components
    await members_of(conn, ids)
    made = await extract(conn, number, ids, by=actor.name, now=now)
    return await _event(conn, made, now=now)


@patch(
    [
        "/v2/events/{event_id:str}/updates/{index:str}",
        "/v2/incidents/{event_id:str}/updates/{index:str}",
    ],
    **OPEN,
)
async def reword_v2(
    event_id: str, index: str, request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Replace the text of an update; answers the update."""
    number, now = _number(event_id, NO_EVENT), clock.now()
    nth = _number(index, "update does not exist")
    await public_event(conn, number)
    said = read_body(await request.body(), Reworded)
    await reword(conn, number, nth, said.text, by=actor.name, now=now)
    event = msgspec.json.decode((await _event(conn, number, now=now)).content)
    return _json(msgspec.json.encode(event["updates"][nth]))


@get("/v2/availability", **OPEN)
async def show_availability(conn: Connection) -> Response[bytes]:
    """Tell of every component how much of each of the last twelve months it was not out."""
    return _json(await availability_document(conn, now=clock.now()))


routes = [
    show_components_v1,
    show_incidents_v1,
    post_component_status_v1,
    show_components_v2,
    show_component_v2,
    post_component_v2,
    show_events,
    show_events_unpaged,
    show_event,
    post_event,
    patch_event_v2,
    extract_v2,
    reword_v2,
    show_availability,
]
