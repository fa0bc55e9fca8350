"""Questions about services as their pages ask them: one function, one named query; nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vedette.db.queries import Connection, load

Q = load(__file__, "service_reads.sql")

COMPONENTS, INCIDENTS, FIRST, IMAGES = 12, 4, 6, 100
"""So many rows of each stand on a service's page."""
LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """A service in the list of all. state: None where it has no component that was ever seen.

    severities, numbers: how many vulnerabilities of each severity stand open, the gravest first. slos, missed: how many
    SLOs it has values of, and whose latest value is below its target.
    """

    slug: str
    name: str
    team: str
    state: str | None
    incidents: int
    severities: list[int]
    numbers: list[int]
    exploited: int
    slos: int
    missed: int
    deployed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service; namespaces: `cluster/namespace`, where it runs. …_loaded: whether a list of that sort was loaded."""

    id: int
    slug: str
    name: str
    team: str
    category: str
    namespaces: list[str]
    kev_loaded: bool
    epss_loaded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component of the service; of its targets how many there are, how many are not well, and the worst one's name."""

    slug: str
    type: str
    region: str
    state: str
    since: datetime | None
    reason: str
    targets: int
    ailing: int
    worst: str
    worst_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident, maintenance or note that affects the service, as it was published."""

    id: int
    kind: str
    title: str
    impact: int
    status: str
    starts_at: datetime
    ends_at: datetime | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What is mended first, by `rank` (records.rank_of); due_on: until when a catalogue of exploited ones demands it.

    percentile, probability: EPSS, in [0, 1]; None where it is not listed. package, image: one of those it is in.
    """

    identity: str
    rank: int
    severity: int
    exploited: bool
    due_on: date | None
    percentile: float | None
    probability: float | None
    images: int
    pods: int
    since_at: datetime
    title: str
    package: str
    version: str
    fixed_in: str
    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Severe:
    """How many vulnerabilities of a severity stand open. older: known for a month; new: found within a week."""

    severity: int
    number: int
    fixable: int
    older: int
    oldest_at: datetime
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that runs; name: its digest, or its number. counts: findings by severity, from unknown to defcon1."""

    name: str
    image: str
    tag: str
    counts: list[int]
    fixable: int
    last_at: datetime
    namespaces: int
    pods: int


async def services(conn: Connection, *, words: str, now: datetime) -> Sequence[ServiceLine]:
    """Return every service by its name; words: a part of its name or its team's."""
    today = now.date()
    return await Q.all(
        conn, "services", row=ServiceLine, words=words, today=today, month=today.replace(day=1)
    )


async def service(conn: Connection, slug: str) -> Service | None:
    """Return the service of that slug."""
    return await Q.one(conn, "service", row=Service, slug=slug)


async def components(conn: Connection, service_id: int) -> Sequence[Component]:
    """Return its components, the gravest first."""
    return await Q.all(conn, "components", row=Component, service=service_id, limit=COMPONENTS + 1)


async def incidents(conn: Connection, service_id: int, *, now: datetime) -> Sequence[Incident]:
    """Return what stands open of it, and what was lately."""
    return await Q.all(
        conn, "incidents", row=Incident, service=service_id, since=now - LATELY, limit=INCIDENTS
    )


async def fix_first(conn: Connection, service_id: int, *, now: datetime) -> Sequence[First]:
    """Return what is mended first of it."""
    return await Q.all(conn, "fix_first", row=First, service=service_id, now=now, limit=FIRST)


async def severities(conn: Connection, service_id: int, *, now: datetime) -> Sequence[Severe]:
    """Return what stands open of it, the gravest first."""
    return await Q.all(
        conn,
        "severities",
        row=Severe,
        service=service_id,
        now=now,
        month=now - LATELY,
        week=now - timedelta(days=7),
    )


async def images(conn: Connection, service_id: int) -> Sequence[Image]:
    """Return the images that run for it, those with the gravest findings first."""
    return await Q.all(conn, "images", row=Image, service=service_id, limit=IMAGES + 1)


async def is_affected(conn: Connection, service_id: int, incident: int) -> bool:
    """Say whether that incident affects it, or did."""
    return bool(await Q.value(conn, "is_affected", service=service_id, incident=incident))
