"""When somebody wants to see full pages, then a year is made up: components, what was told, how they were and are.

What is known of their services is made up with it (`made_up_records.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.automation.made_up_records import make_records
from vedette.db.queries import Connection
from vedette.fleet.assign import hold_fleet
from vedette.fleet.demo import make_components
from vedette.health.demo import make_past
from vedette.health.model import State
from vedette.incidents.demo import make_year

SPAN = timedelta(days=365)
RECENT = timedelta(days=6)
"""A deployment goes before each incident since then, so that a cause is proposed."""

STATES = {1: State.DEGRADED, 2: State.DEGRADED, 3: State.DOWN}
"""How a component was while an incident of that impact was open."""


@dataclass(frozen=True, slots=True)
class Made:
    """How much was made up."""

    components: int
    stories: int


async def make(conn: Connection, *, by: str, now: datetime) -> Made:
    """Make up a year that ends now, in one transaction; raises Conflict when there is one already."""
    born_at = now - SPAN - timedelta(days=1)
    async with conn.transaction():
        await hold_fleet(conn)
        components = list(await make_components(conn, born_at=born_at))
        stories, troubles = await make_year(conn, components, now=now, span=SPAN)
        await make_past(
            conn,
            [id_ for id_, _ in components],
            [(id_, STATES[impact], since, until) for id_, impact, since, until in troubles],
            born_at=born_at,
            now=now,
        )
        services = dict(components)
        begun: dict[str, list[datetime]] = {}
        for id_, _, since, _ in troubles:
            begun.setdefault(services[id_], []).append(since)
        lately = {
            name: [at for at in times if now - RECENT < at < now] for name, times in begun.items()
        }
        await make_records(conn, sorted(set(services.values())), troubles=lately, now=now)
        made = Made(len(components), stories)
        await write_audit(
            conn,
            actor=by,
            action="fleet.demo",
            object="origin:demo",
            detail={"components": made.components, "incidents": made.stories},
        )
    return made
