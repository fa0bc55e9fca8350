"""What scanners found becomes what we know: every scan of a snapshot in a few statements, whatever their size.

The walk of a batch: what was looked at (`looks`) → the same as last time? a row, and done → packages and advisories
(`texts`), findings opened, changed and closed (`findings`) → a row for each look → what runs where (`presences`).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.fleet.places import Places
from vedette.records.findings import merge_findings
from vedette.records.looks import (
    Given,
    Look,
    Snapshot,
    UnreadError,
    keep_looks,
    keep_scans,
    keep_subjects,
    looks_of,
    subject_key,
)
from vedette.records.outcome import Outcome
from vedette.records.presences import keep_presences

__all__ = ["LOCK", "Given", "Snapshot", "merge_scans"]

Q = load(__file__, "merge.sql")
LOCK = lock_number("vedette.records.merge")


async def merge_scans(
    conn: Connection,
    given: Sequence[Given],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    now: datetime,
) -> None:
    """Merge these scans; add what happened to the outcome. The transaction is the caller's.

    What was found is true from when the scan says it looked, else from when the snapshot was opened; what runs where,
    from when it was opened. A complete snapshot is all there is of each cluster it names: what it does not name runs
    there no longer. A look that is older than what its scan holds changes no finding. Raises UnreadError where findings
    are needed that were not read.
    """
    opened_at = snapshot.opened_at
    await _begin(conn, {opened_at, *(one.scan.at or opened_at for one in given)})
    sources: dict[str, list[Given]] = defaultdict(list)
    for one in given:
        sources[one.scan.source].append(one)
    for source, scans in sources.items():
        looks = looks_of(scans)
        for look in looks:
            look.learn()
            outcome.found[source, *subject_key(look.subject)] = look.digest
        source_id = await keep_subjects(conn, looks, source, outcome, now=now)
        await keep_scans(conn, looks, source_id, at=opened_at)
        due: dict[datetime, list[Look]] = defaultdict(list)
        for look in looks:
            at = look.at(opened_at)
            if look.held_at is not None and look.held_at > at:
                outcome.older += 1
            elif not look.is_farewell:
                due[at].append(look)
        for at, seen in sorted(due.items()):
            await _keep_found(conn, seen, outcome, kind=snapshot.kind, at=at, now=now)
        await keep_presences(
            conn, looks, places, source_id, snapshot=snapshot, at=opened_at, now=now
        )


async def _begin(conn: Connection, times: Collection[datetime]) -> None:
    has_table = await Q.value(conn, "hold", number=LOCK, times=list(times))
    if not has_table:
        await Q.run(conn, "make_given")


async def _keep_found(
    conn: Connection,
    looks: Sequence[Look],
    outcome: Outcome,
    *,
    kind: str,
    at: datetime,
    now: datetime,
) -> None:
    changed = [look for look in looks if look.is_changed]
    outcome.unchanged += len(looks) - len(changed)
    if any(look.is_unread for look in changed):
        raise UnreadError
    if changed:
        await merge_findings(conn, changed, outcome, at=at, now=now)
    if looks:
        await keep_looks(conn, looks, kind=kind, at=at, now=now)
