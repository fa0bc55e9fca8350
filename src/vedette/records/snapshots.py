"""Snapshots: opened, filled by many at once, closed by one; only closing shows what was filled in.

A document lies in `records.staged` as it was read until then, so that writers meet nobody and what cannot be
understood is refused while its writer listens. Closing merges everything in one transaction. What nobody closes
expires with what was filled in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Denied, Missing
from vedette.fleet.places import checked_cluster, settle_places, settle_services
from vedette.records.bounds import checked_records
from vedette.records.model import Record
from vedette.records.outcome import Outcome
from vedette.records.staged import pack, unpack
from vedette.records.store import Batch, store

Q = load(__file__, "snapshots.sql")
LIFETIME = timedelta(hours=6)
"""How long one may be filled; the longest run of a collector known to us takes minutes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot; see records.snapshot."""

    id: int
    token: UUID
    kind: str
    cluster_id: int | None
    complete: bool
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    expired_at: datetime | None


async def open_snapshot(
    conn: Connection,
    kind: str,
    *,
    by: str,
    now: datetime,
    complete: bool = True,
    cluster_id: int | None = None,
    lifetime: timedelta = LIFETIME,
) -> Snapshot:
    """Open a snapshot of that kind; whoever fills it shows its token."""
    found = await Q.one(
        conn,
        "open",
        row=Snapshot,
        kind=kind,
        cluster=cluster_id,
        complete=complete,
        by=by,
        now=now,
        expires=now + lifetime,
    )
    assert found is not None
    return found


async def fill(
    conn: Connection,
    token: UUID,
    kind: str,
    records: Iterable[Record],
    *,
    cluster: str = "",
    document: bytes = b"",
) -> None:
    """Keep what was read of a document, durably, until the snapshot is closed.

    document: as it came, packed. Raises Missing for a token nobody gave, Denied for one of another kind, Conflict
    when it is closed or expired.
    """
    if cluster:
        checked_cluster(cluster)
    records = checked_records(records, cluster)
    async with conn.transaction():
        snapshot = await _held(conn, "find_to_fill", token, kind)
        await Q.run(
            conn,
            "stage",
            snapshot=snapshot.id,
            cluster=cluster,
            records=pack(records),
            document=document,
        )


async def close_snapshot(
    conn: Connection, token: UUID, kind: str, *, now: datetime, own_times: bool = True
) -> Outcome:
    """Merge what was filled in and show it; raises as `fill` does.

    What it says is true from when its documents say that they looked, else from when it was opened: of two snapshots
    the one opened later wins, whenever it closes. Without own_times what validators say is true from then in any case.
    """
    async with conn.transaction():
        return await close_within(conn, token, kind, now=now, own_times=own_times)


async def close_within(
    conn: Connection, token: UUID, kind: str, *, now: datetime, own_times: bool = True
) -> Outcome:
    """Close a snapshot as `close_snapshot` does; the transaction is the caller's."""
    snapshot = await _held(conn, "find_to_close", token, kind)
    batches = [
        Batch(tuple(unpack(packed)), cluster, document)
        for cluster, packed, document in await Q.all(conn, "staged", snapshot=snapshot.id)
    ]
    return await _merge(conn, snapshot, batches, now=now, own_times=own_times)


async def apply(
    conn: Connection,
    kind: str,
    batches: Sequence[Batch],
    *,
    by: str,
    now: datetime,
    complete: bool = False,
) -> Outcome:
    """Open, fill and close a snapshot at once, without staging; return what it changed.

    complete: these documents are all there is of each cluster they name. A look that says when it was made counts
    from then on, so that an old file changes nothing.
    """
    async with conn.transaction():
        return await apply_within(conn, kind, batches, by=by, now=now, complete=complete)


async def apply_within(
    conn: Connection,
    kind: str,
    batches: Sequence[Batch],
    *,
    by: str,
    now: datetime,
    complete: bool = False,
) -> Outcome:
    """Apply as `apply` does; the transaction is the caller's."""
    for batch in batches:
        checked_records(batch.records, batch.cluster)
    snapshot = await open_snapshot(conn, kind, by=by, now=now, complete=complete)
    return await _merge(conn, snapshot, batches, now=now, own_times=True)


async def _merge(
    conn: Connection,
    snapshot: Snapshot,
    batches: Sequence[Batch],
    *,
    now: datetime,
    own_times: bool,
) -> Outcome:
    outcome = Outcome()
    places = await settle_places(conn, {pair for batch in batches for pair in batch.places()})
    await settle_services(conn, {name for batch in batches for name in batch.services()}, places)
    for line in places.created:
        outcome.say(*line.split(" ", 1))
    await store(conn, batches, places, outcome, snapshot=snapshot, own_times=own_times, now=now)
    await Q.run(
        conn,
        "close",
        snapshot=snapshot.id,
        kind=snapshot.kind,
        opened=snapshot.opened_at,
        clusters=list(places.clusters.values()),
        now=now,
    )
    return outcome


async def _held(conn: Connection, query: str, token: UUID, kind: str) -> Snapshot:
    snapshot = await Q.one(conn, query, row=Snapshot, token=token)
    if snapshot is None:
        raise Missing("token not found", hint="open a snapshot first")
    if snapshot.kind != kind:
        raise Denied(f"this token is for {snapshot.kind}, not for {kind}")
    if snapshot.closed_at or snapshot.expired_at:
        raise Conflict("token is closed for data", hint="open another snapshot")
    return snapshot


async def expire(conn: Connection, *, now: datetime) -> int:
    """Let go of snapshots that nobody closed, with what was filled in; return how many there were."""
    return int(await Q.value(conn, "expire", now=now))
