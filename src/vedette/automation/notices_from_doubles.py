"""When two agents with different keys speak for one endpoint, then a notice is written, once while it lasts.

A notice is a row of `fleet.double_agent`, a line in the log, and a NOTIFY on `vedette_notices` for whoever listens.
"""

from datetime import datetime

import structlog

from vedette.automation.notices_from_kev import CHANNEL
from vedette.db.queries import Connection, load
from vedette.fleet.endpoints import doubles

Q = load(__file__, "notices_from_doubles.sql")
log = structlog.get_logger(__name__)


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Write what is new, end what is over; return how many notices. Repeating is harmless."""
    async with conn.transaction():
        found = await doubles(conn, now=now)
        queuelocs = [one.queueloc for one in found]
        told = await Q.all(
            conn, "tell", queuelocs=queuelocs, agents=[one.name for one in found], now=now
        )
        await Q.run(conn, "end", queuelocs=queuelocs, now=now)
        for queueloc, _ in told:
            await conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"double:{queueloc}"))
    for queueloc, agents in told:
        log.warning("two agents speak for one endpoint", endpoint=queueloc, agents=agents)
    return len(told)
