"""REST routes of actions: hand one in, sign, deny, steer it, and read what hosts answered."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from vedette import clock
from vedette.access.model import Actor
from vedette.actions import reads, steer
from vedette.actions.api_shown import (
    Action,
    ActionSummary,
    Command,
    Matched,
    Number,
    Standing,
    shown_action,
    shown_command,
    shown_standing,
    summary_of,
)
from vedette.actions.command import DOCUMENT_BYTES
from vedette.actions.command import Launch as LaunchOptions
from vedette.actions.deliver import orders
from vedette.actions.document_read import read_order
from vedette.actions.document_write import write_action
from vedette.actions.for_incident import tie
from vedette.actions.launch import propose, sign, standing
from vedette.actions.match import matched
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    MAX_ID,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

AnyRequest = Request[Any, Any, Any]

STATES = ("proposed", "new", "inflight", "done", "invalid")

Some = Annotated[str | None, Parameter(max_length=200)]
# Litestar keeps the name `state` for itself.
States = Annotated[
    str | None, Parameter(query="state", max_length=200, description="Several with commas.")
]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Launch(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How it goes out, never wider than what was signed.

    rate: agents a second. at_once: under way together. most_agents: not more. canary: so many first, the others
    when somebody says so. most_failures: share of the answers that may fail before it pauses (0.01). late: agents
    that come before it expires are asked too.
    """

    rate: Annotated[float, msgspec.Meta(gt=0)] | None = None
    at_once: Positive | None = None
    most_agents: Positive | None = None
    canary: Positive | None = None
    most_failures: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    late: bool = True


class Proposal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An action handed in; document: the file, with the signatures it has. incident: whose notes tell of it."""

    document: Annotated[str, msgspec.Meta(max_length=DOCUMENT_BYTES)]
    launch: Launch = Launch()
    incident: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None


class Signature(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A signature in one line, or armoured, over the bytes of the action."""

    signature: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]


