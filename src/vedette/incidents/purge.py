"""Remove what was told of components that are about to be removed; for catalogues made to try it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents import writes

Q = load(__file__, "purge.sql")


@dataclass(frozen=True, slots=True)
class Told:
    """An incident, maintenance or note that affects these components alone."""

    id: int
    kind: str
    title: str
    starts_at: datetime


async def told_of(conn: Connection, components: Sequence[int]) -> list[Told]:
    """Return what `remove_told` would remove, the oldest number first."""
    return await Q.all(conn, "of_components", row=Told, components=list(components))


async def remove_told(
    conn: Connection, components: Sequence[int], *, by: str, now: datetime
) -> None:
    """Remove them with all that was said; incidents that affect others, too, go on without these.

    The caller's transaction removes the components afterwards.
    """
    await writes.hold(conn)
    gone = list(components)
    ids = [told.id for told in await told_of(conn, gone)]
    others = [id_ for (id_,) in await Q.all(conn, "others", components=gone, ids=ids)]
    await Q.run(conn, "leave", components=gone)
    await Q.run(conn, "remove", ids=ids)
    await Q.run(conn, "thin_series", components=gone)
    await Q.run(conn, "remove_series", components=gone)
    if others:
        await writes.settle(conn, others, "purge", by=by, now=now)
    await writes.Q.run(conn, "notify", ids=ids[:100])
