"""Remove components that a catalogue or the demo made; those for which a target stood are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.db.queries import Connection, load
from vedette.fleet.assign import Q as ASSIGN
from vedette.fleet.catalog_rules import CATALOG, DEMO

Q = load(__file__, "purge.sql")


@dataclass(frozen=True, slots=True)
class Made:
    """A component of a catalogue or the demo. targets: how many ever stood for it."""

    id: int
    service: str
    region: str | None
    type: str | None
    origin: str
    targets: int


async def made_components(
    conn: Connection, *, origins: Sequence[str] = (CATALOG, DEMO)
) -> list[Made]:
    """Return the components of these origins, retired ones too."""
    return await Q.all(conn, "made", row=Made, origins=list(origins))


async def remove_components(conn: Connection, components: Sequence[Made]) -> None:
    """Remove them, and the services and regions that nothing is left of; the fleet's lock is held."""
    await Q.run(conn, "remove", ids=[each.id for each in components])
    await Q.run(conn, "remove_services", names=[each.service for each in components])
    await Q.run(conn, "remove_regions", names=[each.region for each in components if each.region])
    await ASSIGN.run(conn, "notify_targets")
