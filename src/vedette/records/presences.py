"""What runs where: each pod and workload that a batch names, from when to when."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.fleet.places import Places
from vedette.records.looks import Look, Snapshot

Q = load(__file__, "presences.sql")

_Run = tuple[int, int, str, str, str]
"""Subject, namespace, pod, workload, container."""


async def keep_presences(
    conn: Connection,
    looks: Sequence[Look],
    places: Places,
    source_id: int,
    *,
    snapshot: Snapshot,
    at: datetime,
    now: datetime,
) -> None:
    """Say what runs where, and which namespaces are to be counted again."""
    runs: list[_Run] = []
    dropped: list[_Run] = []
    scope: set[tuple[int, int]] = set()
    for look in looks:
        for one in look.given:
            for presence in one.scan.presences:
                place = places.namespaces[one.cluster, presence.namespace]
                run = (look.subject_id, place, presence.pod, presence.workload, presence.container)
                (dropped if one.scan.deleted else runs).append(run)
                if not presence.workload and not one.scan.deleted:
                    scope.add((look.subject_id, place))
            scope |= {
                (look.subject_id, places.namespaces[one.cluster, name])
                for name in one.scan.namespaces
            }
    clusters = [
        places.clusters[name]
        for name in {one.cluster for look in looks for one in look.given if one.cluster}
    ]
    namespaces = {run[1] for run in runs + dropped} | {place for _, place in scope}
    if snapshot.complete and clusters:
        namespaces |= {row[0] for row in await Q.all(conn, "namespaces_of", clusters=clusters)}
    if not namespaces and not any(any(look.tally) for look in looks):
        return
    await Q.run(
        conn,
        "keep_presences",
        **_as_columns(runs, ""),
        **_as_columns(dropped, "dropped_"),
        scope_subjects=[subject for subject, _ in scope],
        scope_namespaces=[place for _, place in scope],
        namespaces=sorted(namespaces),
        changed=[look.subject_id for look in looks if any(look.tally)],
        source=source_id,
        everything=snapshot.complete,
        kind=snapshot.kind,
        opened=snapshot.opened_at,
        at=at,
        now=now,
    )


def _as_columns(runs: Sequence[_Run], prefix: str) -> dict[str, list[object]]:
    names = ("subjects", "places", "pods", "workloads", "containers")
    columns = zip(*runs, strict=True) if runs else ((),) * len(names)
    return {prefix + name: list(column) for name, column in zip(names, columns, strict=True)}
