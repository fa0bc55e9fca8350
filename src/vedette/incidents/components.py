"""Components as the Status Dashboard's reporters and readers know them: a name with attributes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

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


@dataclass(frozen=True, slots=True)
class Named:
    """What a reporter calls a component: its service's name, and attributes it must have, all of them."""

    service: str
    attributes: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class InRegion:
    """What the successor's reporters call one: its service's name, and the value of one of its attributes."""

    service: str
    region: str


Name = Named | InRegion


async def components_called(conn: Connection, names: Collection[Name]) -> dict[Name, Component]:
    """Return of each name the first component it means, in the order they were made; one statement a kind."""
    found: dict[Name, Component] = {}
    named = [one for one in names if isinstance(one, Named)]
    if named:
        attributes = [msgspec.json.encode(dict(one.attributes)).decode() for one in named]
        services = [one.service for one in named]
        for nth, *columns in await Q.all(conn, "named", services=services, attributes=attributes):
            found[named[nth - 1]] = Component(*columns)
    placed = [one for one in names if isinstance(one, InRegion)]
    if placed:
        services, regions = [one.service for one in placed], [one.region for one in placed]
        for nth, *columns in await Q.all(conn, "in_region", services=services, regions=regions):
            found[placed[nth - 1]] = Component(*columns)
    return found


async def component_named(
    conn: Connection, service: str, attributes: Mapping[str, str]
) -> Component | None:
    """Return the first component of that service that has all of these attributes."""
    name = Named(service, frozenset(attributes.items()))
    return (await components_called(conn, [name])).get(name)


async def components(conn: Connection, ids: Sequence[int] | None = None) -> list[Component]:
    """Return every public component, or those there are of these ids, in the order they were made."""
    given = None if ids is None else list(ids)
    return await Q.all(conn, "components", row=Component, ids=given)
