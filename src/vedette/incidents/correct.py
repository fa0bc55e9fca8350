"""Put the times of an incident right afterwards; pages say that its past was revised."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.model import Incident, Said, Status
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_times, check_version
from vedette.incidents.texts import checked_text
from vedette.incidents.writes import Changes


async def correct_incident(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    text: str = "",
    version: int | None = None,
) -> None:
    """Move the start, the end or both; what is open has no end to move.

    The end may lie before the last words that were said: the honest end is often found later. Raises
    Missing, Invalid when the times cannot be, Conflict when it is open, cancelled or went elsewhere.
    """
    text = checked_text(text)
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        _check(held, starts_at, ends_at, now=now)
        columns: Changes = {"taken": True}
        detail = {}
        if starts_at is not None and starts_at != held.starts_at:
            columns["starts_at"] = starts_at
            detail["starts_at"] = [str(held.starts_at), str(starts_at)]
        if ends_at is not None and ends_at != held.ends_at:
            columns["ends_at"] = ends_at
            detail["ends_at"] = [str(held.ends_at), str(ends_at)]
        if not detail:
            raise Invalid("that is when it was already", hint="give another start or end")
        if held.published_at is not None:
            columns["revised_at"] = now
        await writes.change(conn, number, **columns)
        await writes.say(conn, number, Said.CHANGED, text, at=now, by=by, now=now)
        await writes.settle(conn, [number], "correct", by=by, now=now, detail=detail)


def _check(
    held: Incident, starts_at: datetime | None, ends_at: datetime | None, *, now: datetime
) -> None:
    if held.merged_into is not None:
        raise Conflict(f"incident {held.id} went into {held.merged_into}", hint="correct that one")
    if held.status is Status.CANCELLED:
        raise Conflict(f"{held.id} was cancelled: it took no time")
    if held.is_open and ends_at is not None:
        raise Conflict(f"incident {held.id} is open", hint="close it at that time instead")
    check_times(held.kind, starts_at or held.starts_at, ends_at or held.ends_at, now=now)
    if not held.is_open and ends_at is not None and ends_at > now:
        raise Invalid("that end is in the future", hint="reopen it if it is not over")
    if not held.is_open and starts_at is not None and starts_at > now:
        raise Invalid("that start is in the future")
