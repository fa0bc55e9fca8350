"""When a month is over for some days, then its numbers are published for good."""

from datetime import datetime
from decimal import Context, Decimal

from vedette.db.queries import Connection, load
from vedette.incidents.availability_ask import later, month_of
from vedette.incidents.availability_rules import Reporting, Told, loss, month_bounds, whole

Q = load(__file__, "availability.sql")

MONTHS = 12
"""So far back it looks: a server that was away for months makes up for them."""

EXACT = Context(prec=40)


async def run_once(conn: Connection, *, now: datetime, reporting: Reporting) -> int:
    """Publish the months that are due; return how many numbers that were.

    Repeating changes nothing: what is published stands, whatever is corrected afterwards.
    """
    policy = reporting.policy
    # The month in which now - freeze_after lies is the first that is not due yet.
    until = month_of(now - reporting.freeze_after, policy.zone)
    months = [later(until, nth) for nth in range(-MONTHS, 0)]
    bounds = month_bounds(months[0], MONTHS, policy.zone)
    missing = await Q.all(conn, "unpublished", bounds=bounds, months=months, zone=policy.zone)
    if not missing:
        return 0
    due = set(missing)
    components = sorted({component for component, _ in due})
    async with conn.transaction():
        for component, nth, *times in await Q.all(
            conn,
            "told",
            components=components,
            bounds=bounds,
            now=now,
            shielded=policy.shielded,
        ):
            if (component, nth) not in due:
                continue
            told = Told(*times)
            lost = loss(told, policy)
            await Q.run(
                conn,
                "publish",
                component_id=component,
                zone=policy.zone,
                month=months[nth - 1],
                whole_us=whole(told, policy),
                lost_us=EXACT.divide(Decimal(lost.numerator), Decimal(lost.denominator)),
                policy=policy.said(),
                now=now,
            )
    return len(due)
