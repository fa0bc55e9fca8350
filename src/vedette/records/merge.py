"""What scanners found becomes what we know: every scan of a snapshot in a few statements, whatever their size.

The walk of a batch: where things are → what was looked at → (the same as last time? a row, and done) → packages →
advisories → findings opened, changed and closed → a row for each look → what runs where. Ids travel back to
Python once for each kind of noun and go out again as columns, so that no text is compared twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Protocol

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.fleet.places import Places
from vedette.records.model import Advisory, Finding, Package, Scan, Subject, SubjectKind
from vedette.records.outcome import Outcome
from vedette.records.rules import (
    advisory_key,
    digest_of,
    identity_of,
    package_key,
    text_key,
    union_of,
)

Q = load(__file__, "merge.sql")
LOCK = lock_number("vedette.records.merge")

_Run = tuple[int, int, str, str, str]
"""Subject, namespace, pod, workload, container."""


class Snapshot(Protocol):
    """What merging needs to know of the snapshot it is in."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def kind(self) -> str:
        """Of what kind its documents are."""
        ...

    @property
    def complete(self) -> bool:
        """Whether it is all there is of the clusters it names."""
        ...

    @property
    def opened_at(self) -> datetime:
        """Of two snapshots the one opened later wins."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """One scan as it was applied: the cluster it speaks of ("" is none), and its document, packed."""

    scan: Scan
    cluster: str
    document: bytes = b""


@dataclass(slots=True)
class _Look:
    """All that one batch says of one subject.

    held_digest, held_at: of what the scan holds; predecessor: whose findings these may be, under another digest.
    """

    subject: Subject
    given: list[Given]
    subject_id: int = 0
    scan_id: int = 0
    held_digest: bytes | None = None
    held_at: datetime | None = None
    predecessor: int | None = None
    digest: bytes = b""
    findings: dict[tuple[Package, Advisory], Finding] = field(default_factory=dict)
    tally: tuple[int, int, int] = (0, 0, 0)

    @property
    def complete(self) -> bool:
        return all(given.scan.complete for given in self.given)


async def merge_scans(
    conn: Connection,
    given: Sequence[Given],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    at: datetime,
    now: datetime,
) -> None:
    """Merge these scans, true from `at` on; add what happened to the outcome. The transaction is the caller's.

    A complete snapshot is all there is of each cluster it names: what it does not name runs there no longer. A look that
    is older than what its scan holds changes no finding.
    """
    await Q.run(conn, "hold", number=LOCK, at=at)
    sources: dict[str, list[Given]] = defaultdict(list)
    for one in given:
        sources[one.scan.source].append(one)
    for source, scans in sources.items():
        looks = _looks(scans)
        source_id = await _keep_words(conn, source, looks, outcome)
        await _keep_subjects(conn, looks, outcome, now=now)
        await _keep_scans(conn, looks, source_id, at=at)
        newer = [look for look in looks if look.held_at is None or look.held_at <= at]
        outcome.older += len(looks) - len(newer)
        living = [look for look in newer if not all(one.scan.deleted for one in look.given)]
        await _keep_findings(conn, living, outcome, kind=snapshot.kind, at=at, now=now)
        await _keep_presences(conn, looks, places, source_id, snapshot=snapshot, at=at, now=now)


def _looks(scans: Sequence[Given]) -> list[_Look]:
    """Bring together what was said of one subject: an image is its digest."""
    grouped: dict[tuple[str, str], _Look] = {}
    for one in scans:
        subject = one.scan.subject
        key = (subject.kind, subject.digest or f"name {subject.name}")
        look = grouped.setdefault(key, _Look(subject, []))
        look.subject = subject
        look.given.append(one)
    return list(grouped.values())


async def _keep_words(
    conn: Connection, source: str, looks: Sequence[_Look], outcome: Outcome
) -> int:
    """Learn how the findings are and number their words; return the source's id."""
    words: dict[str, int] = {"": 0}
    for look in looks:
        look.findings = union_of(one.scan for one in look.given)
        look.digest = digest_of(look.findings.values())
        words.update((finding.word, finding.severity) for finding in look.findings.values())
    rows = await Q.all(
        conn, "keep_words", source=source, words=list(words), severities=list(words.values())
    )
    outcome.words = {word: number for what, word, number, _ in rows if what == "w"}
    outcome.new_words = {word for what, word, _, is_new in rows if what == "w" and is_new and word}
    return next(int(number) for what, _, number, _ in rows if what == "s")


