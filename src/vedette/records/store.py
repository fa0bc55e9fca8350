"""Whatever a kind reads goes where it belongs: one entry for each family of nouns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection
from vedette.fleet.places import Places
from vedette.records.merge import Given, Snapshot, merge_scans
from vedette.records.model import Record, Scan, SloValue, Validations
from vedette.records.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of one document: the cluster it was applied for ("" is none), and the document, packed."""

    records: tuple[Record, ...]
    cluster: str = ""
    document: bytes = b""

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield every (cluster, namespace) it names; a namespace "" is none."""
        if self.cluster:
            yield self.cluster, ""
        for record in self.records:
            if isinstance(record, Scan) and self.cluster:
                for name in (*(p.namespace for p in record.presences), *record.namespaces):
                    yield self.cluster, name
            elif isinstance(record, Validations) and self.cluster:
                yield from ((self.cluster, result.namespace) for result in record.results)
            elif isinstance(record, SloValue):
                yield record.cluster, record.namespace


async def store(
    conn: Connection,
    batches: Sequence[Batch],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    at: datetime,
    now: datetime,
) -> None:
    """Store records that are true from `at` on; the transaction is the caller's."""
    scans = [
        Given(record, batch.cluster, batch.document)
        for batch in batches
        for record in batch.records
        if isinstance(record, Scan)
    ]
    if scans:
        await merge_scans(
            conn,
            scans,
            places,
            outcome,
            snapshot=snapshot,
            at=at,
            now=now,
        )
