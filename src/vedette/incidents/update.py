"""Say something more of an incident that is open: where it stands, how grave it is, what was found."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents import writes
from vedette.incidents.model import Impact, Incident, Kind, Said, Status
from vedette.incidents.reads import incident, updates
from vedette.incidents.rules import (
    OVER,
    WORDS,
    check_impact,
    check_open,
    check_version,
    said_when,
    status_of,
)
from vedette.incidents.texts import checked_text, checked_title
from vedette.incidents.writes import Changes

IN_ORDER = {*WORDS[Kind.INCIDENT], Said.IMPACT_CHANGED, Said.REOPENED} - OVER
"""What tells the course of an incident, and is therefore said in its order."""


async def update_incident(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    status: Status | None = None,
    impact: Impact | None = None,
    text: str = "",
    title: str | None = None,
    description: str | None = None,
    at: datetime | None = None,
    version: int | None = None,
    taken: bool = True,
) -> int:
    """Add an update and do what it says; return the update's id.

    at: when it was so, not before the start, not in the future, and not before what a person said
    last; default now. version: what the author read; taken: a person says it, so no machine changes
    the incident from now on. Raises Missing, Invalid, or Conflict when it is over or somebody changed
    it since `version`.
    """
    text = checked_text(text)
    if not text and all(given is None for given in (status, impact, title, description)):
        raise Invalid("that says nothing", hint="give a text, a status, an impact or a title")
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        check_open(held)
        moment = checked_moment(held, at, now=now)
        if taken and at is not None:
            await _check_order(conn, number, moment)
        _check_status(held, status)
        columns = _columns(title, description, taken=taken)
        word: str = status or held.status
        if impact is not None and impact != held.impact:
            check_impact(held.kind, impact)
            await writes.weigh(conn, number, impact, since=moment)
            columns["impact"] = impact
            word = status or said_when(held.impact, impact) or word
        if status is not None:
            columns["status"] = status
        await writes.change(conn, number, **columns)
        said = await writes.say(conn, number, word, text, at=moment, by=by, now=now)
        await writes.settle(conn, [number], "update", by=by, now=now, detail={"status": str(word)})
    return said


async def note(
    conn: Connection,
    number: int,
    text: str,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
) -> int:
    """Add a note that operators alone read, whatever the state of the incident; return its id."""
    text = checked_text(text, field="note")
    if not text:
        raise Invalid("the note is empty", hint="write what the next on call should know")
    async with conn.transaction():
        await writes.hold(conn)
        check_version(await incident(conn, number), version)
        said = await writes.say(
            conn, number, Said.NOTE, text, at=now, by=by, now=now, internal=True
        )
        await writes.settle(conn, [number], "note", by=by, now=now)
    return said


def checked_moment(held: Incident, at: datetime | None, *, now: datetime) -> datetime:
    """Return when something was so; raises Invalid before the start or in the future."""
    if at is None:
        # Of two who act at once the one who waited may come with the older time.
        return max(now, held.starts_at) if held.kind is Kind.INCIDENT else now
    if at > now:
        raise Invalid("that time is in the future", hint="leave it out for now")
    if held.kind is Kind.INCIDENT and at < held.starts_at:
        raise Invalid(f"that is before incident {held.id} began", hint="correct its start first")
    return at


def _check_status(held: Incident, status: Status | None) -> None:
    """Raise Invalid unless an update may say this of it: an end, and the course of a maintenance, are deeds."""
    if status is None:
        return
    status_of(status, held.kind)
    if status in OVER:
        raise Invalid(f"{status} is the end of it", hint="close, finish or cancel it instead")
    if held.kind is Kind.MAINTENANCE and status is not held.status:
        raise Invalid(
            f"maintenance {held.id} is {held.status}, and no update makes it {status}",
            hint="start, finish or cancel it",
        )


async def _check_order(conn: Connection, number: int, moment: datetime) -> None:
    """Raise Invalid when something of the course of the incident was said of a later time."""
    for said in (await updates(conn, [number]))[number]:
        if said.at > moment and said.status in IN_ORDER:
            raise Invalid(
                f"that is before what was said of {said.at:%Y-%m-%d %H:%M:%S} UTC ({said.status})",
                hint="give a later time, or leave it out for now",
            )


def _columns(title: str | None, description: str | None, *, taken: bool) -> Changes:
    columns: Changes = {"taken": taken}
    if title is not None:
        columns["title"] = checked_title(title)
    if description is not None:
        columns["description"] = checked_text(description, field="description")
    return columns
