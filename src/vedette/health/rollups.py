"""When an hour is over, then its samples become minutes; a day's minutes hours and days; old days are packed.

What comes late (an agent that was away delivers its spool) makes its day be rolled up anew.
"""

from datetime import UTC, date, datetime, time, timedelta

from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.health.keeping import USUAL, Keeping

Q = load(__file__, "rollups.sql")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

SETTLED = timedelta(minutes=5)
"""So long after its end an hour is rolled up; what comes later is late."""

HOURS_AT_ONCE = 6
"""A turn of the loop catches up by so many hours at most, a transaction each."""


async def run_once(conn: Connection, *, now: datetime, keeping: Keeping = USUAL) -> int:
    """Roll up the hours that are over, then late days; return how many hours. Repeating is harmless."""
    done = 0
    for _ in range(HOURS_AT_ONCE):
        if not await _next_hour(conn, now=now):
            break
        done += 1
    if done < HOURS_AT_ONCE:
        await _late_days(conn, now=now, oldest=(now - keeping.reports).date())
    return done


async def keep_house(conn: Connection, *, now: datetime, keeping: Keeping = USUAL) -> int:
    """Pack the days of reports that are old enough and drop what is past its time; return how many."""
    async with conn.transaction():
        if not await alone(conn, f"{__name__}.keep_house"):
            return 0
        dropped = await Q.value(
            conn,
            "forget_past_retention",
            reports=(now - keeping.reports).date(),
            minutes=(now - keeping.minutes).date(),
            hours=(now - keeping.hours).date(),
        )
        if keeping.days is not None:
            await Q.run(conn, "forget_days", before=(now - keeping.days).date())
        days = await Q.all(conn, "days_to_pack", before=(now - keeping.pack_after).date())
        rolled = await Q.value(conn, "rolled_until")
        for (day,) in days[:1]:  # one a turn: a large day takes minutes
            if rolled is not None and _opens(day) + DAY <= rolled:
                await Q.run(conn, "pack_day", day=day)
                return int(dropped) + 1
        return int(dropped)


async def _next_hour(conn: Connection, *, now: datetime) -> bool:
    async with conn.transaction():
        if not await alone(conn, __name__):
            return False
        hour = await Q.value(conn, "rolled_until") or await _begin(conn)
        if hour is None or now < hour + HOUR + SETTLED:
            return False
        await _roll_hour(conn, hour)
        if (hour + HOUR).hour == 0:
            await _close_day(conn, hour.date(), now=now)
        await Q.run(conn, "keep_rolled_until", until=hour + HOUR)
        return True


async def _begin(conn: Connection) -> datetime | None:
    first: datetime | None = await Q.value(conn, "first_report")
    return first.astimezone(UTC).replace(minute=0, second=0, microsecond=0) if first else None


async def _roll_hour(conn: Connection, hour: datetime) -> None:
    # The planner cannot know how many elements an array has: left to it, it loops over all of them.
    await conn.execute("SET LOCAL work_mem = '64MB'")
    await conn.execute("SET LOCAL enable_nestloop = off")
    await Q.run(conn, "make_minutes_partition", month=hour.date())
    await Q.run(conn, "know_series", hour=hour)
    await Q.run(conn, "roll_hour", hour=hour)


async def _close_day(conn: Connection, day: date, *, now: datetime) -> None:
    opens = _opens(day)
    await Q.run(conn, "compact_day", day=opens)
    await Q.run(conn, "roll_hours_of_day", day=opens, date=day)
    await Q.run(conn, "roll_day", date=day)
    await Q.run(conn, "roll_states", date=day, now=now)


async def _late_days(conn: Connection, *, now: datetime, oldest: date) -> None:
    async with conn.transaction():
        if not await alone(conn, __name__):
            return
        until: datetime | None = await Q.value(conn, "rolled_until")
        # Of a day whose reports are gone, what is late would be all: its minutes stay as they are.
        days = {day for (day,) in await Q.all(conn, "take_late_days") if day >= oldest}
        for day in sorted(days):
            if until is None or _opens(day) >= until:
                continue
            last = min(_opens(day) + DAY, until)
            await Q.run(conn, "forget_minutes", first=_opens(day), last=last)
            hour = _opens(day)
            while hour < last:
                await _roll_hour(conn, hour)
                hour += HOUR
            if last == _opens(day) + DAY:
                await _close_day(conn, day, now=now)


def _opens(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
