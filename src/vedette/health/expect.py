"""Expect reports from whoever was told to look, and judge what was declared but never seen.

From the moment an agent is assigned a target its silence counts; what it is no longer assigned it may
still deliver from its spool, but it has no vote any more.
"""

from datetime import datetime

from psycopg import AsyncConnection

from vedette.db.queries import load
from vedette.health.conclude import Moved, conclude
from vedette.health.model import Held, Patience, State
from vedette.health.sight import Sight, Watched

Q = load(__file__, "writes.sql")


async def run_once(conn: AsyncConnection, *, now: datetime) -> int:
    """Bring observations in line with assignments; return how many transitions that made.

    Safe to repeat and to run on several servers.
    """
    async with conn.transaction():
        await Q.run(conn, "own_sight")
        rows = await Q.all(conn, "expect_new", now=now)
        rows += await Q.all(conn, "expect_changed", now=now)
        rows += await Q.all(conn, "expect_unjudged")
        components = [row[0] for row in await Q.all(conn, "components_unjudged")]
        if not rows and not components:
            return 0
        moved = [Moved(target_id, now) for target_id in {row[0] for row in rows}]
        return await conclude(conn, moved, now=now, components=components)


async def is_due(conn: AsyncConnection, agent_id: int) -> bool:
    """Return whether this agent was told to look at something of which nothing is expected yet."""
    return bool(await Q.value(conn, "expects_too_little", agent_id=agent_id))


async def sight_of(conn: AsyncConnection, agent_id: int) -> Sight:
    """Return what this agent may speak of and what is held of it."""
    rows = await Q.all(conn, "watched", agent_id=agent_id)
    return Sight(
        agent_id,
        (
            Watched(
                target_id,
                Held(state=State.of(state), since=since, dissent=dissent, worse=worse),
                Patience(bad_after=bad_after, good_after=good_after),
            )
            for target_id, state, since, dissent, worse, bad_after, good_after in rows
        ),
    )
