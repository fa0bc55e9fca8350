"""Certificates after enrolment: renewed over the stream, or worth nothing any more."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "renew.sql")


async def keep_renewed(conn: Connection, agent_id: int, serial: str, not_after: datetime) -> None:
    """Keep which certificate the agent holds from now on."""
    await Q.run(conn, "keep_renewed", agent_id=agent_id, serial=serial, not_after=not_after)


async def revoked_among(conn: Connection, agents: Sequence[int]) -> set[int]:
    """Return which of these agents may not be served any more."""
    return {row[0] for row in await Q.all(conn, "revoked_among", agents=list(agents))}


async def count_agents(conn: Connection) -> int:
    """Return how many agents may come."""
    return int(await Q.value(conn, "count_agents"))
