"""What the clock does to what we tell people: drafts go out, maintenances begin and end, series go on.

Every server runs it. What is due is read again under the lock of the room, so it is done once; after
a pause it is done late, with the times at which it should have been.
"""

from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.conduct import advance
from vedette.incidents.publish import publish_incident
from vedette.incidents.series import expand_due

Q = load(__file__, "maintenance.sql")

BY = "server"
AT_MOST = 500
"""What one turn does; the next one follows within seconds."""


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Do what is due; return how many things were done. Safe to repeat and on several servers."""
    done = await expand_due(conn, by=BY, now=now)
    # Almost always nothing is due, and then nobody waits for the lock.
    while done < AT_MOST and await _due(conn, now=now):
        done += await _do_one(conn, now=now)
    return done


async def _do_one(conn: Connection, *, now: datetime) -> int:
    async with conn.transaction():
        await writes.hold(conn)
        due = await _due(conn, now=now)
        if due is None:  # another server was faster
            return 0
        number, is_draft = due
        if is_draft:
            await publish_incident(conn, number, by=BY, now=now, taken=False)
        await advance(conn, number, by=BY, now=now)
    return 1


async def _due(conn: Connection, *, now: datetime) -> tuple[int, bool] | None:
    row = await Q.one(conn, "due", now=now)
    return (row[0], row[1]) if row else None
