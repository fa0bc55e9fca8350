"""What records need by the clock: snapshots that nobody closes go, months that come have their partitions."""

from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.records import repeated
from vedette.records.snapshots import expire

Q = load(__file__, "intake_snapshots.sql")

AHEAD = timedelta(days=40)
"""So far ahead there is a partition, also where no server runs for a month."""
KNOWN = timedelta(days=3)
"""For so long a large body is known when it comes again; most come daily."""
REMEMBERED = timedelta(days=30)
"""For so long a writer who comes back late is told that its snapshot has expired."""


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Let go of what has expired; return how many snapshots did. Safe to repeat, on several servers at once."""
    await Q.run(conn, "make_months", first=now, last=now + AHEAD)
    gone = await expire(conn, now=now)
    await Q.run(conn, "forget", before=now - REMEMBERED)
    await repeated.forget(conn, before=now - KNOWN)
    return gone
