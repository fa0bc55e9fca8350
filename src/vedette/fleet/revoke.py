"""Take an agent's standing away: revoke its key at once and for good, retire it from the lists.

There is no way back. Whoever had the key may have copied it: the host is enrolled anew, with a new
key, and is then a new agent.
"""

from datetime import datetime

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.fleet.assign import hold_fleet, reassign, tell_agent

Q = load(__file__, "enrol.sql")


async def revoke_agent(
    conn: Connection,
    name: str,
    *,
    by: str,
    now: datetime,
    source: str = "",
    request_id: str = "",
) -> bool:
    """Revoke the agent of that name; return False when it was revoked before.

    In one transaction: no stream of it is let in any more, the open one loses its epoch and its
    targets, its server is told to close it. Raises Missing.
    """
    async with conn.transaction():
        agent_id, revoked = await _living(conn, name)
        if revoked:
            return False
        await _end(conn, "revoke", agent_id, now=now)
        await write_audit(
            conn,
            actor=by,
            action="agent.revoke",
            object=f"agent:{name}",
            source=source,
            request_id=request_id,
        )
    return True


async def retire_agent(
    conn: Connection,
    name: str,
    *,
    by: str,
    now: datetime,
    source: str = "",
    request_id: str = "",
) -> None:
    """Revoke the agent and take it from the lists; its name is free, its history stays.

    Raises Missing when no agent has the name, or it is retired already.
    """
    async with conn.transaction():
        agent_id, _ = await _living(conn, name)
        await _end(conn, "retire", agent_id, now=now)
        await write_audit(
            conn,
            actor=by,
            action="agent.retire",
            object=f"agent:{name}",
            source=source,
            request_id=request_id,
        )


async def _living(conn: Connection, name: str) -> tuple[int, bool]:
    await hold_fleet(conn)
    # A name from a URL may be anything; PostgreSQL takes no NUL.
    row = await Q.one(conn, "living_agent", name=name.replace("\0", "\ufffd"))
    if row is None:
        raise Missing(f"no agent is called {name[:80]!a}", hint="`vedette agents list` lists them")
    agent_id, revoked = row
    return agent_id, revoked


async def _end(conn: Connection, how: str, agent_id: int, *, now: datetime) -> None:
    await Q.run(conn, how, agent_id=agent_id, now=now)
    await Q.run(conn, "end_stream", agent_id=agent_id, now=now)
    if agent_id not in await reassign(conn, agent_id=agent_id):
        await tell_agent(conn, agent_id)
