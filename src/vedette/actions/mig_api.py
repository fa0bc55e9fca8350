"""MIG's REST API, as its clients speak it: actions, commands, agents, the search, the dashboard.

Under MIG's own singular names, always Collection+JSON. Who may what is MIG's permission, in `app/urls.py` as
`mig:…`; `mig_auth.py` says who calls. Agents speak over the link alone: MIG's heartbeat is answered with 410.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.response import Stream

from vedette import clock
from vedette.access.model import Actor
from vedette.actions import mig_reads
from vedette.actions.command import DOCUMENT_BYTES
from vedette.actions.launch import propose
from vedette.actions.mig_compliance import items_of
from vedette.actions.mig_found import MigSearches, streamed
from vedette.actions.mig_search import COMPLIANCE, Search, parameters_of, read_search
from vedette.actions.mig_wire import (
    MIG_ERRORS,
    NO_RESULTS,
    AnyRequest,
    Json,
    collection,
    field,
    form,
    href,
    item,
    number,
    query,
)
from vedette.actions.steer import cancel
from vedette.db.queries import Connection, load
from vedette.rest.guard import ANY_QUERY

A = load(__file__, "mig_access.sql")

AS_THEY_ASK: dict[str, Any] = {ANY_QUERY: True}
FORM_BYTES = 4 * DOCUMENT_BYTES
"""A form writes most characters of JSON with three."""
LAST_ACTIONS = 10


@get("/api/v1/heartbeat", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def greet(request: AnyRequest) -> Response[bytes]:
    """Say that the API is there, in MIG's words."""
    return collection(request, [item(href(request, "heartbeat"), "heartbeat", "gatorz say hi")])


@post("/api/v1/heartbeat", status_code=410, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def refuse_heartbeat(request: AnyRequest) -> Response[bytes]:
    """Refuse heartbeats of MIG's agents: anybody could invent an agent by them."""
    words = "agents speak over the link alone, with keys of their own: vedette agents token"
    return collection(request, status=410, error=words)


@get("/api/v1/ip", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_ip(request: AnyRequest) -> Response[str]:
    """Return the caller's address as text."""
    return Response(request.client.host if request.client else "", media_type="text/plain")


@get("/api/v1/publickey/{fingerprint:str}", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_public_key(request: AnyRequest, conn: Connection, fingerprint: str) -> Response[Any]:
    """Return an investigator's public key as text."""
    key = None
    if "\0" not in fingerprint:
        key = await A.value(conn, "public_key", fingerprint=fingerprint.upper())
    if key is None:
        return collection(request, status=404, error="there is no key of this fingerprint")
    return Response(key, media_type="text/plain")


@get("/api/v1/dashboard", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_dashboard(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return how many agents there are, and the last ten actions."""
    figures = await mig_reads.statistics(conn)
    last = await mig_reads.actions(conn, {"limit": LAST_ACTIONS})
    summary = {"href": href(request, "dashboard"), "data": figures}
    return collection(request, [summary, *(_item(request, "action", one) for one in last)])


@get("/api/v1/action", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_action(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return an action with who signed it, its counters, and links to its commands."""
    action_id = number(query(request), "actionid")
    found = await mig_reads.action(conn, action_id)
    if found is None:
        return _missing(request, "Action", action_id)
    links = [
        (f"Command ID {one} on agent {name}", href(request, f"command?commandid={one}"))
        for one, name in await mig_reads.command_links(conn, action_id)
    ]
    return collection(request, [_item(request, "action", found, links)])


@post(
    "/api/v1/action/create",
    status_code=202,
    request_max_body_size=FORM_BYTES,
    opt=AS_THEY_ASK,
    exception_handlers=MIG_ERRORS,
)
async def create_action(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """Take in the signed action of the form's field `action`; it is launched when its signatures weigh enough."""
    document = field(await form(request), "action").encode()
    standing = await propose(conn, document, by=actor.name, now=clock.now(), origin="mig")
    found = await mig_reads.action(conn, standing.id)
    place = href(request, f"action?actionid={standing.id}")
    return collection(request, [item(place, f"action ID {standing.id}", found)], status=202)


@post("/api/v1/action/cancel", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def cancel_action(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """End the action of the form's field `actionid`: nobody further is asked."""
    action_id = number(await form(request), "actionid")
    await cancel(conn, action_id, by=actor.name, now=clock.now())
    found = await mig_reads.action(conn, action_id)
    return collection(request, [_item(request, "action", found or {})])


@get("/api/v1/command", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_command(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return a command with its action, its agent and its results."""
    command_id = number(query(request), "commandid")
    found = await mig_reads.commands(conn, {"commandid": command_id, "limit": 1})
    if not found:
        return _missing(request, "Command", command_id)
    return collection(request, [_item(request, "command", found[0])])


@get("/api/v1/agent", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_agent(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return an agent, with a link to the actions it was asked."""
    agent_id = number(query(request), "agentid")
    found = await mig_reads.agents(conn, {"agentid": agent_id, "limit": 1})
    if not found:
        return _missing(request, "Agent", agent_id)
    history = href(request, f"search?type=action&agentid={agent_id}&limit=10")
    return collection(request, [_item(request, "agent", found[0], [("agent history", history)])])


@get("/api/v1/search", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def search_all(request: AnyRequest, mig_searches: MigSearches) -> Response[bytes] | Stream:
    """Return what a search finds, then its place in the whole, then the search itself; 404 when nothing is found."""
    search = read_search(query(request))
    asked = item(str(request.url), "search parameters", parameters_of(search))
    portions = mig_searches.portions(search)
    # Read before the answer begins, so that what is amiss is still said as an error.
    first = await anext(portions, None)
    if first is None:
        return collection(request, [asked], status=404, error=NO_RESULTS)
    last = [item(str(request.url), "pagination", _page(request, search))] if search.offset else []
    return streamed(request, _items(request, search, first, portions), [*last, asked])


async def _items(
    request: AnyRequest, search: Search, first: list[Json], further: AsyncIterator[list[Json]]
) -> AsyncIterator[Iterator[Json]]:
    yield _shown(request, search, first)
    async for portion in further:
        yield _shown(request, search, portion)


def _shown(request: AnyRequest, search: Search, found: list[Json]) -> Iterator[Json]:
    if search.report == COMPLIANCE:
        return (one for command in found for one in _compliance(request, command))
    return (_item(request, search.type, one) for one in found)


def _page(request: AnyRequest, search: Search) -> Json:
    further = {**query(request), "offset": str(search.offset + search.limit)}
    following = href(request, f"search?{urlencode(sorted(further.items()))}")
    return {"limit": search.limit, "offset": search.offset, "next": following}


def _compliance(request: AnyRequest, command: Json) -> Iterator[Json]:
    link = href(request, f"command?commandid={command['id']}")
    asked = {"type": "command", "commandid": command["id"], "report": COMPLIANCE}
    place = href(request, f"search?{urlencode(asked)}")
    return (item(place, "compliance item", one) for one in items_of(command, link))


def _missing(request: AnyRequest, noun: str, number_: int) -> Response[bytes]:
    return collection(request, status=404, error=f"{noun} ID '{number_}' not found")


def _item(
    request: AnyRequest, kind: str, value: Json, links: list[tuple[str, str]] | None = None
) -> Json:
    place = href(request, f"{kind}?{kind}id={value.get('id', 0)}")
    return item(place, kind, value, links or ())


routes = [
    greet,
    refuse_heartbeat,
    show_ip,
    show_public_key,
    show_dashboard,
    show_action,
    create_action,
    cancel_action,
    show_command,
    show_agent,
    search_all,
]
