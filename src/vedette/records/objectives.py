"""Objectives as documents define them: kept, changed, and retired when their document names them no longer."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from psycopg.types.json import Jsonb

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.fleet.places import Places
from vedette.records.merge import LOCK
from vedette.records.model import Objective
from vedette.records.outcome import Outcome

Q = load(__file__, "objectives.sql")
COMPONENT = "vedette-component"
"""The label that names a component of ours whose availability is the indicator."""


async def keep_objectives(
    conn: Connection,
    objectives: Sequence[Objective],
    places: Places,
    outcome: Outcome,
    *,
    now: datetime,
) -> None:
    """Keep these objectives; what the same document of a service defined before and no longer does is retired.

    The last of several under one name counts. Raises Invalid for a label that names no component of ours.
    """
    last = {(one.service, one.name): one for one in objectives}
    await Q.run(conn, "hold", number=LOCK)
    components = await _components(conn, last.values())
    rows = [_row(one, places, components) for one in last.values()]
    for name, is_new in await Q.all(conn, "keep", rows=Jsonb(rows), now=now):
        if is_new:
            outcome.say("objective", name)
            outcome.count(1, 0, 0)
        else:
            outcome.count(0, 0, 1)
    retired = await Q.run(conn, "retire", rows=Jsonb(rows), now=now)
    outcome.count(0, retired, 0)


async def _components(conn: Connection, objectives: Collection[Objective]) -> dict[str, int]:
    named = {one.labels[COMPONENT] for one in objectives if COMPONENT in one.labels}
    found: dict[str, int] = (
        dict(await Q.all(conn, "components", slugs=sorted(named))) if named else {}
    )
    for slug in sorted(named - found.keys()):
        raise Invalid(
            f"the label {COMPONENT} names {slug[:100]!r}, which is no component",
            hint="`vedette get components` lists them",
        )
    return found


def _row(one: Objective, places: Places, components: dict[str, int]) -> dict[str, object]:
    row = {
        name: getattr(one, name)
        for name in (
            "name", "document", "source", "target", "window_s", "calendar", "calendar_count", "starts_at", "zone",
            "budgeting", "sli", "description", "labels",
        )
    }  # fmt: skip
    row["service_id"] = places.services[one.service]
    row["definition"] = msgspec.json.decode(one.definition)
    row["component_id"] = components.get(one.labels.get(COMPONENT, ""))
    return row
