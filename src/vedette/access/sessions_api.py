"""REST routes of a person's own session: begin a command line's, say who one is, end it."""

from datetime import datetime

import msgspec
from litestar import Response, delete, get, post

from vedette import clock
from vedette.access.api import NEVER_CACHED, AnyRequest, address_of
from vedette.access.handover import take_over
from vedette.access.model import Actor
from vedette.access.secrets import Secrets
from vedette.access.sessions import Session, end_session, session_of
from vedette.db.queries import Connection
from vedette.errors import Invalid


class Code(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a browser handed over, and what its challenge was made of."""

    code: str
    verifier: str


class Begun(msgspec.Struct, kw_only=True):
    """A session; its secret is never shown again."""

    name: str
    secret: str


class Oneself(msgspec.Struct, kw_only=True):
    """Who asks; ends_at: when the session is over at the latest, null for a token."""

    name: str
    scopes: list[str]
    roles: list[str]
    ends_at: datetime | None


@post("/api/v1/session")
async def begin(
    request: AnyRequest, conn: Connection, secrets: Secrets, data: Code
) -> Response[Begun]:
    """Begin the session of a command line that a person has let in with their browser."""
    handed = await take_over(
        conn,
        data.code,
        data.verifier,
        pepper=secrets.pepper,
        now=clock.now(),
        address=address_of(request),
        client=request.headers.get("user-agent", ""),
    )
    begun = Begun(name=handed.name, secret=handed.secret)
    return Response(begun, status_code=201, headers=NEVER_CACHED)


@get("/api/v1/session")
async def show(request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets) -> Oneself:
    """Say who one is and what one may, with a session or a token."""
    session = await _session(request, conn, secrets)
    return Oneself(
        name=actor.name,
        scopes=sorted(actor.scopes),
        roles=list(session.roles) if session else [],
        ends_at=session.ends_at if session else None,
    )


@delete("/api/v1/session")
async def end(request: AnyRequest, conn: Connection, secrets: Secrets) -> None:
    """End this very session; a token is ended by its name."""
    session = await _session(request, conn, secrets)
    if session is None:
        raise Invalid("a token is no session", hint="vedette tokens revoke NAME")
    await end_session(conn, session, session.id, source=address_of(request))


routes = [begin, show, end]


async def _session(request: AnyRequest, conn: Connection, secrets: Secrets) -> Session | None:
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    return await session_of(conn, secret, pepper=secrets.pepper, now=clock.now())
