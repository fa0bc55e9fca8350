"""Clusters, namespaces, services and teams that a question names: one that nobody knows is said to be so.

Nothing is found where nobody looks: without this, a misspelt name would read as if all were well.
"""

from collections.abc import Sequence
from difflib import get_close_matches

from vedette.db.queries import Connection, load
from vedette.errors import Missing

Q = load(__file__, "named.sql")

COMPARED = 500
"""Names that one is compared with; the likeliest: those that contain it, then by their first letter and length."""
SHOWN = 5


async def check_named(
    conn: Connection,
    *,
    cluster: str | None = None,
    namespace: str | None = None,
    service: str | None = None,
    team: str | None = None,
) -> None:
    """Raise Missing for the first of these that is not known, with the nearest one or some of those there are.

    None and "" name nothing. To be asked when nothing was found: what is found stands somewhere.
    """
    if cluster:
        _check("cluster", cluster, await _likely(conn, "clusters", cluster))
    if namespace:
        await _check_namespace(conn, namespace, cluster or "")
    if service:
        _check("service", service, await _likely(conn, "services", service))
    if team:
        _check("team", team, await _likely(conn, "teams", team))


async def _check_namespace(conn: Connection, name: str, cluster: str) -> None:
    known = await _likely(conn, "namespaces", name, cluster=cluster)
    if cluster and name not in known:
        where = [row[0] for row in await Q.all(conn, "clusters_of", name=name, most=SHOWN)]
        if where:
            raise Missing(
                f"there is no namespace {name[:100]!a} in {cluster}",
                hint=f"there is one in {', '.join(where)}",
            )
    _check("namespace", name, known, where=f" in {cluster}" if cluster else "")


async def _likely(conn: Connection, of: str, name: str, *, cluster: str = "") -> list[str]:
    """Return known names, this one first if it is one; cluster: "" for any, and of namespaces alone."""
    rows = await Q.all(conn, of, name=name, cluster=cluster, most=COMPARED)
    return [row[0] for row in rows]


def _check(what: str, name: str, known: Sequence[str], *, where: str = "") -> None:
    if name not in known:
        raise Missing(f"there is no {what} {name[:100]!a}{where}", hint=_way_out(name, known))


def _way_out(name: str, known: Sequence[str]) -> str:
    if not known:
        return "none is known yet"
    spelled = {each.casefold(): each for each in known}
    if near := get_close_matches(name.casefold(), spelled, 1):
        return f"did you mean {spelled[near[0]]!a}?"
    more = " and more" if len(known) > SHOWN else ""
    return f"known: {', '.join(known[:SHOWN])}{more}"
