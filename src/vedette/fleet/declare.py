"""Take what a settings file says there is: add, change, retire, and tell the agents concerned."""

from collections.abc import Iterable
from datetime import datetime

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Conflict
from vedette.fleet.assign import Q as ASSIGN
from vedette.fleet.assign import hold_fleet, reassign, renew_configurations
from vedette.fleet.model import ADOPTED, Changes, Declaration, DeclaredService
from vedette.fleet.resolve import Rows, as_rows, resolve
from vedette.fleet.rules import component_slug, free_slug, slugify
from vedette.trust.names import checked_label

Q = load(__file__, "declare.sql")

ADDED = "added"
"""The origin of components that were added one by one."""


async def declare(
    conn: Connection,
    declaration: Declaration,
    *,
    origin: str,
    now: datetime,
    by: str = "server",
    source: str = "",
) -> Changes:
    """Make what there is agree with the declaration of this origin; return what changed.

    Safe to repeat: nothing changes the second time. What this origin declared before and no longer
    names is retired, and comes back with its history when it is named again. The number of
    statements does not depend on the length of the declaration.

    Raises Invalid (the field is named) or Conflict when another origin declares the same target.
    """
    origin = checked_label(origin, field="origin")
    rows = resolve(declaration)
    async with conn.transaction():
        await hold_fleet(conn)
        await keep_names(conn, rows)
        components = await keep_components(conn, rows, origin)
        added, changed, configured = await _keep_targets(conn, rows, origin, now)
        retired = await Q.run(
            conn,
            "retire_targets",
            origin=origin,
            names=[target.name for target in rows.targets],
            now=now,
        )
        changes = Changes(
            targets_added=added,
            targets_changed=changed,
            targets_retired=retired,
            components_added=components,
            components_retired=await Q.run(
                conn,
                "retire_components",
                rows=Jsonb(as_rows(rows.components)),
                origin=origin,
                now=now,
            ),
            agents=await _tell_agents(conn, configured),
        )
        if changes:
            await ASSIGN.run(conn, "notify_targets")
            await _audit(conn, changes, by=by, origin=origin, source=source)
    return changes


async def add_component(
    conn: Connection,
    service: str,
    *,
    category: str,
    region: str,
    type: str,  # noqa: A002 - the operator's word
    by: str,
    now: datetime,
) -> None:
    """Add one component of a service beside whatever is declared; nothing is retired by it.

    The category becomes that of the service. Safe to repeat. Raises Invalid naming the field.
    """
    added = DeclaredService(name=service, category=category, regions=(region,), type=type)
    rows = resolve(Declaration(services=(added,)))
    async with conn.transaction():
        await hold_fleet(conn)
        await keep_names(conn, rows)
        components = await keep_components(conn, rows, ADDED)
        if components:
            await ASSIGN.run(conn, "notify_targets")
            changes = Changes(components_added=components)
            await _audit(conn, changes, by=by, origin=ADDED, source="")


async def keep_names(conn: Connection, rows: Rows) -> None:
    """Add the regions, clusters and services that are new; the lock of the fleet is held."""
    await add_names(conn, "regions", rows.regions)
    await add_names(conn, "clusters", rows.clusters)
    await add_names(conn, "services", rows.services)
    placed = {name: region for name, region in rows.clusters.items() if region is not None}
    if placed:
        await Q.run(conn, "place_clusters", names=list(placed), regions=list(placed.values()))
    sorted_ = {name: word for name, word in rows.services.items() if word is not None}
    if sorted_:
        await Q.run(conn, "sort_services", names=list(sorted_), categories=list(sorted_.values()))


async def add_names(conn: Connection, table: str, names: Iterable[str]) -> None:
    """Add the names that are new, each with a slug nobody has."""
    known: dict[str, str] = dict(await Q.all(conn, f"known_{table}"))
    new = _with_slugs({name: slugify(name) for name in names if name not in known}, known.values())
    if new:
        await Q.run(conn, f"insert_{table}", names=list(new), slugs=list(new.values()))


def _with_slugs(wanted: dict[str, str], taken: Iterable[str]) -> dict[str, str]:
    gone = set(taken)
    given = {}
    for name, slug in wanted.items():
        given[name] = free_slug(slug, gone)
        gone.add(given[name])
    return given


async def keep_components(conn: Connection, rows: Rows, origin: str) -> int:
    """Add and change components whose names are kept; return how many are new. The lock is held."""
    if not rows.components:
        return 0
    known = {(s, r, t): slug for s, r, t, slug in await Q.all(conn, "known_components")}
    taken = set(known.values())
    slugs = []
    for component in rows.components:
        key = (component.service, component.region, component.type)
        slug = known.get(key) or free_slug(component_slug(*key), taken)
        taken.add(slug)
        slugs.append(slug)
    kept = await Q.all(
        conn, "keep_components", rows=Jsonb(as_rows(rows.components, slug=slugs)), origin=origin
    )
    return sum(added for (added,) in kept)


async def _keep_targets(
    conn: Connection, rows: Rows, origin: str, now: datetime
) -> tuple[int, int, list[int]]:
    """Return how many were added, how many changed, and the ids whose agents must hear of it."""
    if not rows.targets:
        return 0, 0, []
    known = {
        name: (slug, theirs, lives)
        for name, slug, theirs, lives in await Q.all(conn, "known_targets")
    }
    for target in rows.targets:
        _, theirs, lives = known.get(target.name, ("", origin, False))
        if lives and theirs not in (origin, ADOPTED):
            raise Conflict(
                f"target {target.name!r} is declared by {theirs!r} already",
                hint="rename one of the two",
            )
    new = {t.name: slugify(t.name) for t in rows.targets if t.name not in known}
    slugs = _with_slugs(new, (slug for slug, _, _ in known.values()))
    given = as_rows(
        rows.targets, slug=[slugs.get(t.name) or known[t.name][0] for t in rows.targets]
    )
    kept = await Q.all(conn, "keep_targets", rows=Jsonb(given), origin=origin, now=now)
    added = sum(is_new for _, is_new, _ in kept)
    return added, len(kept) - added, [id_ for id_, _, configured in kept if configured]


async def _tell_agents(conn: Connection, configured: list[int]) -> frozenset[int]:
    """Reassign, and renew the configuration also of agents whose targets changed in place."""
    concerned = await reassign(conn)
    if not configured:
        return frozenset(concerned)
    rows = await ASSIGN.all(conn, "agents_of_targets", targets=configured)
    others = {agent_id for (agent_id,) in rows} - concerned
    await renew_configurations(conn, others)
    return frozenset(concerned | others)


async def _audit(conn: Connection, changes: Changes, *, by: str, origin: str, source: str) -> None:
    await write_audit(
        conn,
        actor=by,
        action="fleet.declare",
        object=f"origin:{origin}",
        source=source,
        detail={
            "targets": [changes.targets_added, changes.targets_changed, changes.targets_retired],
            "components": [changes.components_added, changes.components_retired],
            "agents": len(changes.agents),
        },
    )
