"""Conclude: what the clock and the counts decide about actions, once a second, on one server at a time."""

from datetime import datetime

from vedette.actions.document import signed_text
from vedette.actions.document_read import read_order
from vedette.actions.launch import add_late, weigh_and_begin
from vedette.actions.trusted import newest_bundle
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.trust.bundle import Bundle
from vedette.trust.reasons import Untrusted
from vedette.trust.weigh import hold_not_withdrawn

Q = load(__file__, "writes.sql")
R = load(__file__, "reads.sql")

LOCK = lock_number("actions conclude")
NOT_LAUNCHED = {
    "proposed": "it expired before enough weight stood behind it",
    "new": "it expired before it was launched",
}
"""Why what was in this state expired, unless it was withdrawn."""


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Launch what begins to count, count what was answered, hold what fails, end what is over.

    Returns how many actions changed. Safe to repeat: each statement finds only what is still to be done.
    """
    changed: set[int] = set()
    async with conn.transaction():
        if not await Q.value(conn, "try_lock", lock=LOCK):
            return 0
        for (action_id,) in await R.all(conn, "to_begin", now=now):
            await weigh_and_begin(conn, action_id, now=now)
            changed.add(action_id)
        changed |= _ids(await Q.all(conn, "count_returned"))
        changed |= _ids(await Q.all(conn, "pause_failing", now=now))
        released = await Q.run(conn, "release", now=now)
        if released:
            await Q.run(conn, "tell_agents", payload="")
        await Q.run(conn, "expire_commands", now=now)
        changed |= _ids(await Q.all(conn, "finish", now=now))
        changed |= await _give_up(conn, now)
        if changed:
            await Q.run(conn, "touch", ids=list(changed), now=now)
        for action_id in sorted(changed):
            await Q.run(conn, "tell_action", id=action_id)
    return len(changed)


async def look_for_late(conn: Connection, *, now: datetime) -> int:
    """Give agents that came to be meant since (a tag, a heartbeat) their commands; return how many."""
    async with conn.transaction():
        if not await Q.value(conn, "try_lock", lock=LOCK):
            return 0
        return await add_late(conn, None, now=now)


async def _give_up(conn: Connection, now: datetime) -> set[int]:
    expired = await R.all(conn, "to_give_up", now=now)
    trust = await newest_bundle(conn) if expired else None
    for action_id, state, document in expired:
        why = (trust and _withdrawn(trust.bundle, document)) or NOT_LAUNCHED[state]
        await Q.run(conn, "invalidate", id=action_id, why=why, now=now)
    return _ids(expired)


def _withdrawn(bundle: Bundle, document: str) -> str:
    if not bundle.withdrawn:
        return ""
    try:
        hold_not_withdrawn(bundle, signed_text(read_order(document.encode(), ())))
    except Untrusted as refused:
        return f"it expired, and {refused}"
    return ""


def _ids(rows: list[tuple[int, ...]]) -> set[int]:
    return {row[0] for row in rows}
