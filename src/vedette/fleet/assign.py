"""Work out who probes what, whenever targets or agents change."""

from collections.abc import Collection

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load

Q = load(__file__, "assign.sql")


async def hold_fleet(conn: Connection) -> None:
    """Wait until nobody else changes what there is, until the transaction ends.

    Slugs, names and assignments are worked out from the whole; two at a time would each miss what
    the other adds.
    """
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number("vedette.fleet"),))


async def reassign(conn: Connection, *, agent_id: int | None = None) -> set[int]:
    """Bring the assignments in line, of one agent or of all; return the agents concerned.

    Their configuration gets a new revision and their servers are told. Repeating changes nothing.
    """
    async with conn.transaction():
        await hold_fleet(conn)
        concerned = {id_ for (id_,) in await Q.all(conn, "reassign", agent_id=agent_id)}
        await renew_configurations(conn, concerned)
    return concerned


async def renew_configurations(conn: Connection, agents: Collection[int]) -> None:
    """Give these agents' configurations a new revision and tell whoever holds their streams."""
    if not agents:
        return
    await Q.run(conn, "renew_configuration", agents=sorted(agents))
    await Q.run(conn, "notify_agents", agents=sorted(agents))


async def tell_agent(conn: Connection, agent_id: int) -> None:
    """Tell whoever holds this agent's stream that its standing changed."""
    await Q.run(conn, "notify_agents", agents=[agent_id])
