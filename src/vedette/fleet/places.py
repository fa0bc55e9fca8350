"""Clusters, namespaces and services that a document names: found, or added as they are."""

from collections.abc import Collection
from dataclasses import dataclass, field

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.fleet.assign import hold_fleet
from vedette.fleet.declare import add_names

Q = load(__file__, "places.sql")

CLUSTER_LIMIT, NAMESPACE_LIMIT, SERVICE_LIMIT = 200, 253, 200
"""Characters of a name."""


@dataclass(slots=True)
class Places:
    """The ids of what was named, and what of it is new.

    namespaces: by (cluster, namespace). created: `cluster NAME`, `namespace NAME`, `service NAME`, in order.
    """

    clusters: dict[str, int] = field(default_factory=dict)
    namespaces: dict[tuple[str, str], int] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    services: dict[str, int] = field(default_factory=dict)


def checked_cluster(name: str) -> str:
    """Return the name of a cluster; raise Invalid for none, or one that cannot be one."""
    return _checked(name, "cluster", CLUSTER_LIMIT)


def checked_namespace(name: str) -> str:
    """Return the name of a namespace; raise Invalid for none, or one that cannot be one."""
    return _checked(name, "namespace", NAMESPACE_LIMIT)


def checked_service(name: str) -> str:
    """Return the name of a service; raise Invalid for none, or one that cannot be one."""
    return _checked(name, "service", SERVICE_LIMIT)


def _checked(name: str, what: str, most: int) -> str:
    if not name.strip() or len(name) > most or not name.isprintable():
        raise Invalid(
            f"{name[:100]!r} is no name of a {what}", hint=f"1 to {most} printable characters"
        )
    return name


async def settle_places(conn: Connection, named: Collection[tuple[str, str]]) -> Places:
    """Return the ids of these (cluster, namespace), a namespace "" being none; add what is new.

    Two statements where nothing is new. Two at once add each name once.
    """
    wanted = sorted(set(named))
    places = await _known(conn, wanted)
    missing = [pair for pair in wanted if pair[1] and pair not in places.namespaces]
    clusters = sorted({cluster for cluster, _ in wanted if cluster not in places.clusters})
    if not missing and not clusters:
        return places
    if clusters:
        await hold_fleet(conn)
        await add_names(conn, "clusters", clusters)
    if missing:
        given, names = zip(*missing, strict=True)
        await Q.run(conn, "add_namespaces", clusters=list(given), namespaces=list(names))
    places = await _known(conn, wanted)
    places.created = [f"cluster {name}" for name in clusters]
    places.created += [f"namespace {name}" for _, name in missing]
    return places


async def settle_services(conn: Connection, names: Collection[str], places: Places) -> None:
    """Add the ids of these services to the places, and what is new to what there is; before any other lock.

    One statement where nothing is new, none where nothing is named.
    """
    wanted = sorted(set(names))
    if not wanted:
        return
    places.services = dict(await Q.all(conn, "known_services", names=wanted))
    missing = [name for name in wanted if name not in places.services]
    if missing:
        await hold_fleet(conn)
        await add_names(conn, "services", missing)
        places.services = dict(await Q.all(conn, "known_services", names=wanted))
        places.created += [f"service {name}" for name in missing]


async def _known(conn: Connection, wanted: list[tuple[str, str]]) -> Places:
    places = Places()
    given, names = [pair[0] for pair in wanted], [pair[1] for pair in wanted]
    for cluster, cluster_id, namespace, namespace_id in await Q.all(
        conn, "known", clusters=given, namespaces=names
    ):
        places.clusters[cluster] = cluster_id
        if namespace_id is not None:
            places.namespaces[cluster, namespace] = namespace_id
    return places
