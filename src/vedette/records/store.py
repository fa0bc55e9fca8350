"""Whatever a kind reads goes where it belongs: one entry for each family of nouns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import TypeVar

from vedette.db.queries import Connection
from vedette.fleet.places import Places
from vedette.records.bulletins import keep_bulletins
from vedette.records.deployments import keep_deployments
from vedette.records.knowledge import keep_exploited, keep_probabilities
from vedette.records.merge import Given, Snapshot, merge_scans
from vedette.records.model import (
    Bulletin,
    Deployment,
    ExploitedList,
    Objective,
    Probabilities,
    Record,
    Scan,
    SloValue,
    Statement,
    Validations,
)
from vedette.records.objectives import keep_objectives
from vedette.records.outcome import Outcome
from vedette.records.slo_values import keep_slo_values
from vedette.records.validations import Validated, merge_validations
from vedette.records.vex import keep_statements

Noun = TypeVar("Noun")


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of one document: the cluster it was applied for ("" is none), and the document, packed.

    digests: of what each record's look found, for scans whose findings were not read; else none.
    """

    records: tuple[Record, ...]
    cluster: str = ""
    document: bytes = b""
    digests: tuple[bytes, ...] = ()

    def scans(self) -> Iterator[Given]:
        """Yield its scans."""
        for record, digest in zip(self.records, self.digests or repeat(b""), strict=False):
            if isinstance(record, Scan):
                yield Given(record, self.cluster, self.document, digest)

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
                yield from ((self.cluster, namespace) for namespace, _, _ in record.objects)
            elif isinstance(record, SloValue):
                yield record.cluster, record.namespace

    def services(self) -> Iterator[str]:
        """Yield every service it names."""
        for record in self.records:
            if isinstance(record, SloValue | Objective):
                yield record.service


async def store(
    conn: Connection,
    batches: Sequence[Batch],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    own_times: bool,
    now: datetime,
) -> None:
    """Store records that are true from when the snapshot was opened; the transaction is the caller's.

    Scans are true from when they looked, and with own_times validations too.
    """
    at = snapshot.opened_at
    if scans := [scan for batch in batches for scan in batch.scans()]:
        await merge_scans(conn, scans, places, outcome, snapshot=snapshot, now=now)
    if looks := list(_of(Validations, batches)):
        validated = [Validated(look, batch.cluster) for look, batch in looks]
        await merge_validations(
            conn, validated, places, outcome, snapshot=snapshot, own_times=own_times
        )
    if values := [value for value, _ in _of(SloValue, batches)]:
        await keep_slo_values(conn, values, places, outcome, snapshot=snapshot, at=at)
    if objectives := [objective for objective, _ in _of(Objective, batches)]:
        await keep_objectives(conn, objectives, places, outcome, now=now)
    if deployments := [deployment for deployment, _ in _of(Deployment, batches)]:
        delivered = await keep_deployments(conn, deployments, now=now)
        outcome.unchanged += len(delivered.duplicated)
        for entry in delivered.created:
            outcome.say("deployment", entry)
    await _store_knowledge(conn, batches, outcome, snapshot=snapshot, at=at, now=now)


async def _store_knowledge(
    conn: Connection,
    batches: Sequence[Batch],
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    at: datetime,
    now: datetime,
) -> None:
    """Store what others say of vulnerabilities."""
    if bulletins := [bulletin for bulletin, _ in _of(Bulletin, batches)]:
        await keep_bulletins(conn, bulletins, outcome, now=now)
    if lists := [one for one, _ in _of(ExploitedList, batches)]:
        await keep_exploited(conn, lists, outcome, snapshot=snapshot, now=now)
    if days := [day for day, _ in _of(Probabilities, batches)]:
        await keep_probabilities(conn, days, outcome, snapshot=snapshot, now=now)
    if statements := [statement for statement, _ in _of(Statement, batches)]:
        await keep_statements(conn, statements, outcome, at=at, now=now)


def _of(noun: type[Noun], batches: Sequence[Batch]) -> Iterator[tuple[Noun, Batch]]:
    for batch in batches:
        for record in batch.records:
            if isinstance(record, noun):
                yield record, batch
