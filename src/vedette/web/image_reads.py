"""Questions about one image (or host, repository, file) as its page asks them; nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from vedette.db.queries import Connection, load
from vedette.web.paging import PAGE_ROWS

Q = load(__file__, "image_reads.sql")

RUNS, NAMESAKES = 50, 12
NUMBER_LIMIT = 2**31 - 1
_service = msgspec.json.Decoder(tuple[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was looked at; digest and tag may be ""."""

    id: int
    kind: str
    name: str
    digest: str
    tag: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A source that looked at it. counts: findings by severity, from unknown to defcon1."""

    source: str
    first_at: datetime
    last_at: datetime
    counts: list[int]
    fixable: int
    scanner_version: str
    database_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A namespace it runs in; total: how many namespaces there are."""

    cluster: str
    namespace: str
    pods: int
    workloads: list[str] | None
    since_at: datetime
    services: list[str]
    total: int

    @property
    def of_services(self) -> list[tuple[str, str]]:
        """Whose namespace it is: (slug, name)."""
        return [_service.decode(one) for one in self.services]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A vulnerability of a package. stated: the newest VEX status that reaches it; decided: our own decision; or "".

    percentile: EPSS, in [0, 1]; None where it is not listed. total: how many there are.
    """

    identity: str
    package: str
    version: str
    severity: int
    fixed_in: str
    fix_state: str
    since_at: datetime
    title: str
    sources: list[str]
    is_suppressed: bool
    exploited: bool
    percentile: float | None
    total: int
    stated: str
    decided: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Namesake:
    """An image of the same name; name: its digest or its number."""

    name: str
    tag: str
    made_at: datetime
    is_this: bool
    counts: list[int]
    is_running: bool


async def subject(conn: Connection, name: str) -> Subject | None:
    """Return what has this digest, or this number."""
    is_number = name.isascii() and name.isdecimal() and len(name) < 11 and int(name) <= NUMBER_LIMIT
    number = int(name) if is_number else None
    return await Q.one(
        conn, "subject", row=Subject, number=number, digest="" if is_number else name
    )


async def looks(conn: Connection, subject_id: int) -> Sequence[Looked]:
    """Return who looked at it, the last one first."""
    return await Q.all(conn, "looks", row=Looked, subject=subject_id)


async def runs(conn: Connection, subject_id: int) -> Sequence[Run]:
    """Return where it runs, a namespace each."""
    return await Q.all(conn, "runs", row=Run, subject=subject_id, limit=RUNS)


async def findings(
    conn: Connection, subject_id: int, *, page: int, now: datetime
) -> Sequence[Found]:
    """Return a page of what was found in it, what is mended first before the rest."""
    return await Q.all(
        conn,
        "findings",
        row=Found,
        subject=subject_id,
        now=now,
        limit=PAGE_ROWS,
        skip=(page - 1) * PAGE_ROWS,
    )


async def namesakes(conn: Connection, held: Subject) -> Sequence[Namesake]:
    """Return what went under its name, the newest first."""
    return await Q.all(
        conn,
        "namesakes",
        row=Namesake,
        subject=held.id,
        name=held.name,
        kind=held.kind,
        limit=NAMESAKES,
    )
