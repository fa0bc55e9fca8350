"""Each day's counts of what stood open, by whom it concerns: a row where something changed, and one at each month's begin.

A vulnerability that somebody decided need not be mended, or that a supplier states does not apply, does not count while
that holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.fleet.named import check_named
from vedette.records.options import RecordOptions

Q = load(__file__, "daily.sql")

SCOPES = ("namespace", "cluster", "service", "team")


@dataclass(frozen=True, slots=True)
class Day:
    """What stood at the end of a day, or stands now, of one severity; opened and closed on it."""

    day: date
    severity: int
    vulnerabilities: int
    fixable: int
    exploited: int
    opened: int
    closed: int


def _month(day: date) -> date:
    return day.replace(day=1)


async def is_month_due(conn: Connection, *, now: datetime) -> bool:
    """Say whether nothing is written of this month yet, and something of one before."""
    return bool(await Q.value(conn, "is_month_due", month=_month(now.astimezone(UTC).date())))


async def begin_month(conn: Connection, *, now: datetime) -> None:
    """Write what stands at the begin of this month, once, before anything else of it."""
    month = _month(now.astimezone(UTC).date())
    # Asked for apart: no partition is made of a table that the same statement reads.
    last = await Q.value(conn, "last_before", month=month)
    await Q.run(conn, "make_months", first=last or month, month=month)
    await Q.run(conn, "begin_month", month=month)


async def count_days(conn: Connection, namespaces: Sequence[int], *, now: datetime) -> None:
    """Write what stands today of these namespaces, and of whom they belong to."""
    today = now.astimezone(UTC).date()
    await Q.run(
        conn,
        "count_days",
        namespaces=list(namespaces),
        now=now,
        today=today,
        month=_month(today),
    )


async def history(
    conn: Connection, scope: str, name: str, *, first: date, last: date, cluster: str = ""
) -> list[Day]:
    """Return the days of a scope, those without a change as the day before; raises Missing, Invalid.

    cluster: of a namespace, whose names are unique in their cluster alone.
    """
    scope_id = await Q.value(conn, "scope_named", scope=scope, name=name, cluster=cluster)
    if scope_id is None:
        await check_named(conn, **{"cluster": cluster, scope: name})
        raise Invalid(f"cluster: of which one is the {scope} {name[:100]!a}?")
    return await Q.all(
        conn, "history", row=Day, scope=scope, scope_id=scope_id, first=first, last=last
    )


async def keep_house(conn: Connection, *, now: datetime, options: RecordOptions) -> int:
    """Drop the months of history that are kept no longer, what ended before them, and what ran; return how many."""
    async with conn.transaction():
        if not await alone(conn, f"{__name__}.keep_house"):
            return 0
        await Q.run(conn, "forget", before=now - options.keep_days)
        await Q.run(conn, "forget_presences", before=now - options.keep_looks)
        daily, reports = (now - options.keep_days).date(), (now - options.keep_looks).date()
        return int(await Q.value(conn, "drop_months", daily=daily, reports=reports))