class Why(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A reason, for those who ask later."""

    reason: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Target(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A target, as an action says it."""

    target: Annotated[str, msgspec.Meta(min_length=1, max_length=DOCUMENT_BYTES)]


@post("/api/v1/actions", status_code=201)
async def hand_in(conn: Connection, actor: Actor, data: Proposal) -> Standing:
    """Hand an action in; it is launched once enough weight stands behind it. The same one again is the same action."""
    options = LaunchOptions(**msgspec.structs.asdict(data.launch))
    async with conn.transaction():
        found = await propose(
            conn, data.document.encode(), by=actor.name, now=clock.now(), launch=options
        )
        if data.incident is not None:
            await tie(conn, found.id, data.incident, by=actor.name)
    return shown_standing(found)


@get("/api/v1/actions")
async def list_actions(
    request: AnyRequest,
    conn: Connection,
    states: States = None,
    name: Some = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[ActionSummary]]:
    """Return actions, the newest first. state: proposed, new, inflight, done, invalid; several with commas."""
    before = decode_cursor(cursor, int) if cursor else None
    wanted = states.split(",") if states else None
    for state in wanted or ():
        if state not in STATES:
            raise Invalid(f"state cannot be {state[:40]!a}", hint=f"one of {', '.join(STATES)}")
    rows = await reads.actions(conn, states=wanted, name=name, before=before, limit=limit + 1)
    counted = await reads.counts(conn, [row.id for row in rows[:limit]])
    more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    shown = [summary_of(row, counted[row.id]) for row in rows[:limit]]
    return Response(shown, headers=next_link(request, more))


@get("/api/v1/actions/{action_id:int}")
async def show_action(conn: Connection, action_id: Number) -> Action:
    """Return an action: what it asks, who signed and denied it, what its commands are doing, what is missing."""
    async with conn.transaction():
        row = await reads.action(conn, action_id)
        counted = await reads.counts(conn, [action_id])
        return shown_action(
            row,
            counted[action_id],
            await reads.signers(conn, action_id),
            await reads.denials(conn, action_id),
            await standing(conn, action_id, now=clock.now()),
        )


@get("/api/v1/actions/{action_id:int}/document")
async def show_document(conn: Connection, action_id: Number) -> Response[bytes]:
    """Return the action as a file that can be signed: the very document, and the signatures so far."""
    return Response(await document_of(conn, action_id), media_type="application/json")


@post("/api/v1/actions/{action_id:int}/signatures", status_code=201)
async def add_signature(
    conn: Connection, actor: Actor, action_id: Number, data: Signature
) -> Standing:
    """Add a signature over the same bytes; the action is launched when that is enough."""
    found = await sign(conn, action_id, data.signature, by=actor.name, now=clock.now())
    return shown_standing(found)


@post("/api/v1/actions/{action_id:int}/deny", status_code=200)
async def deny_action(conn: Connection, actor: Actor, action_id: Number, data: Why) -> Standing:
    """Say no, and why; the action is over."""
    await steer.deny(conn, action_id, data.reason, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@post("/api/v1/actions/{action_id:int}/cancel", status_code=200)
async def cancel_action(conn: Connection, actor: Actor, action_id: Number) -> Standing:
    """End it: nobody further is asked, and who runs it is told to stop."""
    await steer.cancel(conn, action_id, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@post("/api/v1/actions/{action_id:int}/pause", status_code=200)
async def pause_action(conn: Connection, actor: Actor, action_id: Number, data: Why) -> Standing:
    """Ask nobody further until it is resumed."""
    await steer.pause(conn, action_id, data.reason, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@post("/api/v1/actions/{action_id:int}/resume", status_code=200)
async def resume_action(conn: Connection, actor: Actor, action_id: Number) -> Standing:
    """Go on."""
    await steer.resume(conn, action_id, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@post("/api/v1/actions/{action_id:int}/canary", status_code=200)
async def pass_canary(conn: Connection, actor: Actor, action_id: Number) -> Standing:
    """Ask the others too: those asked first did well."""
    await steer.pass_canary(conn, action_id, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@post("/api/v1/actions/{action_id:int}/again", status_code=200)
async def run_again(conn: Connection, actor: Actor, action_id: Number) -> Standing:
    """Ask those again that refused, expired or were cancelled; nobody runs it twice."""
    await steer.run_again(conn, action_id, by=actor.name, now=clock.now())
    return await _standing(conn, action_id)


@get("/api/v1/actions/{action_id:int}/commands")
async def list_commands(
    request: AnyRequest,
    conn: Connection,
    action_id: Number,
    outcome: Some = None,
    found: bool | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[Command]]:
    """Return the action's commands, one an agent. outcome: or state; several with commas."""
    await reads.action(conn, action_id)
    after = decode_cursor(cursor, int) if cursor else 0
    outcomes = outcome.split(",") if outcome else None
    rows = await reads.commands(
        conn, action_id, outcomes=outcomes, found=found, after=after, limit=limit + 1
    )
    more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Response([shown_command(row) for row in rows[:limit]], headers=next_link(request, more))


@post("/api/v1/agents/match", status_code=200)
async def match_agents(conn: Connection, data: Target, limit: Limit = 1_000) -> list[Matched]:
    """Return the agents that a target means now; nothing is asked of them."""
    rows = await matched(conn, data.target, now=clock.now(), at_most=limit)
    return [
        Matched(
            name=row.name,
            key=row.key,
            os=row.os,
            status=row.status,
            queueloc=row.queueloc,
            version=row.version,
        )
        for row in rows
    ]


async def document_of(conn: Connection, action_id: int) -> bytes:
    """Return the file of the action with all its signatures; raises Missing."""
    await reads.action(conn, action_id)
    order = (await orders(conn, [action_id]))[action_id]
    return write_action(read_order(order.document, order.signatures))


async def _standing(conn: Connection, action_id: int) -> Standing:
    return shown_standing(await standing(conn, action_id, now=clock.now()))


routes = [
    hand_in,
    list_actions,
    show_action,
    show_document,
    add_signature,
    deny_action,
    cancel_action,
    pause_action,
    resume_action,
    pass_canary,
    run_again,
    list_commands,
    match_agents,
]
