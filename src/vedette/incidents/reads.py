"""The questions about incidents: one function, one named query."""

from collections.abc import Sequence

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.incidents.model import Affected, Incident, Update

Q = load(__file__, "reads.sql")


async def incident(conn: Connection, incident_id: int) -> Incident:
    """Return the incident; raises Missing."""
    found = await incidents(conn, [incident_id])
    if not found:
        raise Missing(
            f"there is no incident {incident_id}", hint="`vedette incidents list` shows them"
        )
    return found[0]


async def incidents(conn: Connection, ids: Sequence[int]) -> list[Incident]:
    """Return those there are of these, the newest start first."""
    return await Q.all(conn, "incidents", row=Incident, ids=list(ids))


async def updates(
    conn: Connection, ids: Sequence[int], *, internal: bool = False
) -> dict[int, list[Update]]:
    """Return what was said of each, the newest first; internal: with what operators alone may read."""
    found: dict[int, list[Update]] = {number: [] for number in ids}
    for row in await Q.all(conn, "updates", row=Update, ids=list(ids), internal=internal):
        found[row.incident_id].append(row)
    return found


async def affected(conn: Connection, ids: Sequence[int]) -> dict[int, list[Affected]]:
    """Return whom each affects or did, in the order they came."""
    found: dict[int, list[Affected]] = {number: [] for number in ids}
    for row in await Q.all(conn, "affected", row=Affected, ids=list(ids)):
        found[row.incident_id].append(row)
    return found
