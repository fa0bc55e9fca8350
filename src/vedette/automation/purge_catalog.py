"""When a catalogue is purged, then what was told of its components goes with them."""

from dataclasses import dataclass
from datetime import datetime

from vedette.access.audit import write_audit
from vedette.db.queries import Connection
from vedette.fleet.assign import hold_fleet
from vedette.fleet.catalog_rules import called
from vedette.fleet.purge import Made, made_components, remove_components
from vedette.incidents.purge import Told, remove_told, told_of
from vedette.records.demo import remove_records


@dataclass(frozen=True, slots=True)
class Going:
    """One thing that goes, or is kept though a catalogue made it: then `detail` says why."""

    kind: str
    name: str
    detail: str
    stays: bool = False


async def purge(conn: Connection, *, really: bool, by: str, now: datetime) -> list[Going]:
    """Remove what provision and the demo made with its incidents, and return it; only return it, unless `really`.

    Reports, targets, agents and actions are never touched: a component for which a target stands, or
    stood, is kept with its incidents.
    """
    async with conn.transaction():
        await hold_fleet(conn)
        made = await made_components(conn)
        gone = [each for each in made if not each.targets]
        told = await told_of(conn, [each.id for each in gone])
        if really and gone:
            await remove_told(conn, [each.id for each in gone], by=by, now=now)
            await remove_records(conn)
            await remove_components(conn, gone)
            await write_audit(
                conn,
                actor=by,
                action="fleet.purge",
                object="origin:catalog",
                detail={"components": len(gone), "incidents": len(told)},
            )
    return [*map(_of_component, made), *map(_of_told, told)]


def _of_component(made: Made) -> Going:
    kept = "kept: a target stands or stood for it"
    return Going(
        kind="component",
        name=called((made.service, made.region, made.type)),
        detail=kept if made.targets else made.origin,
        stays=bool(made.targets),
    )


def _of_told(told: Told) -> Going:
    return Going(
        kind=told.kind, name=f"{told.id} {told.title}", detail=f"{told.starts_at:%Y-%m-%d}"
    )
