"""Days of reports: made ahead of time, indexed when over; `rollups.keep_house` packs and drops them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from vedette.db.queries import load

Q = load(__file__, "writes.sql")

DAY_US = 86_400_000_000
AHEAD = timedelta(days=2)
SETTLED = timedelta(hours=6)
"""How long after midnight a day still takes late reports before it gets its index."""


async def run_once(conn: AsyncConnection, *, now: datetime) -> int:
    """Make the days to come and close those over; return how many changed."""
    today = now.astimezone(UTC).date()
    made = await Q.value(conn, "make_partitions", first=today, last=today + AHEAD)
    closed = await Q.value(conn, "close_days", before=(now - SETTLED).astimezone(UTC).date())
    return int(made) + int(closed)


async def ensure(conn: AsyncConnection, days: Iterable[NDArray[np.int64]]) -> None:
    """Make the partitions of these days, given as days since 1970-01-01."""
    for day in sorted({int(day) for some in days for day in some}):
        when = date(1970, 1, 1) + timedelta(days=day)
        await Q.run(conn, "make_partitions", first=when, last=when)
