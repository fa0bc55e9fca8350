"""What stands open and where: namespaces where something changed are counted again, as sets.

Merging marks namespaces in `records.recount`; a turn takes some, finds what runs in them, asks what was decided of it,
and opens, changes and ends the rows of `records.exposure`. What runs in no namespace that we know of (hosts, images that
a pipeline looked at) is counted as one, seldom where that takes long. What changed moves in `records.priority`, and the
day's counts follow (`daily.py`), and what stands in the namespace is kept in `records.tally`.

It goes by temporary tables that are analysed: the planner knows nothing of how many rows a common table expression has,
and loops over all of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from time import monotonic

from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.records.daily import begin_month, count_days, is_month_due
from vedette.records.kinds.imagemanifestvuln import SOURCE as QUAY

Q = load(__file__, "exposures.sql")

AT_ONCE = 50
"""Namespaces in one transaction: a merge that marks one of them waits so long."""
TURNS = 200
"""So many transactions in one turn of the loop; the next goes on."""


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Count again what is due; return how many namespaces. Repeating is harmless."""
    await _begin_month(conn, now=now)
    done = await _spoken_of(conn, now=now)
    for _ in range(TURNS):
        taken = await _some(conn, now=now)
        done += taken
        if taken < AT_ONCE:
            break
    await _count_unplaced(conn, now=now)
    return done


async def _begin_month(conn: Connection, *, now: datetime) -> None:
    """Begin the month's days, also where nothing changes in it."""
    if not await is_month_due(conn, now=now):
        return
    async with conn.transaction():
        if await alone(conn, __name__):
            await begin_month(conn, now=now)


async def mark(conn: Connection, names: Iterable[str]) -> None:
    """Have these vulnerabilities counted again wherever they stand open, since what is decided of them changed."""
    if wanted := sorted(set(names)):
        await Q.run(conn, "mark", names=wanted)


async def rank_by_knowledge(conn: Connection) -> None:
    """Put everything where what others know of it says that it belongs."""
    await Q.run(conn, "rank_by_knowledge")


async def _some(conn: Connection, *, now: datetime) -> int:
    """Count namespaces that merges have marked; a merge that marks one of them again waits for that."""
    async with conn.transaction():
        if not await alone(conn, __name__):
            return 0
        namespaces = [row[0] for row in await Q.all(conn, "take", most=AT_ONCE)]
        if namespaces:
            await _count(conn, namespaces, now=now)
        return len(namespaces)


async def _spoken_of(conn: Connection, *, now: datetime) -> int:
    """Count again where decisions reach, new ones and those that have ended.

    Where these are few, with namespaces that merges have marked: what moved between two of them neither went nor came.
    """
    async with conn.transaction():
        if not await alone(conn, __name__):
            return 0
        places = [row[0] for row in await Q.all(conn, "take_spoken", now=now)]
        if None in places:
            await Q.run(conn, "decided")
        namespaces = {place for place in places if place is not None}
        if 0 < len(namespaces) <= AT_ONCE:
            namespaces |= {row[0] for row in await Q.all(conn, "take", most=AT_ONCE)}
        wanted = sorted(namespaces)
        for start in range(0, len(wanted), 2 * AT_ONCE):
            await _count(conn, wanted[start : start + 2 * AT_ONCE], now=now)
        return len(wanted)


async def _count(conn: Connection, namespaces: Sequence[int], *, now: datetime) -> None:
    await Q.run(conn, "find_in_namespaces", namespaces=list(namespaces))
    await _settle(conn, namespaces, unplaced=False, now=now)
    await begin_month(conn, now=now)
    await count_days(conn, namespaces, now=now)
    await Q.run(conn, "keep_tallies", namespaces=list(namespaces), source=QUAY, now=now)
    await Q.run(conn, "drop_tables")


async def _count_unplaced(conn: Connection, *, now: datetime) -> None:
    async with conn.transaction():
        due = await Q.value(conn, "unplaced_is_due", now=now)
        if not due or not await alone(conn, __name__):
            return
        # Read before what it is about: a change that comes between is counted, and counted again.
        changes = await Q.value(conn, "unplaced_changes")
        begun = monotonic()
        await Q.run(conn, "find_unplaced")
        await _settle(conn, [], unplaced=True, now=now)
        await Q.run(conn, "drop_tables")
        took_ms = int((monotonic() - begun) * 1000)
        await Q.run(conn, "unplaced_counted", changes=changes, now=now, took_ms=took_ms)


async def _settle(
    conn: Connection, namespaces: Sequence[int], *, unplaced: bool, now: datetime
) -> None:
    """Make the exposures what `found` says."""
    places = {"namespaces": list(namespaces)}
    await Q.run(conn, "find_runs", **places)
    await conn.execute("ANALYZE found, run")
    await conn.execute("SET LOCAL enable_nestloop = off")
    await Q.run(conn, "judge", now=now)
    await Q.run(conn, "count")
    await Q.run(conn, "hold", **places, unplaced=unplaced)
    await conn.execute("ANALYZE counted, held")
    await Q.run(conn, "settle")
    await conn.execute("SET LOCAL enable_nestloop = on")
    await conn.execute("ANALYZE happened")
    await Q.run(conn, "open_new")
    await Q.run(conn, "end_gone", now=now)
    await Q.run(conn, "change")
    await Q.run(conn, "note_severities", now=now)
    await Q.run(conn, "rank", now=now)
