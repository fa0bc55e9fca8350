"""Take over what a Status Dashboard has told: its components, incidents, updates; again and again, if need be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.takeover_components import bear, take_components
from vedette.incidents.takeover_read import Source, SourceRow
from vedette.incidents.takeover_rules import Remark, Taken, taken

Q = load(__file__, "takeover.sql")

LARGEST_ID = 2**31 - 1


@dataclass(slots=True)
class Outcome:
    """What an import did. again: changed there since the last time; same: those that were not."""

    components: int = 0
    incidents: int = 0
    again: int = 0
    same: int = 0
    updates: int = 0
    remarks: list[Remark] = field(default_factory=list)


async def take_over(
    conn: Connection, source: Source, *, by: str, now: datetime, dry_run: bool = False
) -> Outcome:
    """Take everything, in one transaction, and return what came of it; a dry run undoes it all.

    Incidents keep their numbers where these are free. Safe to repeat: what was taken before is left
    alone, or taken anew when it has changed there and nobody has changed it here.
    """
    outcome = Outcome()
    async with conn.transaction(force_rollback=dry_run):
        await _take(conn, source, outcome, now=now)
        if not dry_run:
            # A sequence knows no rollback.
            await Q.run(conn, "past_number")
        await write_audit(
            conn,
            actor=by,
            action="incident.import",
            object=f"source:{source.name}",
            detail={"taken": outcome.incidents, "again": outcome.again},
        )
    return outcome


async def _take(conn: Connection, source: Source, outcome: Outcome, *, now: datetime) -> None:
    ours, outcome.components = await take_components(conn, source, outcome.remarks)
    await writes.hold(conn)
    await bear(conn, source, ours)
    found = _incidents(source, ours, outcome.remarks, now=now)
    before = {
        id_: (number, bytes(digest), version)
        for id_, number, digest, version in await Q.all(conn, "imported", source=source.name)
    }
    wanted = {}
    for each in found:
        number, digest, version = before.get(each.id, (None, b"", 1))
        if digest == each.digest:
            outcome.same += 1
        elif version > 1:
            outcome.same += 1
            remark = f"changed there and here since the last import; {number} is left as it is"
            outcome.remarks.append(Remark(f"incident {each.id}", remark))
        else:
            wanted[each.id] = each
    again = {id_: before[id_][0] for id_ in wanted if id_ in before}
    await Q.run(conn, "remove", ids=list(again.values()))
    numbers = again | await _numbers(conn, [id_ for id_ in wanted if id_ not in again])
    for id_, number in numbers.items():
        if id_ != number and id_ not in again:
            outcome.remarks.append(Remark(f"incident {id_}", f"is {number} here"))
    outcome.again, outcome.incidents = len(again), len(wanted) - len(again)
    outcome.updates = sum(len(each.updates) for each in wanted.values())
    await _write(conn, source.name, await _apart(conn, wanted, outcome.remarks), numbers)


def _incidents(
    source: Source, ours: Mapping[int, int], remarks: list[Remark], *, now: datetime
) -> list[Taken]:
    known = {row["id"] for row in source.incidents}
    updates: dict[int, list[SourceRow]] = defaultdict(list)
    for row in source.updates:
        if row.get("incident_id") in known:
            updates[row["incident_id"]].append(row)
        else:
            remarks.append(
                Remark(f"update {row.get('id')}", "not taken: there is no such incident")
            )
    members: dict[int, list[int]] = defaultdict(list)
    for row in source.relations:
        id_, component = row["incident_id"], row["component_id"]
        if id_ in known and component in ours:
            members[id_].append(ours[component])
        else:
            remarks.append(Remark(f"incident {id_}", f"component {component} not taken"))
    rows = sorted(source.incidents, key=lambda row: int(row["id"]))
    made = (taken(row, updates[row["id"]], members[row["id"]], remarks, now=now) for row in rows)
    return [each for each in made if each is not None]


async def _numbers(conn: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Return the number each gets here: its own where that is free."""
    fit = [id_ for id_ in ids if 0 < id_ <= LARGEST_ID]
    used = {id_ for (id_,) in await Q.all(conn, "used", ids=fit)}
    kept = {id_: id_ for id_ in fit if id_ not in used}
    others = [id_ for id_ in ids if id_ not in kept]
    new: list[int] = []
    while len(new) < len(others):
        given = await Q.all(conn, "numbers", count=len(others) - len(new))
        # The sequence does not know the numbers that are about to be kept.
        new += [number for (number,) in given if number not in kept and number not in used]
    return kept | dict(zip(others, new, strict=True))


async def _apart(
    conn: Connection, wanted: Mapping[int, Taken], remarks: list[Remark]
) -> list[Taken]:
    """Let a component stand in one open incident of machines; the later one becomes a person's."""
    held = {id_ for (id_,) in await Q.all(conn, "held_by_machines")}
    apart = []
    for each in wanted.values():
        of_machine = each.system and each.ends_at is None
        if of_machine and held & set(each.components):
            told = "a component is in another open incident of machines; this is a person's here"
            remarks.append(Remark(f"incident {each.id}", told))
            apart.append(replace(each, system=False))
            continue
        if of_machine:
            held |= set(each.components)
        apart.append(each)
    return apart


async def _write(
    conn: Connection, source: str, incidents: Sequence[Taken], numbers: Mapping[int, int]
) -> None:
    if not incidents:
        return
    ids = [numbers[each.id] for each in incidents]
    pairs = [(numbers[each.id], component) for each in incidents for component in each.components]
    await Q.run(conn, "insert", rows=Jsonb([_row(each, numbers[each.id]) for each in incidents]))
    steps = [(numbers[each.id], *step) for each in incidents for step in each.steps]
    await Q.run(
        conn,
        "insert_gravities",
        incidents=[number for number, _, _ in steps],
        sinces=[str(since or writes.FROM_THE_START) for _, since, _ in steps],
        impacts=[int(impact) for _, _, impact in steps],
    )
    await Q.run(
        conn,
        "insert_affected",
        incidents=[number for number, _ in pairs],
        components=[component for _, component in pairs],
    )
    await Q.run(
        conn,
        "insert_updates",
        rows=Jsonb(
            [
                {
                    "incident_id": numbers[each.id],
                    "at": update.at.isoformat(),
                    "status": update.status,
                    "text": update.text,
                    "made_by": update.made_by,
                }
                for each in incidents
                for update in each.updates
            ]
        ),
    )
    await Q.run(
        conn,
        "remember",
        source=source,
        ids=[each.id for each in incidents],
        incidents=ids,
        digests=[each.digest for each in incidents],
    )
    await writes.Q.run(conn, "settle_spans", ids=ids)
    await writes.Q.run(conn, "notify", ids=ids[:100])


def _row(each: Taken, number: int) -> dict[str, Any]:
    times = ("starts_at", "ends_at", "published_at", "made_at", "changed_at")
    row: dict[str, Any] = {
        word: at.isoformat() if (at := getattr(each, word)) else None for word in times
    }
    words = ("kind", "title", "description", "impact", "status", "system", "made_by")
    return row | {word: getattr(each, word) for word in words} | {"id": number}
