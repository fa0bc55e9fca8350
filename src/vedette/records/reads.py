"""Questions about what was found."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta

from vedette.db.queries import Connection, load

Q = load(__file__, "reads.sql")

Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Place(NamedTuple):
    """Scan, package, advisory and when it was first seen: where a page ends."""

    scan: Number
    package: Number
    advisory: Number
    seen_at: Annotated[datetime, Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which findings; None is any. image: a name or a digest. name: of the advisory, or another it is found under.

    state: `open` (and not suppressed), `fixed` or `all`. kev: known to be exploited.
    """

    cluster: str | None = None
    namespace: str | None = None
    service: str | None = None
    image: str | None = None
    name: str | None = None
    package: str | None = None
    kind: str | None = None
    severities: Sequence[int] | None = None
    fixable: bool | None = None
    kev: bool | None = None
    state: str = "open"


class Vulnerability(NamedTuple):
    """One image, package and vulnerability, as its query has the columns: of thousands, what is made fastest.

    pods: of the places asked for; fixed_in: versions, parted by ', '.
    """

    scan_id: int
    package_id: int
    advisory_id: int
    first_seen_at: datetime
    image: str
    subject_kind: str
    digest: str
    tag: str
    source: str
    name: str
    identity: str
    feed: str
    title: str
    links: list[str]
    severity: int
    word: str
    score: float | None
    package: str
    version: str
    package_type: str
    fixed_in: str
    fix_state: str
    suppressed: str
    pods: int
    clusters: list[str]
    since_at: datetime
    fixed_at: datetime | None
    seen_at: datetime
    exploited: bool

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.scan_id, self.package_id, self.advisory_id, self.first_seen_at)


async def vulnerabilities(
    conn: Connection, wanted: Wanted, *, limit: int, after: Place | None = None
) -> list[Vulnerability]:
    """Return a page of what was found, one statement."""
    scan, package, advisory, seen = after or (None, None, None, None)
    given = asdict(wanted)
    severities = given.pop("severities")
    asked = {
        **given,
        "severities": None if severities is None else list(severities),
        "placed": any((wanted.cluster, wanted.namespace, wanted.service)),
        "after_scan": scan,
        "after_package": package,
        "after_advisory": advisory,
        "after_seen": seen,
        "limit": limit,
    }
    # As bytes: times and arrays of thousands of rows cost half as much on both sides.
    with planned_for_its_values(conn):
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(Q["vulnerabilities"].encode(), asked)
            return [Vulnerability._make(row) for row in await cursor.fetchall()]


async def is_image(conn: Connection, name: str) -> bool:
    """Say whether anything of that name or digest was ever looked at."""
    return bool(await Q.value(conn, "is_image", name=name))


@contextmanager
def planned_for_its_values(conn: Connection) -> Iterator[None]:
    """Keep the driver from preparing: a question of many filters needs a plan for those that are given."""
    before = conn.prepare_threshold
    conn.prepare_threshold = None
    try:
        yield
    finally:
        conn.prepare_threshold = before
