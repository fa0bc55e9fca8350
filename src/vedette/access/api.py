"""REST routes of access: tokens and join tokens. A secret stands in one answer and nowhere else."""

import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post

from vedette import clock
from vedette.access.joining import create_join_token
from vedette.access.model import Actor, scopes_of
from vedette.access.model import Token as KeptToken
from vedette.access.secrets import Secrets
from vedette.access.tokens import create_token, list_tokens, revoke_token, token_called
from vedette.db.queries import Connection
from vedette.errors import Denied, Invalid
from vedette.rest.request_id import request_id_of

AnyRequest = Request[Any, Any, Any]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SPAN = re.compile(r"([0-9]{1,6})([smhd])")
NEVER_CACHED = {"Cache-Control": "no-store"}


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A token to make; expires_at RFC 3339, null for never."""

    name: str
    scopes: list[str]
    expires_at: datetime | None = None


class NewJoinToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A join token to make.

    agent_name: the name its bearer gets; null leaves it the choice. tags: our labels for the agent.
    kind: `agent`, or `collector`, which stands in for agents. via: the collector its bearer is bound
    to; null: it comes to the server itself. ttl: how long it is good, as in `1h` or `2d`.
    """

    agent_name: str | None = None
    tags: dict[str, str] = {}
    kind: str = "agent"
    via: str | None = None
    ttl: str = "1h"


class Token(msgspec.Struct, kw_only=True):
    """A token without its secret; last_used_at to the minute."""

    name: str
    scopes: list[str]
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


class Made(msgspec.Struct, kw_only=True):
    """What was made; the secret is never shown again."""

    name: str | None
    secret: str
    expires_at: datetime | None


@get("/api/v1/tokens")
async def show_tokens(conn: Connection) -> list[Token]:
    """List the tokens that are not revoked, by name."""
    return [_shown(token) for token in await list_tokens(conn)]


@post("/api/v1/tokens")
async def make_token(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets, data: NewToken
) -> Response[Made]:
    """Make a token of scopes the asker has; its secret stands in the answer."""
    _check_grant(actor, data.scopes)
    secret = await create_token(
        conn,
        data.name,
        data.scopes,
        pepper=secrets.pepper,
        by=actor.name,
        now=clock.now(),
        expires_at=_aware(data.expires_at),
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )
    made = Made(name=data.name, secret=secret, expires_at=data.expires_at)
    return Response(made, status_code=201, headers=NEVER_CACHED)


@delete("/api/v1/tokens/{name:str}")
async def end_token(request: AnyRequest, conn: Connection, actor: Actor, name: str) -> None:
    """Revoke a token at once, on every server."""
    # Else a token that may only make small ones could end the administrator's.
    _check_grant(actor, (await token_called(conn, name)).scopes)
    await revoke_token(
        conn,
        name,
        now=clock.now(),
        by=actor.name,
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )


@post("/api/v1/agents/join-tokens")
async def make_join_token(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets, data: NewJoinToken
) -> Response[Made]:
    """Make a join token: one agent, once, soon."""
    now, ttl = clock.now(), span_of(data.ttl)
    secret = await create_join_token(
        conn,
        pepper=secrets.pepper,
        by=actor.name,
        now=now,
        ttl=ttl,
        agent_name=data.agent_name,
        tags=data.tags,
        kind=data.kind,
        via=data.via,
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )
    made = Made(name=data.agent_name, secret=secret, expires_at=now + ttl)
    return Response(made, status_code=201, headers=NEVER_CACHED)


routes = [show_tokens, make_token, end_token, make_join_token]


def address_of(request: AnyRequest) -> str:
    """Return the address the request came from, for the audit log."""
    return request.client.host if request.client else ""


def _check_grant(actor: Actor, scopes: Any) -> None:  # noqa: ANN401 - words of scopes
    wanted = scopes_of(scopes)
    if not actor.may_grant(wanted):
        lacking = sorted(scope for scope in wanted if not actor.may(scope))
        raise Denied(f"{actor.name!r} does not have {', '.join(lacking)} to give or to end")


def _shown(token: KeptToken) -> Token:
    return Token(
        name=token.name,
        scopes=list(token.scopes),
        made_at=token.made_at,
        made_by=token.made_by,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def _aware(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise Invalid("expires_at lacks its zone", hint="as in 2026-11-22T03:00:00Z")
    return at


def span_of(text: str) -> timedelta:
    """Return the duration of a `ttl`; raises Invalid."""
    parts = SPAN.fullmatch(text)
    if parts is None:
        raise Invalid(f"ttl {text[:40]!a} is no duration", hint="as in 30m, 1h or 2d")
    return timedelta(**{UNITS[parts[2]]: int(parts[1])})
