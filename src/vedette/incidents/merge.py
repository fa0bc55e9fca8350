"""Make one incident of two."""

from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.merge_rules import Course, Steps, together
from vedette.incidents.model import Impact, Incident, Kind, Said, Status
from vedette.incidents.open import link_to
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_version
from vedette.incidents.writes import Changes

Q = load(__file__, "merge.sql")


async def merge_incidents(
    conn: Connection,
    number: int,
    into: int,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
) -> None:
    """Let `into` take in `number`: its components with their times, its updates in their order.

    The one that is left lasts from the first start to the last end, is open when either is, and weighs
    at each instant what the graver of the two did; the other is over and says where it went. version:
    of `number`. Raises Missing, Invalid, or Conflict when one went elsewhere already or only one is public.
    """
    async with conn.transaction():
        await writes.hold(conn)
        source, target = await incident(conn, number), await incident(conn, into)
        check_version(source, version)
        _check(source, target)
        starts_at = min(source.starts_at, target.starts_at)
        ends = [one.ends_at for one in (source, target) if one.ends_at is not None]
        ends_at = max(ends) if len(ends) == 2 else None
        steps = together(await _course(conn, source), await _course(conn, target))
        await _seat(conn, number, into, starts_at=starts_at, ends_at=ends_at)
        await _weigh(conn, into, steps)
        await Q.run(conn, "move_updates", number=number, into=into)
        columns: Changes = {"starts_at": starts_at, "impact": steps[-1][1], "taken": True}
        if ends_at is None:
            columns["reopen"] = True
            columns["status"] = target.status if target.is_open else source.status
        else:
            columns["ends_at"] = ends_at
        if target.published_at is not None:
            columns["revised_at"] = now
        gone_at = source.ends_at or max(now, source.starts_at)
        await writes.change(
            conn, number, ends_at=gone_at, status=Status.RESOLVED, merged_into=into, taken=True
        )
        await writes.change(conn, into, **columns)
        for one, words, other in ((number, "merged into", into), (into, "took in", number)):
            text = f"{words} {await link_to(conn, other)}"
            await writes.say(conn, one, Said.SYSTEM, text, at=now, by=by, now=now)
        await writes.settle(conn, [number, into], "merge", by=by, now=now, detail={"into": into})


def _check(source: Incident, target: Incident) -> None:
    if source.id == target.id:
        raise Invalid(f"incident {source.id} cannot go into itself", hint="name two")
    for one in (source, target):
        if one.kind is not Kind.INCIDENT:
            raise Invalid(f"{one.id} is no incident but: {one.kind}")
        if one.merged_into is not None:
            raise Conflict(f"incident {one.id} went into {one.merged_into}", hint="name that one")
    if (source.published_at is None) != (target.published_at is None):
        raise Conflict("only one of the two is public", hint="publish the draft first")


async def _course(conn: Connection, held: Incident) -> Course:
    rows = await Q.all(conn, "steps", number=held.id)
    return Course(held.starts_at, held.ends_at, [(since, Impact(impact)) for since, impact in rows])


async def _seat(
    conn: Connection, number: int, into: int, *, starts_at: datetime, ends_at: datetime | None
) -> None:
    """Give `into` the stays of both; those that touch become one, so that no time counts twice."""
    stays = await Q.all(conn, "stays", ids=[number, into])
    await Q.run(conn, "clear_affected", number=into)
    await Q.run(
        conn,
        "seat",
        number=into,
        components=[component for component, _, _ in stays],
        joined=[None if joined == starts_at else joined for _, joined, _ in stays],
        left=[None if left == ends_at else left for _, _, left in stays],
    )


async def _weigh(conn: Connection, number: int, steps: Steps) -> None:
    await Q.run(conn, "clear_gravity", number=number)
    sinces = [writes.FROM_THE_START, *(str(since) for since, _ in steps[1:])]
    impacts = [int(impact) for _, impact in steps]
    await Q.run(conn, "weigh_steps", number=number, sinces=sinces, impacts=impacts)
