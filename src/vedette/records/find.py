"""Where a vulnerability is, by any name it goes by: services, images, pods and hosts, since when, and where it is mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from vedette.db.queries import Connection, load
from vedette.records.cursors import Moment, Number
from vedette.records.reads import planned_for_its_values

Q = load(__file__, "find.sql")
COUNTED, PLACES = 10_000, 200


class Place(NamedTuple):
    """Where a page ends."""

    advisory_id: Number
    scan_id: Number
    package_id: Number
    first_seen_at: Moment


@dataclass(frozen=True, slots=True)
class Named:
    """An advisory that is about it."""

    id: int
    name: str
    feed: str
    identity: str
    title: str
    score: float | None
    links: Sequence[str]
    published_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A namespace where it stands open. is_covered: it need not be mended there."""

    cluster: str
    namespace: str
    severity: int
    images: int
    pods: int
    since_at: datetime
    is_covered: bool
    services: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A package of what was looked at that it is about. places: twenty of those where it runs now.

    decision, made_by, until, reason: ours, if one reaches it. status, author, document: a supplier's statement.
    """

    advisory_id: int
    scan_id: int
    package_id: int
    first_seen_at: datetime
    name: str
    identity: str
    kind: str
    image: str
    digest: str
    tag: str
    source: str
    package: str
    version: str
    severity: int
    fixed_in: str
    fix_state: str
    suppressed: str
    since_at: datetime
    fixed_at: datetime | None
    seen_at: datetime
    places: Sequence[dict[str, Any]]
    decision: str | None
    made_by: str | None
    until: datetime | None
    reason: str | None
    status: str | None
    author: str | None
    document: str | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.advisory_id, self.scan_id, self.package_id, self.first_seen_at)


async def named(conn: Connection, name: str) -> tuple[list[str], list[Named]]:
    """Return what a name counts as, and the advisories that are about that, two hundred at most.

    A name may be of an erratum about several.
    """
    rows = await Q.all(conn, "named", name=name)
    return (rows[0][0] if rows else []), [Named(*row[1:]) for row in rows]


async def cves(conn: Connection, name: str, identities: Sequence[str]) -> list[str]:
    """Return under which names others know it: of a CVE that is its own, of an erratum those it addresses."""
    if name.startswith("CVE-"):
        return [name, *identities]
    return [row[0] for row in await Q.all(conn, "cves", identities=list(identities) or [name])]


async def standing(
    conn: Connection,
    identities: Sequence[str],
    advisory_ids: Sequence[int],
    state: str,
    *,
    now: datetime,
) -> tuple[int, list[Standing]]:
    """Return how many findings there are, up to `COUNTED` + 1, and the namespaces where these stand open, `PLACES`."""
    rows = await Q.all(
        conn,
        "standing",
        identities=list(identities),
        advisories=list(advisory_ids),
        state=state,
        most=COUNTED + 1,
        limit=PLACES,
        now=now,
    )
    return int(rows[0][0]), [Standing(*row[1:]) for row in rows if row[1] is not None]


async def found(
    conn: Connection,
    advisory_ids: Sequence[int],
    state: str,
    *,
    now: datetime,
    limit: int,
    after: Place | None = None,
) -> Sequence[Found]:
    """Return a page of what was found; state: `open`, `fixed` or `all`."""
    advisory, scan, package, seen = after or (None, None, None, None)
    with planned_for_its_values(conn):
        return await Q.all(
            conn,
            "page",
            row=Found,
            advisories=list(advisory_ids),
            state=state,
            after_advisory=advisory,
            after_scan=scan,
            after_package=package,
            after_seen=seen,
            limit=limit,
            now=now,
        )
