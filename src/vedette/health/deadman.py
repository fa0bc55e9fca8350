"""When an agent says nothing of a target for two and a half intervals, then it is unknown: grey, not red.

The word is written where a restart finds it. A pause of our own (a stopped server, a database away)
is not silence of theirs: silence counts from when we were listening again, plus the time the agents
may take to come back without stampeding.
"""

from datetime import datetime, timedelta

from psycopg import AsyncConnection

from vedette.db.queries import load
from vedette.fleet.renew import count_agents
from vedette.health.conclude import Moved, conclude
from vedette.health.rules import reconnect_spread

Q = load(__file__, "writes.sql")

PAUSE = timedelta(seconds=10)
"""A deadman that has not run for this long was not listening."""

GRACE = timedelta(seconds=3)
"""For the handshake and the first frame, beyond the reconnect spread."""


async def run_once(conn: AsyncConnection, *, now: datetime) -> int:
    """Declare the silent silent; return how many transitions that made. Safe on several servers."""
    up_since = await Q.value(conn, "deadman_runs", now=now, pause=PAUSE)
    agents = await count_agents(conn)
    counted_from = up_since + 2 * reconnect_spread(agents) + GRACE
    if not await Q.value(conn, "any_silent", now=now, counted_from=counted_from):
        return 0
    async with conn.transaction():
        # Alone: no commit of reports is under way that would not see the word.
        await Q.run(conn, "own_sight")
        rows = await Q.all(conn, "declare_silent", now=now, counted_from=counted_from)
        return await conclude(conn, [Moved(row[0], now) for row in rows], now=now) if rows else 0
