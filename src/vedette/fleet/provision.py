"""Make the components agree with a catalogue: add, change, rename, retire, and lose no history."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.fleet.assign import Q as ASSIGN
from vedette.fleet.assign import hold_fleet
from vedette.fleet.catalog_rules import CATALOG, Entry, Key, Known, Step, plan
from vedette.fleet.declare import keep_components, keep_names
from vedette.fleet.resolve import ComponentRow, Rows

Q = load(__file__, "provision.sql")


async def plan_of(conn: Connection, entries: Sequence[Entry]) -> list[Step]:
    """Return what `provision` would do; raises what it would raise."""
    return plan(entries, await Q.all(conn, "known", row=Known))


async def provision(
    conn: Connection, entries: Sequence[Entry], *, by: str, now: datetime
) -> list[Step]:
    """Do it, and return what was done; the second time nothing is.

    Raises Invalid when the catalogue contradicts itself, Conflict when it contradicts another origin.
    """
    async with conn.transaction():
        await hold_fleet(conn)
        steps = await plan_of(conn, entries)
        if any(step.change != "stay" for step in steps):
            await _take(conn, steps, now=now)
            await ASSIGN.run(conn, "notify_targets")
            await write_audit(
                conn,
                actor=by,
                action="fleet.provision",
                object=f"origin:{CATALOG}",
                detail=Counter(step.change for step in steps),
            )
    return steps


async def _take(conn: Connection, steps: Sequence[Step], *, now: datetime) -> None:
    rows = rows_of({step.key: step.attributes for step in steps if step.attributes is not None})
    await keep_names(conn, rows)
    renames = [step for step in steps if step.was is not None]
    if renames:
        await Q.run(
            conn,
            "rename",
            ids=[step.component_id for step in renames],
            names=[step.key[0] for step in renames],
        )
        await Q.run(conn, "drop_empty_services", names=[step.was for step in renames])
    await keep_components(conn, rows, CATALOG)
    retired = [step.component_id for step in steps if step.change == "retire"]
    await Q.run(conn, "retire", ids=retired, now=now)


def rows_of(components: Mapping[Key, Mapping[str, str]]) -> Rows:
    """Return the rows that keep these components; a service has the category on which all of them agree."""
    categories: dict[str, set[str | None]] = {}
    for (service, _, _), attributes in components.items():
        categories.setdefault(service, set()).add(attributes.get("category"))
    return Rows(
        regions=sorted({region for _, region, _ in components if region is not None}),
        clusters={},
        services={
            service: words.pop() if len(words) == 1 else None
            for service, words in categories.items()
        },
        components=[
            ComponentRow(*key, dict(attributes), declared=True)
            for key, attributes in components.items()
        ],
        targets=[],
    )