async def _keep_subjects(
    conn: Connection, looks: Sequence[_Look], outcome: Outcome, *, now: datetime
) -> None:
    rows = await Q.all(
        conn,
        "keep_subjects",
        kinds=[str(look.subject.kind) for look in looks],
        names=[look.subject.name for look in looks],
        digests=[look.subject.digest for look in looks],
        tags=[look.subject.tag for look in looks],
        now=now,
    )
    for look, (_, subject_id, is_new) in zip(looks, rows, strict=True):
        look.subject_id = subject_id
        if is_new:
            outcome.say(str(look.subject.kind), look.subject.name)


async def _keep_scans(
    conn: Connection, looks: Sequence[_Look], source_id: int, *, at: datetime
) -> None:
    subjects = [look.subject_id for look in looks]
    rows = await Q.all(conn, "keep_scans", subjects=subjects, source=source_id, at=at)
    for look, (scan_id, digest, held_at, previous_id) in zip(looks, rows, strict=True):
        look.scan_id, look.held_digest, look.held_at = scan_id, digest, held_at
        # An image does not change under its digest; a host or a repository is its own predecessor.
        look.predecessor = scan_id if look.subject.kind is not SubjectKind.IMAGE else previous_id


async def _keep_findings(
    conn: Connection,
    looks: Sequence[_Look],
    outcome: Outcome,
    *,
    kind: str,
    at: datetime,
    now: datetime,
) -> None:
    changed = [look for look in looks if look.digest != look.held_digest]
    outcome.unchanged += len(looks) - len(changed)
    if changed:
        await _merge_findings(conn, changed, outcome, at=at, now=now)
        await Q.run(
            conn,
            "keep_documents",
            scans=[look.scan_id for look in changed],
            bodies=[look.given[-1].document for look in changed],
            kind=kind,
            now=now,
        )
    if looks:
        last = [look.given[-1].scan for look in looks]
        await Q.run(
            conn,
            "keep_looks",
            scans=[look.scan_id for look in looks],
            # What is added to what was there has the digest of neither.
            digests=[look.digest if look.complete else None for look in looks],
            opened=[look.tally[0] for look in looks],
            closed=[look.tally[1] for look in looks],
            changed=[look.tally[2] for look in looks],
            scanners=[scan.scanner_version for scan in last],
            databases=[scan.database_version for scan in last],
            at=at,
        )


async def _merge_findings(
    conn: Connection, looks: Sequence[_Look], outcome: Outcome, *, at: datetime, now: datetime
) -> None:
    packages, new_packages = await _keep_packages(conn, looks)
    advisories, new_advisories = await _keep_advisories(conn, looks, now=now)
    outcome.say_found(
        chain.from_iterable(look.findings.values() for look in looks),
        new_packages,
        new_advisories,
    )
    since = await _since(conn, looks)
    found = [(look.scan_id, finding) for look in looks for finding in look.findings.values()]
    numbers = {look.scan_id: look for look in looks}
    rows = await Q.all(
        conn,
        "merge_findings",
        scans=[scan_id for scan_id, _ in found],
        packages=[packages[finding.package] for _, finding in found],
        advisories=[advisories[finding.advisory] for _, finding in found],
        severities=[int(finding.severity) for _, finding in found],
        words=[outcome.words[finding.word] for _, finding in found],
        fixes=[", ".join(finding.fixed_in) for _, finding in found],
        states=[str(finding.fix_state) for _, finding in found],
        suppressions=[finding.suppressed for _, finding in found],
        since=[
            since.get((scan_id, advisories[finding.advisory], finding.package.name))
            for scan_id, finding in found
        ]
        if since
        else [None] * len(found),
        looked=[look.scan_id for look in looks],
        complete=[look.complete for look in looks],
        at=at,
    )
    for scan_id, *tally in rows:
        numbers[scan_id].tally = (tally[0], tally[1], tally[2])
        outcome.count(*tally)


