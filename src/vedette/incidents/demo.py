"""A year of incidents and maintenances that are made up, in a handful of statements."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.incidents import writes

Q = load(__file__, "demo.sql")

STORIES = 160
BY = "demo"

Trouble = tuple[int, int, datetime, datetime | None]
"""Component, impact, from and to; None: it lasts."""


async def make_year(
    conn: Connection, components: Iterable[tuple[int, str]], *, now: datetime, span: timedelta
) -> tuple[int, Sequence[Trouble]]:
    """Tell a past of `span` for these components (id, service); return how many stories, and the troubles.

    Nothing of it goes to subscribers: it is no news.
    """
    await writes.hold(conn)
    members = list(components)
    made = await Q.all(
        conn,
        "make",
        components=[id_ for id_, _ in members],
        services=[service for _, service in members],
        stories=STORIES,
        span=span,
        now=now,
        by=BY,
    )
    ids = [row[0] for row in made]
    await writes.Q.run(conn, "settle_spans", ids=ids)
    await writes.Q.run(conn, "notify", ids=ids)
    troubles = [
        (id_, impact, since, until)
        for id_, impact, since, until in await Q.all(conn, "troubles", ids=ids)
    ]
    return len(ids), troubles
