"""MIG's routes of investigators: one of them with his last actions, a new one, a change."""

from typing import Any

import msgspec
from litestar import Response, get, post

from vedette import clock
from vedette.access.model import Actor
from vedette.access.secrets import Secrets
from vedette.actions import mig_investigators, mig_reads
from vedette.actions.mig_permissions import DEFAULT, PERMISSIONS, mask_of
from vedette.actions.mig_shown import investigator
from vedette.actions.mig_wire import (
    MIG_ERRORS,
    AnyRequest,
    collection,
    field,
    form,
    href,
    item,
    number,
    query,
)
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.rest.guard import ANY_QUERY

AS_THEY_ASK: dict[str, Any] = {ANY_QUERY: True}
LAST_ACTIONS = 10


@get("/api/v1/investigator", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_investigator(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return an investigator, then his last ten actions."""
    asked = number(query(request), "investigatorid")
    row = await mig_investigators.investigator(conn, asked)
    history = href(request, f"search?type=action&investigatorid={row.id}&limit=100")
    who = item(
        href(request, f"investigator?investigatorid={row.id}"),
        "investigator",
        investigator(row),
        [("investigator history", history)],
    )
    last = await mig_reads.actions(conn, {"investigatorid": row.id, "limit": LAST_ACTIONS})
    did = [item(href(request, f"action?actionid={one['id']}"), "action", one) for one in last]
    return collection(request, [who, *did])


@post(
    "/api/v1/investigator/create",
    status_code=201,
    opt=AS_THEY_ASK,
    exception_handlers=MIG_ERRORS,
)
async def create_investigator(
    request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Add an investigator: `name`, `permissions` and the file `publickey`."""
    said = await form(request)
    permissions = _permissions(said["permissions"]) if said.get("permissions") else DEFAULT
    made = await mig_investigators.add(
        conn,
        field(said, "name"),
        field(said, "publickey"),
        permissions,
        by=actor.name,
        now=clock.now(),
    )
    return await _shown(request, conn, made, status=201)


@post(
    "/api/v1/investigator/update",
    status_code=200,
    opt=AS_THEY_ASK,
    exception_handlers=MIG_ERRORS,
)
async def update_investigator(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets
) -> Response[bytes]:
    """Change one thing of an investigator: `status`, `permissions` or `apikey`; a new key is in the answer."""
    said = await form(request)
    who, by, now = number(said, "id"), actor.name, clock.now()
    wanted = [name for name in ("status", "permissions", "apikey") if said.get(name)]
    if len(wanted) != 1:
        raise Invalid("one of status, permissions and apikey is to be said")
    value, key = said[wanted[0]], ""
    if wanted == ["status"]:
        await mig_investigators.set_status(conn, who, value, by=by, now=now)
    elif wanted == ["permissions"]:
        mask = _permissions(value)
        await mig_investigators.set_permissions(conn, who, mask, by=by, now=now)
    elif value == "active":
        key = await mig_investigators.new_api_key(conn, who, pepper=secrets.pepper, by=by, now=now)
    elif value == "disabled":
        await mig_investigators.forget_api_key(conn, who, by=by)
    else:
        raise Invalid("apikey must be active or disabled")
    return await _shown(request, conn, who, key=key)


async def _shown(
    request: AnyRequest, conn: Connection, who: int, *, status: int = 200, key: str = ""
) -> Response[bytes]:
    row = await mig_investigators.investigator(conn, who)
    place = href(request, f"investigator?investigatorid={who}")
    value = investigator(row, api_key=key)
    return collection(request, [item(place, f"Investigator ID {who}", value)], status=status)


def _permissions(text: str) -> int:
    try:
        return mask_of(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(f"permissions are JSON of {', '.join(PERMISSIONS)}") from None


routes = [show_investigator, create_investigator, update_investigator]
