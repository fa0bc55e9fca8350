"""When a day is over, then how long each component was in each state on it is written down."""

from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection

from vedette.db.locks import alone
from vedette.db.queries import load

Q = load(__file__, "writes.sql")

AGAIN = 2
"""So many closed days are worked out anew each time: late reports may have changed them."""


async def run_once(conn: AsyncConnection, *, now: datetime) -> int:
    """Write the last closed days of every component; return how many rows. Repeating changes nothing."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    async with conn.transaction():
        if not await alone(conn, __name__):
            return 0
        first = yesterday - timedelta(days=AGAIN - 1)
        return await Q.run(conn, "keep_component_days", first=first, last=yesterday, now=now)
