"""Clusters and namespaces that a document names: found, or added as they are."""

from collections.abc import Collection
from dataclasses import dataclass, field

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.fleet.assign import hold_fleet
from vedette.fleet.declare import add_names

Q = load(__file__, "places.sql")

CLUSTER_LIMIT, NAMESPACE_LIMIT = 200, 253
"""Characters of a name."""


@dataclass(slots=True)
class Places:
    """The ids of what was named, and what of it is new.

    namespaces: by (cluster, namespace). created: `cluster NAME`, `namespace NAME`, in order.
    """

    clusters: dict[str, int] = field(default_factory=dict)
    namespaces: dict[tuple[str, str], int] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)


def checked_cluster(name: str) -> str:
    """Return the name of a cluster; raise Invalid for none, or one that cannot be one."""
    if not name.strip() or len(name) > CLUSTER_LIMIT or not name.isprintable():
        raise Invalid(
            f"{name[:100]!r} is no name of a cluster",
            hint=f"1 to {CLUSTER_LIMIT} printable characters",
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
