"""How made-up components were: up, but for their troubles; the bars of the status page stand on it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.health import days
from vedette.health.model import State

Q = load(__file__, "demo.sql")

Trouble = tuple[int, State, datetime, datetime | None]
"""Component, state, from and to; None: it lasts."""


async def make_past(
    conn: Connection,
    components: Sequence[int],
    troubles: Sequence[Trouble],
    *,
    born_at: datetime,
    now: datetime,
) -> None:
    """Write the changes of state, the state and the days of components that no target looks at."""
    ids = list(components)
    await Q.run(
        conn,
        "transitions",
        components=ids,
        of=[trouble[0] for trouble in troubles],
        states=[trouble[1].word for trouble in troubles],
        from_at=[trouble[2] for trouble in troubles],
        to_at=[trouble[3] for trouble in troubles],
        born_at=born_at,
        now=now,
    )
    await Q.run(conn, "states", components=ids)
    yesterday = now.date() - timedelta(days=1)
    # Whoever reads takes a day for closed as soon as any component has it, so all of them get it.
    await days.run_once(conn, now=now)
    await Q.run(conn, "days", components=ids, first=born_at.date(), last=yesterday, now=now)
