"""Quarantine: an agent that keeps answering what nobody can take gets no orders until a person says so.

Its reports are taken as before: what it looks at is judged by them, and whom it answers harms itself alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Missing

Q = load(__file__, "quarantine.sql")

MOST_FAULTS = 20
WITHIN = timedelta(hours=1)


async def count_faults(conn: Connection, faults: Mapping[int, int], *, now: datetime) -> list[str]:
    """Add to the faults of these agents (id → how many); return the names of those it was too much for."""
    # In one order, whichever server counts: two that meet must not wait for each other.
    agents = sorted(faults)
    async with conn.transaction():
        await Q.run(
            conn,
            "count_faults",
            agents=agents,
            numbers=[faults[each] for each in agents],
            hour_ago=now - WITHIN,
            now=now,
        )
        marked = await Q.all(conn, "quarantine", agents=agents, most=MOST_FAULTS, now=now)
        for name, why in marked:
            await write_audit(
                conn,
                actor="server",
                action="agent.quarantine",
                object=f"agent:{name}",
                detail={"why": why},
            )
    return [name for name, _ in marked]


async def quarantined(conn: Connection) -> set[int]:
    """Return the agents that get no orders."""
    return {agent_id for (agent_id,) in await Q.all(conn, "quarantined")}


async def release_agent(
    conn: Connection,
    name: str,
    *,
    by: str,
    source: str = "",
    request_id: str = "",
) -> bool:
    """Let the agent have orders again and count from none; False when it was not in quarantine. Raises Missing."""
    async with conn.transaction():
        # A name from a URL may be anything; PostgreSQL takes no NUL.
        found = await Q.one(conn, "living_agent", name=name.replace("\0", "\ufffd"))
        if found is None:
            raise Missing(
                f"no agent is called {name[:80]!a}", hint="`vedette agents list` lists them"
            )
        if not await Q.run(conn, "release", agent_id=found[0]):
            return False
        await write_audit(
            conn,
            actor=by,
            action="agent.release",
            object=f"agent:{name}",
            source=source,
            request_id=request_id,
        )
    return True
