"""Join tokens: one machine, once, soon. What lets a new agent ask for its certificate."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.access.digests import JOIN_TOKEN, digest, make_secret
from vedette.access.model import Join
from vedette.db.queries import Connection, load
from vedette.errors import Denied, Invalid
from vedette.trust.names import checked_agent_name, checked_tags

READS = load(__file__, "reads.sql")
WRITES = load(__file__, "writes.sql")

DEFAULT_TTL = timedelta(hours=1)
LONGEST_TTL = timedelta(days=30)
KINDS = ("agent", "collector")

WAY_OUT = "make another one with `vedette agents token`"


class JoinRefused(Denied):
    """The join token is not one of ours, was used before, or is too old.

    Guessing is hopeless against 256 bits, but each try costs a query: let an address that was
    refused ten times within a minute wait before it may try again.
    """


class JoinTokenSpent(JoinRefused):
    """The join token is one of ours, used before or too old: worth a line in the audit log."""


async def create_join_token(
    conn: Connection,
    *,
    pepper: bytes,
    by: str,
    now: datetime,
    ttl: timedelta = DEFAULT_TTL,
    agent_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    kind: str = "agent",
    via: str | None = None,
    source: str = "",
    request_id: str = "",
) -> str:
    """Make a join token and return its secret, which cannot be shown again.

    agent_name: the name its bearer will have. Whoever holds that name now is then retired: that is
    how a rebuilt machine gets its old name back. tags: our labels for the agent.
    kind: `agent` or `collector`. via: the collector through which alone its bearer may come.
    """
    if kind not in KINDS:
        raise Invalid(f"kind {kind[:40]!a} is neither agent nor collector")
    if not timedelta(0) < ttl <= LONGEST_TTL:
        raise Invalid(f"a join token lasts at most {LONGEST_TTL.days} days", hint="1h is usual")
    if agent_name is not None:
        agent_name = checked_agent_name(agent_name, field="name of the agent")
    if via is not None:
        via = checked_agent_name(via, field="name of the collector")
    labels = checked_tags(dict(tags or {}))
    secret = make_secret("vdj_")
    async with conn.transaction():
        await WRITES.run(
            conn,
            "insert_join_token",
            digest=digest(pepper, secret),
            agent_name=agent_name,
            tags=Jsonb(labels),
            kind=kind,
            via=via,
            by=by,
            now=now,
            expires_at=now + ttl,
        )
        await write_audit(
            conn,
            actor=by,
            action="join_token.create",
            object=f"agent:{agent_name}" if agent_name else "",
            source=source,
            request_id=request_id,
            detail={"tags": labels, "kind": kind, "via": via, "expires_at": str(now + ttl)},
        )
    return secret


async def redeem_join_token(
    conn: Connection, secret: str, *, pepper: bytes, used_by: str, now: datetime
) -> Join:
    """Use the token up and return what it was made for; a second time raises JoinRefused.

    used_by: who came, as in `key:<fingerprint>`; kept beside the token. When the caller's
    transaction fails, the token is unused again.
    """
    mark = _mark(secret, pepper)
    join = await WRITES.one(
        conn, "redeem_join_token", digest=mark, used_by=used_by, now=now, row=Join
    )
    if join is not None:
        return join
    found = await READS.one(conn, "join_token_of_digest", digest=mark)
    raise _refusal(found, now)


async def redeemed_by(
    conn: Connection, secret: str, *, pepper: bytes, used_by: str, now: datetime
) -> Join | None:
    """Return what the token was made for if the same one used it and it is not too old yet.

    The answer to its first request may have been lost: whoever proves to hold the same key is not a
    second machine.
    """
    found = await READS.one(conn, "join_token_of_digest", digest=_mark(secret, pepper))
    if found is None:
        return None
    token_id, agent_name, tags, kind, via, _, user, expires_at = found
    if user != used_by or expires_at <= now:
        return None
    return Join(token_id=token_id, agent_name=agent_name, tags=tags, kind=kind, via=via)


def _mark(secret: str, pepper: bytes) -> bytes:
    if not JOIN_TOKEN.fullmatch(secret):
        raise JoinRefused("this is no join token (they look like vdj_…)", hint=WAY_OUT)
    return digest(pepper, secret)


def _refusal(found: tuple[Any, ...] | None, now: datetime) -> JoinRefused:
    if found is None:
        return JoinRefused("this server knows no such join token", hint=WAY_OUT)
    *_, used_at, _, expires_at = found
    if used_at is not None:
        return JoinTokenSpent(
            f"this join token was used at {used_at:%Y-%m-%d %H:%M} UTC; it works once",
            hint=WAY_OUT,
        )
    assert expires_at <= now
    return JoinTokenSpent(
        f"this join token expired at {expires_at:%Y-%m-%d %H:%M} UTC", hint=WAY_OUT
    )
