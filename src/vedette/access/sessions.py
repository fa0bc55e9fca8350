"""Sessions of people: begun at sign-in, asked about with every request, ended here.

A browser keeps the secret sealed in its cookie, a command line in a file of its own; we keep a digest.
A session ends when nobody used it for `IDLE`, at its `ends_at`, with the person's account, and when
the person's roles or the rules that gave them have changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.access.digests import SESSION, digest, make_secret
from vedette.access.model import Actor, scopes_of_roles
from vedette.access.tokens import authenticate
from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.trust.names import plain_text

Q = load(__file__, "sign_in.sql")

IDLE = timedelta(hours=12)
LASTS = timedelta(days=7)
USE_NOTED_EVERY = timedelta(minutes=1)
WRONG_PASSWORDS_KEPT = timedelta(days=1)
CLIENT_LIMIT = 200
LOCAL = "local"
"""The issuer of accounts made from the command line."""

BROWSER = "browser"
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session without its secret; address and client: where it began, and with what."""

    id: int
    person_id: int
    name: str
    issuer: str
    roles: Sequence[str]
    kind: str
    rules: str
    made_at: datetime
    seen_at: datetime
    ends_at: datetime
    address: str
    client: str

    @property
    def actor(self) -> Actor:
        """Whoever this session acts for."""
        return Actor(actor_name(self.issuer, self.name), scopes_of_roles(self.roles))


def actor_name(issuer: str, name: str) -> str:
    """Return the name for the audit log: `person:ada`, or `account:ada` for an emergency's."""
    return f"{'account' if issuer == LOCAL else 'person'}:{name}"


async def begin_session(
    conn: Connection,
    person_id: int,
    *,
    kind: str,
    rules: str,
    pepper: bytes,
    now: datetime,
    by: str,
    address: str = "",
    client: str = "",
    hint: bytes | None = None,
) -> str:
    """Begin a session and return its secret, which cannot be shown again.

    rules: the mark of the settings that gave the roles, "" for a local account. hint: the provider's ID token
    under seal.
    """
    secret = make_secret("vds_")
    async with conn.transaction():
        session_id = await Q.value(
            conn,
            "insert_session",
            digest=digest(pepper, secret),
            person_id=person_id,
            kind=kind,
            rules=rules,
            now=now,
            ends_at=now + LASTS,
            address=address,
            client=plain_text(client, limit=CLIENT_LIMIT),
            hint=hint,
        )
        await Q.run(conn, "person_was_seen", id=person_id, now=now)
        await write_audit(
            conn,
            actor=by,
            action="session.begin",
            object=f"session:{session_id}",
            source=address,
            detail={"kind": kind, "client": client[:CLIENT_LIMIT]},
        )
    return secret


async def whose(conn: Connection, secret: str, *, pepper: bytes, now: datetime) -> Actor | None:
    """Return who shows this secret, a token's or a session's; None when it is nobody's any more."""
    if not SESSION.fullmatch(secret):
        return await authenticate(conn, secret, pepper=pepper, now=now)
    session = await session_of(conn, secret, pepper=pepper, now=now)
    if session is None:
        return None
    stale = now - USE_NOTED_EVERY
    if session.seen_at <= stale:
        await Q.run(conn, "touch_session", id=session.id, now=now, stale=stale)
    return session.actor


async def session_of(
    conn: Connection, secret: str, *, pepper: bytes, now: datetime
) -> Session | None:
    """Return the living session of that secret; None for a token's, and for one that is over."""
    if not SESSION.fullmatch(secret):
        return None
    return await Q.one(
        conn,
        "session_of_digest",
        digest=digest(pepper, secret),
        now=now,
        idle_since=now - IDLE,
        row=Session,
    )


async def hint_of(conn: Connection, session: Session) -> bytes | None:
    """Return the provider's ID token under seal; None for a session that was begun without one."""
    found: bytes | None = await Q.value(conn, "hint_of_session", id=session.id)
    return None if found is None else bytes(found)


async def sessions_of(conn: Connection, person_id: int, *, now: datetime) -> list[Session]:
    """Return the person's living sessions, the one used last before the others."""
    return await Q.all(
        conn, "sessions_of_person", person_id=person_id, now=now, idle_since=now - IDLE, row=Session
    )


async def end_session(conn: Connection, session: Session, which: int, *, source: str = "") -> None:
    """End one session of the same person, maybe this very one; raises Missing."""
    async with conn.transaction():
        ended = await Q.value(conn, "end_session", id=which, person_id=session.person_id)
        if ended is None:
            raise Missing("that session is over already", hint="load the page again")
        await _write_end(conn, session.actor.name, [which], source)


async def end_other_sessions(conn: Connection, session: Session, *, source: str = "") -> int:
    """End every session of the person but this one; return how many there were."""
    async with conn.transaction():
        ended = await end_sessions_of(conn, session.person_id, but=session.id)
        await _write_end(conn, session.actor.name, ended, source)
    return len(ended)


async def end_sessions_of(conn: Connection, person_id: int, *, but: int = 0) -> list[int]:
    """End the person's sessions but one, and what is on its way to a command line; return which."""
    rows = await Q.all(conn, "end_sessions_of_person", person_id=person_id, but=but)
    await Q.run(conn, "forget_handovers_of_person", person_id=person_id)
    return [row[0] for row in rows]


async def end_sessions_of_other_rules(conn: Connection, rules: str) -> int:
    """End the sessions whose roles other settings gave than these; return how many.

    A server does so when it starts, so that a group that lost its role has lost it at once.
    """
    async with conn.transaction():
        await Q.run(conn, "forget_handovers_of_other_rules", rules=rules)
        rows = await Q.all(conn, "end_sessions_of_other_rules", rules=rules)
        await _write_end(conn, "server", [row[0] for row in rows], "")
    return len(rows)


async def _write_end(conn: Connection, by: str, which: list[int], source: str) -> None:
    if which:
        await write_audit(
            conn,
            actor=by,
            action="session.end",
            object=f"session:{which[0]}" if len(which) == 1 else "sessions",
            source=source,
            detail={"sessions": which[:100]},
        )


async def run_once(conn: Connection, *, now: datetime) -> None:
    """Forget what is over: sessions, handovers, wrong passwords of the day before."""
    await Q.run(conn, "sweep_sessions", now=now, idle_since=now - IDLE)
    await Q.run(conn, "sweep_handovers", now=now)
    await Q.run(conn, "sweep_wrong_passwords", before=now - WRONG_PASSWORDS_KEPT)
