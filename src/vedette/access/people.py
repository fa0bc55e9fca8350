"""People the provider vouches for: recognised by issuer and subject, never by their name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from vedette.access.audit import write_audit
from vedette.access.model import Role
from vedette.access.sessions import Q, actor_name, end_sessions_of
from vedette.db.queries import Connection
from vedette.errors import Denied
from vedette.trust.names import LABEL_LIMIT, plain_text

MARK_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whoever has signed in; name: ours for them, which nobody else has."""

    id: int
    issuer: str
    subject: str
    name: str
    roles: Sequence[str]
    made_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None

    @property
    def actor(self) -> str:
        """The name for the audit log."""
        return actor_name(self.issuer, self.name)


async def recognise(
    conn: Connection,
    *,
    issuer: str,
    subject: str,
    name: str,
    roles: Sequence[Role],
    now: datetime,
    source: str = "",
) -> Person:
    """Return the person of that issuer and subject, made at their first sign-in.

    Other roles than last time end every session they have. Raises Denied for whoever has no role.
    """
    if not roles:
        await write_audit(
            conn,
            actor=f"person:{name}",
            action="person.refuse",
            source=source,
            detail={"why": "no role"},
        )
        raise Denied(
            f"{name[:80]!a} is known to the provider, but has no role here",
            hint="ask for a group that `sign_in.roles` of the settings names",
        )
    words = [role.value for role in roles]
    async with conn.transaction():
        found = await Q.one(conn, "person_of", issuer=issuer, subject=subject, row=Person)
        if found is None:
            return await _make(conn, issuer, subject, name, words, now, source)
        if sorted(found.roles) != sorted(words):
            await Q.run(conn, "keep_roles", id=found.id, roles=words)
            ended = await end_sessions_of(conn, found.id)
            await write_audit(
                conn,
                actor=found.actor,
                action="person.roles",
                object=found.actor,
                source=source,
                detail={"were": list(found.roles), "are": words, "sessions_ended": len(ended)},
            )
        return found


async def _make(
    conn: Connection,
    issuer: str,
    subject: str,
    name: str,
    roles: list[str],
    now: datetime,
    source: str,
) -> Person:
    plain = plain_text(name, limit=LABEL_LIMIT).strip()
    # Names are the provider's business and may come twice; ours must tell two people apart.
    mark = blake2b(f"{issuer}\0{subject}".encode(), digest_size=MARK_BYTES).hexdigest()
    for ours in (plain, f"{plain} {mark}"):
        if not ours:
            continue
        made = await Q.one(
            conn,
            "insert_person",
            issuer=issuer,
            subject=subject,
            name=ours,
            roles=roles,
            password=None,
            now=now,
            row=Person,
        )
        if made is not None:
            await write_audit(
                conn,
                actor=made.actor,
                action="person.make",
                object=made.actor,
                source=source,
                detail={"issuer": issuer, "subject": subject, "roles": roles},
            )
            return made
    # Another server made them at the same moment.
    found = await Q.one(conn, "person_of", issuer=issuer, subject=subject, row=Person)
    if found is None:
        raise Denied("someone else has that name", hint="ask whoever runs the provider")
    return found
