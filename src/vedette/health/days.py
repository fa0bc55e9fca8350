"""When a day is over, then how long each component was in each state on it is written down."""

from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection

from vedette.db.locks import alone
from vedette.db.queries import load

Q = load(__file__, "writes.sql")

AGAIN = 2
"""So many closed days at least are worked out anew each time."""

OLDEST = timedelta(days=400)
"""What lies further back is not written any more."""


async def run_once(conn: AsyncConnection, *, now: datetime) -> int:
    """Write the last closed days of every component; return how many rows. Repeating changes nothing.

    With them the days on which no server ran, and those of which late reports told a moment ago.
    """
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    async with conn.transaction():
        if not await alone(conn, __name__):
            return 0
        usual = yesterday - timedelta(days=AGAIN - 1)
        oldest = yesterday - OLDEST
        first = await Q.value(conn, "first_day_to_write", usual=usual, oldest=oldest, now=now)
        return await Q.run(conn, "keep_component_days", first=first, last=yesterday, now=now)
