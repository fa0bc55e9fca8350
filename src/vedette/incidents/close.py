"""Say that it is over, or that it is not after all."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.model import Incident, Kind, Said, Status
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_open, check_version
from vedette.incidents.texts import checked_text
from vedette.incidents.update import checked_moment
from vedette.incidents.writes import Changes


async def close_incident(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    text: str = "",
    at: datetime | None = None,
    version: int | None = None,
    taken: bool = True,
) -> None:
    """End an open incident or a note, at `at` or now; raises Missing, Invalid or Conflict.

    A note that has not begun is cancelled; a maintenance is finished or cancelled by verbs of its own.
    """
    text = checked_text(text)
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        if held.kind is Kind.MAINTENANCE:
            raise Invalid(f"{number} is no incident but: {held.kind}", hint="finish or cancel it")
        check_open(held)
        end = checked_moment(held, at, now=now)
        columns: Changes = {"status": _last_word(held), "taken": taken}
        if columns["status"] is not Status.CANCELLED:
            if at is not None and at < held.starts_at:
                raise Invalid(f"that is before {number} began", hint="give a later time")
            columns["ends_at"] = end
        await writes.change(conn, number, **columns)
        await writes.say(conn, number, columns["status"], text, at=end, by=by, now=now)
        await writes.settle(conn, [number], "close", by=by, now=now)


def _last_word(held: Incident) -> Status:
    if held.kind is Kind.INCIDENT:
        return Status.RESOLVED
    return Status.CANCELLED if held.status is Status.PLANNED else Status.COMPLETED


async def reopen_incident(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    text: str = "",
    version: int | None = None,
    taken: bool = True,
) -> None:
    """Open a closed incident again, as if it had never ended; raises Missing, Invalid or Conflict."""
    text = checked_text(text)
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        if held.kind is not Kind.INCIDENT:
            raise Invalid(f"{number} is no incident but: {held.kind}", hint="plan it anew")
        if held.is_open:
            raise Conflict(f"incident {number} is open", hint="update it")
        if held.merged_into is not None:
            raise Conflict(
                f"incident {number} went into {held.merged_into}", hint="reopen that one"
            )
        await writes.change(
            conn, number, reopen=True, status=Status.ANALYZING, revised_at=now, taken=taken
        )
        await writes.say(conn, number, Said.REOPENED, text, at=now, by=by, now=now)
        await writes.settle(conn, [number], "reopen", by=by, now=now)
