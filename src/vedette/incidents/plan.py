"""Plan a maintenance, and change what was planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.conduct import advance
from vedette.incidents.maintenance_rules import (
    check_maintenance,
    check_moved,
    check_not_over,
    check_window,
    moved_words,
)
from vedette.incidents.model import Draft, Impact, Incident, Kind, Said, Status
from vedette.incidents.open import check_components, open_incident
from vedette.incidents.reads import affected, incident
from vedette.incidents.rules import check_version
from vedette.incidents.texts import checked_text, checked_title
from vedette.incidents.writes import Changes

Q = load(__file__, "maintenance.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A maintenance to be: when, whom, in which words.

    draft: operators alone see it. publish_at: it is a draft until then. series_id, occurrence_at: of
    which series it is, and which occurrence.
    """

    title: str
    starts_at: datetime
    ends_at: datetime
    components: Sequence[int]
    description: str = ""
    draft: bool = False
    publish_at: datetime | None = None
    series_id: int | None = None
    occurrence_at: datetime | None = None


async def plan(conn: Connection, wish: Plan, *, by: str, now: datetime) -> int:
    """Add a maintenance; return its id. It begins at once when its start has come.

    One that began in the past is recorded with its true times and shown as revised. Raises Invalid.
    """
    check_window(wish.starts_at, wish.ends_at, now=now)
    later = wish.publish_at is not None and wish.publish_at > now
    draft = Draft(
        kind=Kind.MAINTENANCE,
        title=checked_title(wish.title),
        description=checked_text(wish.description, field="description"),
        impact=Impact.MAINTENANCE,
        status=Status.PLANNED,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        components=wish.components,
        published_at=None if wish.draft or later else now,
        publish_at=wish.publish_at if later else None,
        series_id=wish.series_id,
        occurrence_at=wish.occurrence_at,
    )
    async with conn.transaction():
        number = await open_incident(conn, draft, by=by, now=now)
        if wish.starts_at < now:
            await writes.change(conn, number, revised_at=now)
        await advance(conn, number, by=by, now=now)
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Replan:
    """What is to be otherwise; None leaves it as it is. text: what people are told of it."""

    title: str | None = None
    description: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    components: Sequence[int] | None = None
    text: str = ""


async def modify(
    conn: Connection,
    number: int,
    wish: Replan,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
) -> None:
    """Change a maintenance that is not over; a start that is moved alone takes the end with it.

    While it is in progress its end may move to any later time and its start only be corrected within
    the past, which is shown as revised; components then join and leave as of now. Raises Missing,
    Invalid or Conflict.
    """
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_maintenance(held)
        check_version(held, version)
        check_not_over(held)
        starts_at, ends_at = _window(held, wish)
        moved = (starts_at, ends_at) != (held.starts_at, held.ends_at)
        columns: Changes = {}
        if moved:
            check_window(starts_at, ends_at, now=now)
            check_moved(held, starts_at, ends_at, now=now)
            columns |= {"starts_at": starts_at, "ends_at": ends_at}
            if starts_at != held.starts_at and starts_at < now:
                columns["revised_at"] = now
        if wish.title is not None:
            columns["title"] = checked_title(wish.title)
        if wish.description is not None:
            columns["description"] = checked_text(wish.description, field="description")
        await writes.change(conn, number, **columns)
        if wish.components is not None:
            await _replace_components(conn, held, wish.components, now=now)
        text = checked_text(wish.text) or (moved_words(held, starts_at, ends_at) if moved else "")
        if text:
            await writes.say(conn, number, Said.MODIFIED, text, at=now, by=by, now=now)
        await writes.settle(conn, [number], "modify", by=by, now=now, detail=_detail(held, moved))
        await advance(conn, number, by=by, now=now)


def _window(held: Incident, wish: Replan) -> tuple[datetime, datetime]:
    was_end = held.ends_at or held.starts_at
    starts_at = wish.starts_at or held.starts_at
    if wish.ends_at is not None:
        return starts_at, wish.ends_at
    if held.status is Status.PLANNED:
        return starts_at, starts_at + (was_end - held.starts_at)
    return starts_at, was_end


def _detail(held: Incident, moved: bool) -> dict[str, str]:
    if not moved or held.ends_at is None:
        return {}
    return {"was_from": held.starts_at.isoformat(), "was_to": held.ends_at.isoformat()}


async def _replace_components(
    conn: Connection, held: Incident, components: Sequence[int], *, now: datetime
) -> None:
    """Make these the components; of one that has begun the others were in it until now."""
    await check_components(conn, components, kind=held.kind)
    members = [
        one.component_id
        for one in (await affected(conn, [held.id]))[held.id]
        if one.left_at is None
    ]
    gone = [member for member in members if member not in components]
    if held.status is Status.PLANNED:
        await Q.run(conn, "forget_components", number=held.id, components=gone)
        await writes.join(conn, held.id, components, at=None)
    else:
        await writes.leave(conn, held.id, gone, at=now)
        await writes.join(conn, held.id, components, at=now)
