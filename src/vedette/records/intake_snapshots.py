"""Snapshots as routes handle them: opened and dropped with a line in the audit log, for one cluster or for any."""

from datetime import datetime, timedelta
from uuid import UUID

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.fleet.places import checked_cluster, settle_places
from vedette.records.snapshots import Snapshot, open_snapshot

Q = load(__file__, "intake_snapshots.sql")


async def open_and_note(
    conn: Connection,
    kind: str,
    *,
    by: str,
    now: datetime,
    complete: bool = True,
    cluster: str = "",
    lifetime: timedelta,
) -> Snapshot:
    """Open a snapshot, of that cluster alone where one is named; raises Invalid for its name."""
    async with conn.transaction():
        cluster_id = None
        if cluster:
            places = await settle_places(conn, {(checked_cluster(cluster), "")})
            cluster_id = places.clusters[cluster]
        snapshot = await open_snapshot(
            conn,
            kind,
            by=by,
            now=now,
            complete=complete,
            cluster_id=cluster_id,
            lifetime=lifetime,
        )
        await write_audit(
            conn,
            actor=by,
            action="records.open",
            object=f"records:{kind}",
            detail={"snapshot": snapshot.id, "cluster": cluster, "complete": complete},
        )
    return snapshot


async def found_snapshot(conn: Connection, token: UUID) -> Snapshot:
    """Return the snapshot of that token; raises Missing."""
    found = await Q.one(conn, "find", row=Snapshot, token=token)
    if found is None:
        raise Missing("there is no such snapshot", hint="POST /api/v1/snapshots opens one")
    return found


async def cluster_of(conn: Connection, snapshot: Snapshot) -> str:
    """Return the one cluster that a snapshot may speak of; "" for any."""
    if snapshot.cluster_id is None:
        return ""
    return str(await Q.value(conn, "cluster_called", id=snapshot.cluster_id))


async def drop_snapshot(conn: Connection, token: UUID, *, by: str, now: datetime) -> None:
    """Let go of an open snapshot with what was filled in; raises Missing, also for one that was closed."""
    async with conn.transaction():
        kind = await Q.value(conn, "drop", token=token, now=now)
        if kind is None:
            raise Missing("no snapshot of this token is open")
        await write_audit(conn, actor=by, action="records.drop", object=f"records:{kind}")
