"""Maintenances that come again: begin a series, change it for the future, end it, keep it planned ahead.

Each occurrence is a maintenance of its own: skip one by cancelling it, move one by changing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.incidents import writes
from vedette.incidents.conduct import cancel
from vedette.incidents.model import Kind
from vedette.incidents.open import check_components
from vedette.incidents.plan import Plan, Replan, modify, plan
from vedette.incidents.series_rules import AHEAD, Series, checked_schedule, paired
from vedette.incidents.texts import checked_text, checked_title

Q = load(__file__, "series.sql")

SLACK = timedelta(hours=6)
"""The horizon is moved on so much at a time, not by a second every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A series to be. schedule: five fields of cron, read in `zone`; from_at: None for now."""

    title: str
    schedule: str
    zone: str
    lasts: timedelta
    components: Sequence[int]
    description: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None


async def begin_series(conn: Connection, wish: Wish, *, by: str, now: datetime) -> int:
    """Add a series with its occurrences of the next sixty days; return its id. Raises Invalid."""
    from_at = max(wish.from_at or now, now)
    if wish.until_at is not None and wish.until_at <= from_at:
        raise Invalid("the series would end before it begins", hint="correct one of the two times")
    async with conn.transaction():
        await writes.hold(conn)
        await check_components(conn, wish.components, kind=Kind.MAINTENANCE)
        number: int = await Q.value(
            conn,
            "insert",
            title=checked_title(wish.title),
            description=checked_text(wish.description, field="description"),
            schedule=checked_schedule(wish.schedule, wish.zone, wish.lasts, now=now),
            zone=wish.zone,
            lasts=wish.lasts,
            from_at=from_at,
            until_at=wish.until_at,
            components=list(dict.fromkeys(wish.components)),
            now=now,
            by=by,
        )
        await _audit(conn, "begin", number, by)
        await _expand(conn, await series(conn, number), by=by, now=now)
    return number


async def change_series(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
    **columns: Any,  # noqa: ANN401 - fields of `Series` that may change, checked below
) -> None:
    """Change a series for what has not begun: title, description, schedule, zone, lasts, until_at, components.

    Occurrences go with it, each on its day; who has no place any longer is cancelled. One that was
    moved, renamed or skipped by hand stays as it is. Raises Missing, Invalid or Conflict.
    """
    async with conn.transaction():
        await writes.hold(conn)
        held = await _going_on(conn, number, version)
        wanted = replace(replace(held, components=await _living(conn, held)), **columns)
        if wanted.until_at is not None and wanted.until_at <= now:
            raise Invalid("that end has passed", hint="end the series instead")
        await check_components(conn, wanted.components, kind=Kind.MAINTENANCE)
        wanted = replace(
            wanted,
            title=checked_title(wanted.title),
            description=checked_text(wanted.description, field="description"),
            schedule=checked_schedule(wanted.schedule, wanted.zone, wanted.lasts, now=now),
            components=list(dict.fromkeys(wanted.components)),
        )
        to_come = await Q.all(conn, "to_come", number=number, now=now)
        await Q.run(
            conn,
            "change",
            number=number,
            title=wanted.title,
            description=wanted.description,
            schedule=wanted.schedule,
            zone=wanted.zone,
            lasts=wanted.lasts,
            until_at=wanted.until_at,
            components=wanted.components,
        )
        await _audit(conn, "change", number, by, {"columns": sorted(columns)})
        await _place_anew(conn, wanted, to_come, by=by, now=now)
        await _expand(conn, await series(conn, number), by=by, now=now)


async def end_series(
    conn: Connection, number: int, *, by: str, now: datetime, version: int | None = None
) -> None:
    """End a series and cancel whatever of it has not begun; raises Missing or Conflict."""
    async with conn.transaction():
        await writes.hold(conn)
        await _going_on(conn, number, version)
        for (one,) in await Q.all(conn, "planned", number=number):
            await cancel(conn, one, by=by, now=now)
        await Q.run(conn, "cancel", number=number, now=now)
        await _audit(conn, "end", number, by)


async def expand_due(conn: Connection, *, by: str, now: datetime) -> int:
    """Plan one series on that is not planned far enough ahead; return 1, or 0 when there is none."""
    horizon = now + AHEAD - SLACK
    if await Q.value(conn, "lagging", horizon=horizon) is None:
        return 0
    async with conn.transaction():
        await writes.hold(conn)
        number = await Q.value(conn, "lagging", horizon=horizon)
        if number is None:  # another server was faster
            return 0
        await _expand(conn, await series(conn, number), by=by, now=now)
    return 1


async def series(conn: Connection, number: int) -> Series:
    """Return the series; raises Missing."""
    found = await Q.one(conn, "series", row=Series, number=number)
    if found is None:
        raise Missing(
            f"there is no series {number}", hint="`vedette maintenance series list` shows them"
        )
    return found


async def all_series(conn: Connection) -> list[Series]:
    """Return the series that go on, the oldest first."""
    return await Q.all(conn, "series", row=Series, number=None)


async def _going_on(conn: Connection, number: int, version: int | None) -> Series:
    held = await series(conn, number)
    if held.cancelled_at is not None:
        raise Conflict(f"series {number} has ended", hint="begin a new one")
    if version is not None and version != held.version:
        raise Conflict(
            f"series {number} was changed meanwhile (version {held.version}, yours {version})",
            hint="read it again and decide anew",
        )
    return held


async def _expand(conn: Connection, held: Series, *, by: str, now: datetime) -> None:
    """Plan what comes until the horizon.

    What should have come while no server ran is not made up for: nobody was told of it, and a
    maintenance after the fact would excuse an outage.
    """
    to = now + AHEAD
    components = await _living(conn, held)
    if components:
        for at in held.starts(after=max(held.planned_to, now), to=to):
            await _plan_one(conn, held, at, components, by=by, now=now)
    await Q.run(conn, "advance", number=held.id, to=max(held.planned_to, to))


async def _living(conn: Connection, held: Series) -> list[int]:
    return [row[0] for row in await Q.all(conn, "living", components=list(held.components))]


async def _plan_one(
    conn: Connection,
    held: Series,
    at: datetime,
    components: Sequence[int],
    *,
    by: str,
    now: datetime,
) -> None:
    wish = Plan(
        title=held.title,
        description=held.description,
        starts_at=at,
        ends_at=at + held.lasts,
        components=components,
        series_id=held.id,
        occurrence_at=at,
    )
    await plan(conn, wish, by=by, now=now)


async def _place_anew(
    conn: Connection,
    wanted: Series,
    to_come: Sequence[tuple[Any, ...]],
    *,
    by: str,
    now: datetime,
) -> None:
    """Give the occurrences to come their places in the changed series, up to where it is planned."""
    untouched = {one for one, _, is_untouched in to_come if is_untouched}
    places = wanted.starts(after=now, to=wanted.planned_to)
    moves, left_over, new = paired([(at, one) for one, at, *_ in to_come], places, wanted.zone)
    await Q.run(conn, "let_go_of_places", ids=[one for one, *_ in to_come])
    for one, at in moves:
        await Q.run(conn, "place", number=one, at=at)
        if one in untouched:
            wish = Replan(
                title=wanted.title,
                description=wanted.description,
                starts_at=at,
                ends_at=at + wanted.lasts,
                components=wanted.components,
            )
            await modify(conn, one, wish, by=by, now=now)
    for one in left_over:
        if one in untouched:
            await cancel(conn, one, by=by, now=now)
    for at in new:
        await _plan_one(conn, wanted, at, wanted.components, by=by, now=now)


async def _audit(
    conn: Connection, verb: str, number: int, by: str, detail: dict[str, Any] | None = None
) -> None:
    await write_audit(
        conn, actor=by, action=f"series.{verb}", object=f"series:{number}", detail=detail
    )
