"""Conclude: what the clock and the counts decide about actions, once a second, on one server at a time."""

from datetime import datetime

from vedette.actions.launch import add_late, weigh_and_begin
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load

Q = load(__file__, "writes.sql")
R = load(__file__, "reads.sql")

LOCK = lock_number("actions conclude")


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
        changed |= _ids(await Q.all(conn, "give_up", now=now))
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


def _ids(rows: list[tuple[int, ...]]) -> set[int]:
    return {row[0] for row in rows}