async def _since(conn: Connection, looks: Sequence[_Look]) -> dict[tuple[int, int, str], datetime]:
    """Return since when findings are known: those of the same software in what came before."""
    before: dict[int, list[int]] = defaultdict(list)
    for look in looks:
        if look.predecessor is not None:
            before[look.predecessor].append(look.scan_id)
    if not before:
        return {}
    rows = await Q.all(conn, "predecessors", scans=list(before))
    return {
        (scan_id, advisory, name): since
        for held, advisory, name, since in rows
        for scan_id in before[held]
    }


async def _keep_packages(
    conn: Connection, looks: Sequence[_Look]
) -> tuple[dict[Package, int], set[Package]]:
    """Give the packages numbers; return their ids and which are new."""
    wanted = list(dict.fromkeys(package for look in looks for package, _ in look.findings))
    if not wanted:
        return {}, set()
    rows = await Q.all(
        conn,
        "keep_packages",
        keys=[package_key(package) for package in wanted],
        names=[package.name for package in wanted],
        versions=[package.version for package in wanted],
        types=[package.type for package in wanted],
        purls=[package.purl for package in wanted],
        paths=[package.path for package in wanted],
    )
    ids = {package: row[0] for package, row in zip(wanted, rows, strict=True)}
    return ids, {package for package, row in zip(wanted, rows, strict=True) if row[1]}


async def _keep_advisories(
    conn: Connection, looks: Sequence[_Look], *, now: datetime
) -> tuple[dict[Advisory, int], set[Advisory]]:
    """Give the advisories numbers, with what they are called elsewhere; return their ids and which are new.

    Two texts under one name in one batch are one advisory: the later text stays.
    """
    by_name: dict[tuple[str, str], Advisory] = {}
    scores: dict[tuple[str, str], tuple[float | None, str]] = {}
    everything = dict.fromkeys(chain.from_iterable(look.findings.values() for look in looks))
    for finding in everything:
        name = (finding.advisory.name, finding.advisory.feed)
        by_name[name] = finding.advisory
        if finding.score is not None or name not in scores:
            scores[name] = (finding.score, finding.vector)
    if not by_name:
        return {}, set()
    wanted = list(by_name.values())
    columns = _columns(wanted, list(scores.values()))
    rows = await Q.all(conn, "keep_advisories", row=None, **columns, now=now)
    ids = {name: row[0] for name, row in zip(by_name, rows, strict=True)}
    aliases = [(other, ids[name]) for name, one in by_name.items() for other in one.names]
    if aliases:
        names, numbers = zip(*aliases, strict=True)
        await Q.run(conn, "keep_aliases", names=list(names), advisories=list(numbers))
    found = {
        finding.advisory: ids[finding.advisory.name, finding.advisory.feed]
        for finding in everything
    }
    return found, {one for one, row in zip(wanted, rows, strict=True) if row[1]}


def _columns(
    wanted: Sequence[Advisory], scores: Sequence[tuple[float | None, str]]
) -> dict[str, list[object]]:
    return {
        "keys": [advisory_key(one) for one in wanted],
        "text_keys": [text_key(one) for one in wanted],
        "names": [one.name for one in wanted],
        "feeds": [one.feed for one in wanted],
        "identities": [identity_of(one) for one in wanted],
        "titles": [one.title for one in wanted],
        "descriptions": [one.description for one in wanted],
        "links": [" ".join(one.links) for one in wanted],
        "cwes": [" ".join(one.cwes) for one in wanted],
        "scores": [score for score, _ in scores],
        "vectors": [vector for _, vector in scores],
        "published": [one.published_at for one in wanted],
    }


async def _keep_presences(
    conn: Connection,
    looks: Sequence[_Look],
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
