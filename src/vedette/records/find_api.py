"""REST route that says where a vulnerability is, and what is known of it."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.records import find
from vedette.records.asked import Format
from vedette.records.knowledge import Listed, Scored, listed, scored
from vedette.records.listed import Listing
from vedette.records.model import Severity
from vedette.records.rules import spelled
from vedette.records.top import Known, known
from vedette.rest.csv import wants_csv
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

COLUMNS = (
    "name", "subject", "image", "digest", "package", "version", "severity", "fixed_in", "source", "since", "fixed_at",
    "decision",
)  # fmt: skip


class AdvisoryShown(msgspec.Struct, kw_only=True):
    """An advisory that is about it."""

    name: str
    feed: str
    title: str
    score: float | None
    links: list[str]
    published_at: datetime | None
    withdrawn_at: datetime | None


class StandingShown(msgspec.Struct, kw_only=True):
    """A namespace where it stands open. covered: it need not be mended there."""

    cluster: str
    namespace: str
    services: list[str]
    severity: str
    images: int
    pods: int
    since: datetime
    covered: bool


class FoundShown(msgspec.Struct, kw_only=True):
    """A package of an image, a host or a repository that it is about.

    places: where that runs now, twenty of them. fixed_at: when it was found no longer; fixed_in: versions that mend
    it. decision: what is decided or stated of it, by whom and until when, or "".
    """

    name: str
    subject: str
    image: str
    digest: str
    tag: str
    source: str
    package: str
    version: str
    severity: str
    fixed_in: str
    fix_state: str
    suppressed: str
    since: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    fixed_at: datetime | None
    places: list[dict[str, Any]]
    decision: str


class Answer(msgspec.Struct, kw_only=True):
    """Where a vulnerability is. names: as what it counts.

    exploited: null where no catalogue was loaded. count: of findings on all pages; 10001 is more than ten thousand.
    """

    name: str
    names: list[str]
    advisories: list[AdvisoryShown]
    exploited: bool | None
    listed: list[Listed]
    epss: Scored | None
    epss_of: date | None
    places: list[StandingShown]
    count: int
    items: list[FoundShown]


@get("/api/v1/find")
async def find_vulnerability(
    request: Request[Any, Any, Any],
    conn: Connection,
    name: Annotated[str, Parameter(min_length=1, max_length=200)],
    standing: Annotated[Literal["open", "fixed", "all"], Parameter(query="state")] = "open",
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """Say where a vulnerability is, by any name it goes by; findings come in pages. JSON, or CSV of the findings."""
    now, as_csv = clock.now(), wants_csv(request)
    name = spelled(name)
    names, about = await find.named(conn, name)
    cves = await find.cves(conn, name, names)
    facts, loaded = await listed(conn, cves), await known(conn)
    if not names and not facts:
        raise Missing(
            f"nobody told us of {name[:100]!a}", hint="is it spelled as in CVE-2021-44228?"
        )
    numbers = [one.id for one in about]
    after = decode_cursor(cursor, find.Place) if cursor else None
    rows = await find.found(conn, numbers, standing, now=now, limit=limit + 1, after=after)
    items, headers = FINDINGS.page(request, rows, limit=limit)
    if as_csv:
        return FINDINGS.table(items, headers)
    count, places = await find.standing(conn, names, numbers, standing, now=now)
    answer = Answer(
        name=name,
        names=names or [name],
        advisories=[_advisory(one) for one in about],
        exploited=bool(facts) if loaded.catalogues else None,
        listed=list(facts),
        epss=await scored(conn, cves),
        epss_of=_day_of(loaded),
        places=[_standing(one) for one in places],
        count=count,
        items=items,
    )
    return Response(answer, headers=headers)


def _day_of(loaded: Known) -> date | None:
    scores = loaded.epss
    return scores.released_at.date() if scores and scores.released_at else None


def decision_of(row: find.Found) -> str:
    """Return what is decided or stated of a finding, and by whom; "" for nothing."""
    if row.decision:
        until = f" until {row.until.date().isoformat()}" if row.until else ""
        return f"{row.decision} by {row.made_by}{until}: {row.reason}"
    if row.status:
        return f"{row.status} by {row.author or 'its supplier'}, document {row.document}"
    return f"suppressed by {row.source}: {row.suppressed}" if row.suppressed else ""


def _advisory(one: find.Named) -> AdvisoryShown:
    return AdvisoryShown(
        name=one.name,
        feed=one.feed,
        title=one.title,
        score=one.score,
        links=list(one.links),
        published_at=one.published_at,
        withdrawn_at=one.withdrawn_at,
    )


def _standing(one: find.Standing) -> StandingShown:
    return StandingShown(
        cluster=one.cluster,
        namespace=one.namespace,
        services=list(one.services),
        severity=Severity(one.severity).title,
        images=one.images,
        pods=one.pods,
        since=one.since_at,
        covered=one.is_covered,
    )


def _found(row: find.Found) -> FoundShown:
    return FoundShown(
        name=row.name,
        subject=row.kind,
        image=row.image,
        digest=row.digest,
        tag=row.tag,
        source=row.source,
        package=row.package,
        version=row.version,
        severity=Severity(row.severity).title,
        fixed_in=row.fixed_in,
        fix_state=row.fix_state,
        suppressed=row.suppressed,
        since=row.since_at,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.fixed_at or row.seen_at,
        fixed_at=row.fixed_at,
        places=list(row.places),
        decision=decision_of(row),
    )


FINDINGS = Listing(name="find", columns=COLUMNS, place=lambda row: row.place, shown=_found)
routes: list[Any] = [find_vulnerability]
