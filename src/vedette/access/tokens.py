"""Tokens: made, checked, listed, revoked. The secret is shown once and kept nowhere."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.access.digests import TOKEN, digest, make_secret
from vedette.access.model import Actor, Scope, Token, scopes_of, with_contained
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.names import LABEL_LIMIT, checked_name, plain_text

READS = load(__file__, "reads.sql")
WRITES = load(__file__, "writes.sql")

USE_NOTED_EVERY = timedelta(minutes=1)


async def create_token(
    conn: Connection,
    name: str,
    scopes: Iterable[str],
    *,
    pepper: bytes,
    by: str,
    now: datetime,
    expires_at: datetime | None = None,
    source: str = "",
    request_id: str = "",
) -> str:
    """Make a token and return its secret, which cannot be shown again.

    Raises Invalid for a wrong name, scope or time, Conflict when a living token has the name.
    """
    name = checked_name(name, field="name of the token")
    granted = scopes_of(scopes)
    if not granted:
        raise Invalid("a token needs at least one scope", hint="one of " + ", ".join(Scope))
    if expires_at is not None and expires_at <= now:
        raise Invalid("the token would have expired already", hint="choose a later time")
    secret = make_secret("vdt_")
    async with conn.transaction():
        await WRITES.run(conn, "bury_expired", name=name, now=now)
        token_id = await WRITES.value(
            conn,
            "insert_token",
            name=name,
            digest=digest(pepper, secret),
            scopes=sorted(granted),
            by=by,
            now=now,
            expires_at=expires_at,
        )
        if token_id is None:
            raise Conflict(
                f"there is a token called {name!r} already",
                hint=f"choose another name or `vedette tokens revoke {name}`",
            )
        await write_audit(
            conn,
            actor=by,
            action="token.create",
            object=f"token:{name}",
            source=source,
            request_id=request_id,
            detail={"scopes": sorted(granted), "expires_at": expires_at and str(expires_at)},
        )
    return secret


async def authenticate(
    conn: Connection, secret: str, *, pepper: bytes, now: datetime
) -> Actor | None:
    """Return whose token this is; None when it is unknown, expired or revoked.

    Notes the use at most once a minute.
    """
    if not TOKEN.fullmatch(secret):
        return None
    row = await READS.one(conn, "token_of_digest", digest=digest(pepper, secret), now=now)
    if row is None:
        return None
    token_id, name, scopes, last_used_at = row
    stale = now - USE_NOTED_EVERY
    if last_used_at is None or last_used_at <= stale:
        await WRITES.run(conn, "touch_token", id=token_id, now=now, stale=stale)
    # A scope that a newer version made means nothing to this one.
    known = [Scope(word) for word in scopes if word in set(Scope)]
    return Actor(f"token:{name}", with_contained(known))


async def list_tokens(conn: Connection) -> list[Token]:
    """Return every token that is not revoked, expired ones among them, by name."""
    return await READS.all(conn, "tokens", row=Token)


async def token_called(conn: Connection, name: str) -> Token:
    """Return the living token of that name; raises Missing."""
    # A name from a URL may be anything; PostgreSQL takes no NUL.
    found = await READS.one(
        conn, "living_token", name=plain_text(name, limit=LABEL_LIMIT + 1), row=Token
    )
    if found is None:
        raise Missing(f"no token is called {name[:80]!a}", hint="`vedette tokens list` shows them")
    return found


async def revoke_token(
    conn: Connection,
    name: str,
    *,
    now: datetime,
    by: str,
    source: str = "",
    request_id: str = "",
) -> None:
    """End the token at once, on every server; raises Missing when none has the name."""
    async with conn.transaction():
        token = await token_called(conn, name)
        token_id = await WRITES.value(conn, "revoke_token", name=token.name, now=now)
        if token_id is None:
            return  # someone else was faster
        await WRITES.run(conn, "notify_revoked", id=token_id)
        await write_audit(
            conn,
            actor=by,
            action="token.revoke",
            object=f"token:{token.name}",
            source=source,
            request_id=request_id,
        )
