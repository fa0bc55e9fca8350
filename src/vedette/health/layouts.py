"""Names behind numbers: layouts of measurements and error classes, one row for each different one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection

from vedette.db.queries import load

Q = load(__file__, "writes.sql")


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of a layout; entity is "" for the target itself, else `kind:id`."""

    name: str
    entity: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What the values of a report stand for, in order."""

    connector: str
    measures: tuple[Measure, ...]

    def digest(self) -> bytes:
        """Return the SHA-256 by which equal layouts of all agents are one."""
        return hashlib.sha256(self.spec().encode()).digest()

    def spec(self) -> str:
        """Return the layout as canonical JSON, help left out: a reworded help is no new layout."""
        return json.dumps(
            {
                "connector": self.connector,
                "names": [m.name for m in self.measures],
                "entities": [m.entity for m in self.measures],
                "units": [m.unit for m in self.measures],
            },
            separators=(",", ":"),
        )


async def intern_layouts(conn: AsyncConnection, layouts: Sequence[Layout]) -> list[int]:
    """Return the id of each layout, making those not seen before."""
    if not layouts:
        return []
    digests = [layout.digest() for layout in layouts]
    async with conn.transaction():
        await Q.run(
            conn,
            "intern_layouts",
            digest=digests,
            connector=[layout.connector for layout in layouts],
            spec=[layout.spec() for layout in layouts],
        )
        await _keep_measurements(conn, layouts)
        ids = {digest: id_ for digest, id_, _ in await Q.all(conn, "layouts_of", digest=digests)}
    return [ids[digest] for digest in digests]


async def _keep_measurements(conn: AsyncConnection, layouts: Sequence[Layout]) -> None:
    rows: dict[tuple[str, str], tuple[str, str]] = {}
    for layout in layouts:
        for m in layout.measures:
            # Of many entities with one name, the first alone brings the help.
            if not rows.get((layout.connector, m.name), ("", ""))[1]:
                rows[(layout.connector, m.name)] = (m.unit, m.help)
    await Q.run(
        conn,
        "keep_measurements",
        connector=[connector for connector, _ in rows],
        name=[name for _, name in rows],
        unit=[unit for unit, _ in rows.values()],
        help=[text for _, text in rows.values()],
    )


async def intern_error_classes(conn: AsyncConnection, names: Sequence[str]) -> list[int]:
    """Return the id of each error class, making those not seen before."""
    if not names:
        return []
    async with conn.transaction():
        await Q.run(conn, "intern_error_classes", name=list(names))
        ids: dict[str, int] = dict(await Q.all(conn, "error_classes_of", name=list(names)))
    return [ids[name] for name in names]
