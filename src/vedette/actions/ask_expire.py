"""End commands that nobody may wait for any longer, and forget old ones."""

from datetime import datetime, timedelta

from vedette.db.queries import Connection, load

Q = load(__file__, "ask_writes.sql")

GRACE = timedelta(seconds=1)
"""The agent stops at the deadline itself and says so: its word is better than ours."""
UNHEARD = timedelta(minutes=1)
"""An answer whose asker never came for it."""
KEPT = timedelta(days=7)
"""Commands, without their answers; who asked what stands in the audit log for good."""


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Expire what is overdue, finish what nobody fetched, forget what is old; return how many expired."""
    async with conn.transaction():
        expired = await Q.run(conn, "expire", id=None, before=now - GRACE, now=now)
        await Q.run(conn, "finish_the_unheard", before=now - UNHEARD, now=now)
        await Q.run(conn, "forget_parts", id=None)
        await Q.run(conn, "forget_commands", before=now - KEPT)
    return expired


async def expire(conn: Connection, command_id: int, *, now: datetime) -> None:
    """End this one command if its time and the grace are over."""
    await Q.run(conn, "expire", id=command_id, before=now - GRACE, now=now)
