"""Say afterwards what happened and why: a draft for operators first, then for everyone."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.model import Kind
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_version
from vedette.incidents.texts import POSTMORTEM_LIMIT, checked_text
from vedette.incidents.writes import Changes


async def write_postmortem(
    conn: Connection,
    number: int,
    text: str,
    *,
    by: str,
    now: datetime,
    publish: bool = False,
    version: int | None = None,
) -> None:
    """Keep the post-mortem of an incident, and publish it when said so; once public it stays public.

    Raises Missing, Invalid, or Conflict when it is to be public and the incident is not over.
    """
    text = checked_text(text, field="post-mortem", limit=POSTMORTEM_LIMIT)
    if not text:
        raise Invalid("the post-mortem is empty", hint="say what happened, why, and what changes")
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        if held.kind is not Kind.INCIDENT:
            raise Invalid(f"{number} is no incident but: {held.kind}")
        if held.merged_into is not None:
            raise Conflict(f"incident {number} went into {held.merged_into}", hint="name that one")
        if publish and held.is_open:
            raise Conflict(f"incident {number} is open", hint="close it, then publish this")
        columns: Changes = {"postmortem": text, "taken": True}
        if publish and held.postmortem_at is None:
            columns["postmortem_at"] = now
        await writes.change(conn, number, **columns)
        word = "postmortem" if publish or held.postmortem_at else "postmortem.draft"
        await writes.settle(conn, [number], word, by=by, now=now)
