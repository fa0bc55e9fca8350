"""Questions about one vulnerability, under whatever name, as its page asks them; nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from vedette.db.queries import Connection, load

Q = load(__file__, "advisory_reads.sql")

TEXTS, STATEMENTS, DECISIONS, PLACES, CARRIERS, MATCHES = 20, 30, 20, 50, 50, 20
_service = msgspec.json.Decoder(tuple[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One text of it. identity: under which name it counts; score: CVSS, None where nobody gave it."""

    id: int
    name: str
    feed: str
    identity: str
    title: str
    description: str
    links: list[str]
    cwes: list[str]
    score: float | None
    vector: str
    published_at: datetime | None
    withdrawn_at: datetime | None
    aliases: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploited:
    """An entry of a catalogue of exploited vulnerabilities."""

    catalog: str
    cve: str
    added_on: date
    due_on: date | None
    ransomware: bool
    title: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """EPSS of one CVE: how probable it is to be exploited within thirty days; both in [0, 1]."""

    cve: str
    score: float
    percentile: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What was loaded last of what others know."""

    name: str
    version: str
    released_at: datetime | None
    loaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a supplier states of it (VEX)."""

    document: str
    author: str
    status: str
    justification: str
    impact: str
    action: str
    products: list[str]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody here decided. Where: service, namespace, image, package, each "" for any; holds: it counts now."""

    id: int
    identity: str
    package: str
    service: str
    namespace: str
    image: str
    decision: str
    justification: str
    reason: str
    until: datetime | None
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace in which it stands open; cluster and namespace are "" for what runs in none that we know of."""

    cluster: str
    namespace: str
    identity: str
    severity: int
    fixable: bool
    images: int
    pods: int
    hosts: int
    since_at: datetime
    is_covered: bool
    services: list[str]
    total: int

    @property
    def of_services(self) -> list[tuple[str, str]]:
        """Whose namespace it is: (slug, name)."""
        return [_service.decode(one) for one in self.services]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A package of an image that it was found in."""

    name: str
    image: str
    tag: str
    package: str
    version: str
    severity: int
    fixed_in: str
    since_at: datetime
    is_running: bool
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Something that is called as somebody asked. what: `advisory`, `service` or `image`; name: of its page."""

    what: str
    name: str
    shown: str
    detail: str


async def advisories(conn: Connection, name: str) -> Sequence[Advisory]:
    """Return every text that goes under that name."""
    return await Q.all(conn, "advisories", row=Advisory, name=name, limit=TEXTS)


async def exploited(conn: Connection, cves: Sequence[str]) -> Sequence[Exploited]:
    """Return what catalogues of exploited vulnerabilities say of these."""
    return await Q.all(conn, "exploited", row=Exploited, cves=list(cves))


async def likely(conn: Connection, cves: Sequence[str]) -> Sequence[Likely]:
    """Return what EPSS says of these, the likeliest first."""
    return await Q.all(conn, "likely", row=Likely, cves=list(cves))


async def feeds(conn: Connection) -> Sequence[Feed]:
    """Return what was loaded at all, so that "not listed" differs from "not loaded"."""
    return await Q.all(conn, "feeds", row=Feed)


async def statements(conn: Connection, names: Sequence[str]) -> Sequence[Statement]:
    """Return what suppliers state of it, the newest first."""
    return await Q.all(conn, "statements", row=Statement, names=list(names), limit=STATEMENTS)


async def decisions(
    conn: Connection, identities: Sequence[str], *, now: datetime
) -> Sequence[Decision]:
    """Return what was decided here, what holds first."""
    return await Q.all(
        conn, "decisions", row=Decision, identities=list(identities), now=now, limit=DECISIONS
    )


async def places(conn: Connection, identities: Sequence[str], *, now: datetime) -> Sequence[Place]:
    """Return where it stands open, the gravest first."""
    return await Q.all(
        conn, "places", row=Place, identities=list(identities), now=now, limit=PLACES
    )


async def carriers(conn: Connection, advisories: Sequence[int]) -> Sequence[Carrier]:
    """Return the images it was found in, those that run first."""
    return await Q.all(conn, "carriers", row=Carrier, advisories=list(advisories), limit=CARRIERS)


async def matches(conn: Connection, name: str) -> Sequence[Match]:
    """Return what is called so; the case of an identifier does not matter."""
    names = list({name, name.upper()})
    return await Q.all(conn, "matches", row=Match, name=name, names=names, limit=MATCHES)
