"""Which agents stand beneath an incident, a service, a component or a vulnerability, and why each.

A client asks before it signs: what is signed is the list of these agents' keys, so that nobody who changes
what we know of services afterwards changes who is meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.records.rules import spelled

Q = load(__file__, "agents_beneath.sql")


@dataclass(frozen=True, slots=True)
class Beneath:
    """An agent; through: the targets or the host that led to it."""

    name: str
    key: str
    os: str
    queueloc: str
    version: str
    through: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where to look for agents."""

    components: Sequence[int] = ()
    clusters: Sequence[int] = ()
    hosts: Sequence[str] = ()


async def beneath_incident(conn: Connection, incident: int) -> list[Beneath]:
    """Return the agents that look at what an incident affects now; raises Missing."""
    row = await Q.one(conn, "incident", id=incident)
    if row is None:
        raise Missing(f"there is no incident {incident}")
    return await _agents(conn, _Place(components=row[1]))


async def beneath_service(conn: Connection, name: str) -> list[Beneath]:
    """Return the agents that look at a service's components, or at clusters where it runs; raises Missing."""
    row = await Q.one(conn, "service", name=name)
    if row is None:
        raise Missing(f"there is no service {name[:100]!a}")
    return await _agents(conn, _Place(components=row[1], clusters=row[2]))


async def beneath_component(conn: Connection, slug: str) -> list[Beneath]:
    """Return the agents that look at a component's targets; raises Missing."""
    component = await Q.value(conn, "component", name=slug)
    if component is None:
        raise Missing(f"there is no component {slug[:100]!a}")
    return await _agents(conn, _Place(components=[component]))


async def beneath_vulnerability(conn: Connection, name: str) -> list[Beneath]:
    """Return the agents on hosts, and at clusters, where a vulnerability stands open; raises Missing."""
    row = await Q.one(conn, "advisories", name=spelled(name))
    if row is None or row[0] is None:
        raise Missing(f"nothing is known of {name[:100]!a}")
    found = await Q.one(conn, "standing", advisories=row[0], identities=row[1])
    assert found is not None
    return await _agents(conn, _Place(clusters=found[0], hosts=found[1]))


async def _agents(conn: Connection, place: _Place) -> list[Beneath]:
    through: dict[int, list[str]] = {}
    for query, given in (
        ("of_components", {"components": list(place.components)}),
        ("of_clusters", {"clusters": list(place.clusters)}),
        ("of_hosts", {"hosts": list(place.hosts)}),
    ):
        if not any(given.values()):
            continue
        for agent_id, words in await Q.all(conn, query, row=None, **given):
            through.setdefault(agent_id, []).extend(words)
    rows = await Q.all(conn, "agents", agents=list(through))
    return [
        Beneath(name, key, os, queueloc, version, tuple(sorted(set(through[agent_id]))))
        for agent_id, name, key, os, queueloc, version in rows
    ]
