"""Who looked at what: the subjects of a batch, the scans that are kept of them, and a row for each look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from vedette.db.queries import Connection, load
from vedette.records.model import Finding, Package, Scan, Subject, SubjectKind
from vedette.records.outcome import Outcome
from vedette.records.rules import digest_of, union_of

Q = load(__file__, "looks.sql")
_NEVER, _NOW = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


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


class UnreadError(Exception):
    """A scan is given without its findings, and holds others by now: its document is to be read."""


@dataclass(frozen=True, slots=True)
class Given:
    """One scan as it was applied: the cluster it speaks of ("" is none), and its document, packed.

    digest: of all that its look found, where that stands for findings that were not read; else nothing.
    """

    scan: Scan
    cluster: str
    document: bytes = b""
    digest: bytes = b""


@dataclass(slots=True)
class Look:
    """All that one batch says of one subject. heard: what of it says what was found now.

    held_digest, held_at: of what the scan holds; predecessor: whose findings these may be, under another digest.
    findings: by package, and the advisory's name and feed. tally: findings opened, closed and changed.
    """

    subject: Subject
    given: list[Given]
    heard: list[Given] = field(default_factory=list)
    subject_id: int = 0
    scan_id: int = 0
    held_digest: bytes | None = None
    held_at: datetime | None = None
    predecessor: int | None = None
    digest: bytes = b""
    findings: dict[tuple[Package, str, str], Finding] = field(default_factory=dict)
    tally: tuple[int, int, int] = (0, 0, 0)

    @property
    def complete(self) -> bool:
        """Whether each of its documents is all there is of the subject."""
        return all(given.scan.complete for given in self.heard)

    @property
    def is_first(self) -> bool:
        """Whether nobody has looked at it before, nor at what had its name."""
        return self.held_at is None and self.predecessor in (None, self.scan_id)

    @property
    def is_unread(self) -> bool:
        """Whether only the digest of its findings is known."""
        return bool(self.given[0].digest)

    @property
    def is_farewell(self) -> bool:
        """Whether it only says that the subject is gone."""
        return all(given.scan.deleted for given in self.given)

    def at(self, opened_at: datetime) -> datetime:
        """Return from when on it is true: the latest that its documents say, and never after the snapshot."""
        return min(max(given.scan.at or opened_at for given in self.heard), opened_at)

    def learn(self) -> None:
        """Bring together what its documents found."""
        self.heard = _heard(self.given)
        self.findings = union_of(one.scan for one in self.heard)
        self.digest = self.heard[0].digest or digest_of(self.findings.values())

    @property
    def is_changed(self) -> bool:
        """Whether it found anything else than the one before."""
        return self.digest != self.held_digest


def _heard(given: list[Given]) -> list[Given]:
    """Return the documents that a complete newer one does not replace, the newest last.

    What is not dated is as new as the batch.
    """
    told = [one for one in given if not one.scan.deleted] or given
    if len(told) == 1:
        return told
    told = sorted(told, key=_looked_at)
    begun = max((_looked_at(one) for one in told if one.scan.complete), default=_NEVER)
    return [one for one in told if _looked_at(one) >= begun]


def _looked_at(given: Given) -> datetime:
    return given.scan.at or _NOW


def subject_key(subject: Subject) -> tuple[str, str]:
    """Return what makes it the same: its kind, and its digest or else its name and tag."""
    return str(subject.kind), subject.digest or f"name {subject.name}:{subject.tag}"


def looks_of(scans: Sequence[Given]) -> list[Look]:
    """Bring together what was said of one subject: an image is its digest."""
    grouped: dict[tuple[str, str], Look] = {}
    for one in scans:
        subject = one.scan.subject
        look = grouped.setdefault(subject_key(subject), Look(subject, []))
        look.subject = subject
        look.given.append(one)
    return list(grouped.values())


async def keep_subjects(
    conn: Connection, looks: Sequence[Look], source: str, outcome: Outcome, *, now: datetime
) -> int:
    """Give what was looked at numbers; say what of it is new. Return the number of the source."""
    rows = await Q.all(
        conn,
        "keep_subjects",
        kinds=[str(look.subject.kind) for look in looks],
        names=[look.subject.name for look in looks],
        digests=[look.subject.digest for look in looks],
        tags=[look.subject.tag for look in looks],
        source=source,
        now=now,
    )
    (_, source_id, _), *subjects = rows
    for look, (_, subject_id, is_new) in zip(looks, subjects, strict=True):
        look.subject_id = subject_id
        if is_new:
            outcome.say(str(look.subject.kind), look.subject.name)
    return int(source_id)


async def keep_scans(
    conn: Connection, looks: Sequence[Look], source_id: int, *, at: datetime
) -> None:
    """Give the scans numbers; learn what they held before."""
    subjects = [look.subject_id for look in looks]
    rows = await Q.all(conn, "keep_scans", subjects=subjects, source=source_id, at=at)
    for look, (scan_id, digest, held_at, previous_id) in zip(looks, rows, strict=True):
        look.scan_id, look.held_digest, look.held_at = scan_id, digest, held_at
        # An image does not change under its digest; a host or a repository is its own predecessor.
        look.predecessor = scan_id if look.subject.kind is not SubjectKind.IMAGE else previous_id


async def keep_looks(
    conn: Connection, looks: Sequence[Look], *, kind: str, at: datetime, now: datetime
) -> None:
    """Note each look and what came of it, with the document that brought what is new."""
    last = [look.heard[-1] for look in looks]
    await Q.run(
        conn,
        "keep_looks",
        scans=[look.scan_id for look in looks],
        # What is added to what was there has the digest of neither.
        digests=[look.digest if look.complete else None for look in looks],
        opened=[look.tally[0] or None for look in looks],
        closed=[look.tally[1] or None for look in looks],
        changed=[look.tally[2] or None for look in looks],
        scanners=[one.scan.scanner_version for one in last],
        databases=[one.scan.database_version for one in last],
        bodies=[
            one.document if look.is_changed else None for look, one in zip(looks, last, strict=True)
        ],
        kind=kind,
        at=at,
        now=now,
    )
