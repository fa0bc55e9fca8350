"""Begin, finish or cancel a maintenance: by a person, or by the clock (`advance`)."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.maintenance_rules import (
    BEGUN,
    SENTENCES,
    check_maintenance,
    check_not_over,
    check_window,
    steps,
)
from vedette.incidents.model import Incident, Kind, Status
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_version
from vedette.incidents.texts import checked_text


async def advance(conn: Connection, number: int, *, by: str, now: datetime) -> None:
    """Do what the clock asks of a maintenance or a note, with the true times; call it under `hold`."""
    held = await incident(conn, number)
    found = steps(held, now=now)
    for status, at in found:
        await writes.change(conn, number, status=status)
        text = SENTENCES[held.kind, status]
        await writes.say(conn, number, status, text, at=at, by=by, now=now)
    if found:
        last, _ = found[-1]
        verb = "start" if last is BEGUN[held.kind] else "finish"
        await writes.settle(conn, [number], verb, by=by, now=now)


async def start(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    text: str = "",
    version: int | None = None,
) -> None:
    """Begin a planned maintenance before its time; its end stays. Raises Missing, Invalid, Conflict."""
    async with conn.transaction():
        held = await _held(conn, number, version)
        if held.status is not Status.PLANNED:
            raise Conflict(f"maintenance {number} is {held.status} already")
        if held.published_at is None:
            raise Conflict(f"maintenance {number} is a draft", hint="publish it first")
        if held.ends_at is not None:
            check_window(now, held.ends_at, now=now)
        await writes.change(conn, number, starts_at=now, status=Status.IN_PROGRESS)
        await _say(conn, number, Status.IN_PROGRESS, text, at=now, by=by, now=now)
        await writes.settle(conn, [number], "start", by=by, now=now)


async def finish(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    at: datetime | None = None,
    text: str = "",
    version: int | None = None,
) -> None:
    """End a maintenance that is in progress, at `at` or now; raises Missing, Invalid or Conflict."""
    async with conn.transaction():
        held = await _held(conn, number, version)
        if held.status is not Status.IN_PROGRESS:
            raise Conflict(f"maintenance {number} has not begun", hint="start it, or cancel it")
        # Of two who act at once the one who waited may come with the older time.
        end = at or max(now, held.starts_at)
        if end < held.starts_at or (at is not None and at > now):
            raise Invalid("it ended between its start and now", hint="correct the time")
        await writes.change(conn, number, ends_at=end, status=Status.COMPLETED)
        await _say(conn, number, Status.COMPLETED, text, at=end, by=by, now=now)
        await writes.settle(conn, [number], "finish", by=by, now=now)


async def cancel(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    text: str = "",
    version: int | None = None,
) -> None:
    """Call off a maintenance that has not begun; raises Missing, Invalid or Conflict."""
    async with conn.transaction():
        held = await _held(conn, number, version)
        if held.status is not Status.PLANNED:
            raise Conflict(f"maintenance {number} has begun", hint="finish it")
        await writes.change(conn, number, status=Status.CANCELLED)
        await _say(conn, number, Status.CANCELLED, text, at=now, by=by, now=now)
        await writes.settle(conn, [number], "cancel", by=by, now=now)


async def _held(conn: Connection, number: int, version: int | None) -> Incident:
    await writes.hold(conn)
    held = await incident(conn, number)
    check_maintenance(held)
    check_version(held, version)
    check_not_over(held)
    return held


async def _say(
    conn: Connection,
    number: int,
    status: Status,
    text: str,
    *,
    at: datetime,
    by: str,
    now: datetime,
) -> None:
    words = checked_text(text) or SENTENCES[Kind.MAINTENANCE, status]
    await writes.say(conn, number, status, words, at=at, by=by, now=now)
