"""Components as the Status Dashboard's reporters and readers know them: a name with attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg.types.json import Jsonb

from vedette.db.queries import Connection, load

Q = load(__file__, "components.sql")


@dataclass(frozen=True, slots=True)
class Component:
    """A component as reporters know it; `attributes` are its own, without those of its own columns."""

    id: int
    service: str
    region: str
    category: str
    type: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def wire_attributes(self) -> dict[str, str]:
        """Every attribute by name: category, region, type, then the others; what is missing is left out."""
        own = {"category": self.category, "region": self.region, "type": self.type}
        return {name: value for name, value in own.items() if value} | {
            name: str(value) for name, value in sorted(self.attributes.items()) if name not in own
        }

    @property
    def label(self) -> str:
        """Its name with all its attributes, as in `Auto Scaling (Compute, EU-DE, as)`."""
        values = ", ".join(self.wire_attributes.values())
        return f"{self.service} ({values})" if values else self.service


async def component_named(
    conn: Connection, service: str, attributes: Mapping[str, str]
) -> Component | None:
    """Return the first component of that service that has all of these attributes."""
    return await Q.one(
        conn, "named", row=Component, service=service, attributes=Jsonb(dict(attributes))
    )


async def component_in(conn: Connection, service: str, region: str) -> Component | None:
    """Return the first component of that service one of whose attributes has that region as its value."""
    return await Q.one(conn, "in_region", row=Component, service=service, region=region)


async def components(conn: Connection, ids: Sequence[int] | None = None) -> list[Component]:
    """Return every public component, or those there are of these ids, in the order they were made."""
    given = None if ids is None else list(ids)
    return await Q.all(conn, "components", row=Component, ids=given)
