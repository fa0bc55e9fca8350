"""What `PATCH /v2/events/{id}` does: one message whose status says which of our verbs it is."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents import writes
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.conduct import cancel, finish, start
from vedette.incidents.correct import correct_incident
from vedette.incidents.model import Impact, Incident, Kind, Said, Status
from vedette.incidents.plan import Replan, modify
from vedette.incidents.rules import check_times
from vedette.incidents.successor import public_event
from vedette.incidents.successor_bodies import SPELLINGS, Patch
from vedette.incidents.texts import checked_text, checked_title
from vedette.incidents.update import update_incident
from vedette.incidents.writes import Changes

CLOSED = frozenset({Said.REOPENED.value, Said.CHANGED.value})
"""What may be said of an incident that is over."""

WORDS: dict[Kind, frozenset[str]] = {
    Kind.INCIDENT: CLOSED
    | {Said.IMPACT_CHANGED, Status.DETECTED, Status.ANALYZING, Status.FIXING, Status.OBSERVING}
    | {Status.RESOLVED},
    Kind.MAINTENANCE: frozenset({Status.PLANNED, Status.IN_PROGRESS, Said.MODIFIED})
    | {Status.COMPLETED, Status.CANCELLED},
    Kind.INFO: frozenset({Status.PLANNED, Status.ACTIVE, Status.COMPLETED, Status.CANCELLED}),
}
WRONG = {
    Kind.INCIDENT: "wrong status for incident",
    Kind.MAINTENANCE: "wrong status for maintenance",
    Kind.INFO: "wrong status for info event",
}


async def patch_event(
    conn: Connection, number: int, patch: Patch, *, by: str, now: datetime
) -> None:
    """Say the message and do what its status means; raises Missing, Invalid or Conflict.

    Whatever is left of title and description is changed with it; from then on the event is a person's.
    """
    async with conn.transaction():
        await writes.hold(conn)
        held = await public_event(conn, number)
        word = SPELLINGS.get(patch.status, patch.status)
        check_patch(held, patch, word)
        columns: Changes = {"taken": True}
        if patch.title is not None:
            columns["title"] = checked_title(patch.title)
        if patch.description is not None:
            columns["description"] = checked_text(patch.description, field="description")
        await writes.change(conn, number, **columns)
        match held.kind:
            case Kind.INCIDENT if held.is_open:
                await _open_incident(conn, held, patch, word, by=by, now=now)
            case Kind.INCIDENT:
                await _closed_incident(conn, held, patch, word, by=by, now=now)
            case Kind.MAINTENANCE:
                await _maintenance(conn, held, patch, word, by=by, now=now)
            case Kind.INFO:
                await _info(conn, held, patch, word, by=by, now=now)


def check_patch(held: Incident, patch: Patch, word: str) -> None:
    """Raise Invalid with the successor's sentence when this cannot be said of this event."""
    impact = held.impact if patch.impact is None else patch.impact
    if (held.kind is Kind.INCIDENT) != (impact > 0) or patch.type not in (None, held.kind):
        raise Invalid("impact must be 0 for type 'maintenance' or 'info' and gt 0 for 'incident'")
    if word not in WORDS[held.kind]:
        raise Invalid(WRONG[held.kind])
    if held.kind is not Kind.INCIDENT:
        return
    has_dates = patch.start_date is not None or patch.end_date is not None
    if not held.is_open:
        if word not in CLOSED or (has_dates and word != Said.CHANGED):
            raise Invalid("wrong status for closed incident")
        return
    if word in CLOSED:
        raise Invalid(WRONG[held.kind])
    if impact != held.impact and word != Said.IMPACT_CHANGED:
        raise Invalid("wrong status for changing impact")
    if patch.start_date is not None:
        raise Invalid("can not change start date for open incident")


async def _open_incident(
    conn: Connection, held: Incident, patch: Patch, word: str, *, by: str, now: datetime
) -> None:
    at = patch.update_date
    if word == Status.RESOLVED:
        await close_incident(conn, held.id, by=by, now=now, text=patch.message, at=at)
        return
    status = None if word == Said.IMPACT_CHANGED else Status(word)
    impact = None if patch.impact is None else Impact(patch.impact)
    await update_incident(
        conn, held.id, by=by, now=now, status=status, impact=impact, text=patch.message, at=at
    )


async def _closed_incident(
    conn: Connection, held: Incident, patch: Patch, word: str, *, by: str, now: datetime
) -> None:
    impact = held.impact if patch.impact is None else Impact(patch.impact)
    if impact != held.impact:
        # Of what is over nobody says when it was how grave: it was so all the time.
        await writes.weigh(conn, held.id, impact, since=None)
        await writes.change(conn, held.id, impact=impact, revised_at=now)
    if word == Said.REOPENED:
        await reopen_incident(conn, held.id, by=by, now=now, text=patch.message)
        return
    starts_at, ends_at = patch.start_date or held.starts_at, patch.end_date or held.ends_at
    if (starts_at, ends_at) == (held.starts_at, held.ends_at):
        await _say(conn, held, Said.CHANGED, patch, by=by, now=now)
        return
    await correct_incident(
        conn,
        held.id,
        by=by,
        now=now,
        starts_at=starts_at,
        ends_at=ends_at,
        text=patch.message,
    )


async def _maintenance(
    conn: Connection, held: Incident, patch: Patch, word: str, *, by: str, now: datetime
) -> None:
    begins = word == Status.IN_PROGRESS and held.status is Status.PLANNED
    is_end = word in (Status.COMPLETED, Status.CANCELLED)
    text = "" if begins or is_end else patch.message
    wish = Replan(starts_at=patch.start_date, ends_at=patch.end_date, text=text)
    if text or (not is_end and (patch.start_date or patch.end_date)):
        await modify(conn, held.id, wish, by=by, now=now)
    if begins:
        await start(conn, held.id, by=by, now=now, text=patch.message)
    elif word == Status.COMPLETED:
        await finish(conn, held.id, by=by, now=now, at=patch.update_date, text=patch.message)
    elif word == Status.CANCELLED:
        await cancel(conn, held.id, by=by, now=now, text=patch.message)


async def _info(
    conn: Connection, held: Incident, patch: Patch, word: str, *, by: str, now: datetime
) -> None:
    starts_at, ends_at = patch.start_date or held.starts_at, patch.end_date or held.ends_at
    if word == Status.COMPLETED:
        ends_at = max(starts_at, patch.update_date)
    check_times(held.kind, starts_at, ends_at, now=now)
    columns: Changes = {"status": Status(word), "starts_at": starts_at}
    if ends_at is not None:
        columns["ends_at"] = ends_at
    await writes.change(conn, held.id, **columns)
    await _say(conn, held, word, patch, by=by, now=now)


async def _say(
    conn: Connection, held: Incident, word: str, patch: Patch, *, by: str, now: datetime
) -> None:
    text = checked_text(patch.message)
    await writes.say(conn, held.id, word, text, at=patch.update_date, by=by, now=now)
    await writes.settle(conn, [held.id], "update", by=by, now=now, detail={"status": word})
