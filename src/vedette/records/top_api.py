"""REST routes of what to mend first, and of what changed since."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.fleet.named import check_named
from vedette.records import changes as changed
from vedette.records import daily
from vedette.records import top as priorities
from vedette.records.asked import Format, Since, Until, Word, aware
from vedette.records.intake_read import kind_called
from vedette.records.listed import Listing
from vedette.records.model import Severity
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

AnyRequest = Request[Any, Any, Any]
Row = TypeVar("Row")
LONGEST = 6 * 366
"""Days of history in one answer."""


class PriorityShown(msgspec.Struct, kw_only=True):
    """A vulnerability in the order of mending. rank: 1 to 5; why: what it means.

    exploited: null where no catalogue was loaded. epss, percentile: null where it has no score; epss_of: the day of
    the scores that were loaded, null for none. places: up to ten; fixes: up to five of package, version, fixed_in.
    """

    rank: int
    why: str
    name: str
    title: str
    severity: str
    score: float | None
    fixable: bool
    fixes: list[dict[str, Any]]
    exploited: bool | None
    listed: list[dict[str, Any]]
    epss: float | None
    percentile: float | None
    epss_of: date | None
    epss_model: str | None
    running: bool
    namespaces: int
    pods: int
    hosts: int
    places: list[dict[str, Any]]
    since: datetime
    covered: bool
    links: list[str]


class ChangeShown(msgspec.Struct, kw_only=True):
    """A change. change: `new`, `fixed` (it is found there no longer) or `severity`; was: the severity before."""

    at: datetime
    change: str
    name: str
    severity: str
    was: str | None
    cluster: str
    namespace: str
    services: list[str]
    exploited: bool
    since: datetime | None


class DayShown(msgspec.Struct, kw_only=True):
    """What stood at the end of a day, or stands now, of one severity; opened and closed on it."""

    day: date
    severity: str
    vulnerabilities: int
    fixable: int
    exploited: int
    opened: int
    closed: int


@get("/api/v1/top")
async def list_top(
    request: AnyRequest,
    conn: Connection,
    cluster: Word = None,
    namespace: Word = None,
    service: Word = None,
    team: Word = None,
    fixable: bool | None = None,
    covered: bool = False,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List what to mend first, each with its reason; JSON or CSV. covered: also what need not be mended."""
    wanted = priorities.Wanted(
        cluster=cluster,
        namespace=namespace,
        service=service,
        team=team,
        fixable=fixable,
        covered=covered,
    )
    after = decode_cursor(cursor, priorities.Place) if cursor else None
    rows = await priorities.top(conn, wanted, now=clock.now(), limit=limit + 1, after=after)
    if not rows:
        await check_named(conn, cluster=cluster, namespace=namespace, service=service, team=team)
    shown = partial(_priority, known=await priorities.known(conn))
    return _listing("top", PriorityShown, shown).answer(request, rows, limit=limit)


@get("/api/v1/changes")
async def list_changes(
    request: AnyRequest,
    conn: Connection,
    since: Since = None,
    until: Until = None,
    cluster: Word = None,
    namespace: Word = None,
    service: Word = None,
    kind: Word = None,
    change: Literal["new", "fixed", "severity"] | None = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List what came, went and changed, the newest first; of the last seven days unless it is said. JSON or CSV."""
    now = clock.now()
    wanted = changed.Wanted(
        since=aware(since, "from") or now - timedelta(days=7),
        until=aware(until, "to") or now + timedelta(days=1),
        cluster=cluster,
        namespace=namespace,
        service=service,
        kind=kind,
        change=change,
    )
    after = decode_cursor(cursor, changed.Place) if cursor else None
    rows = await changed.changes(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await check_named(conn, cluster=cluster, namespace=namespace, service=service)
        if kind:
            kind_called(kind)
    return _listing("changes", ChangeShown, _change).answer(request, rows, limit=limit)


@get("/api/v1/exposures/history")
async def list_days(
    request: AnyRequest,
    conn: Connection,
    name: Annotated[str, Parameter(max_length=1_000)],
    of: Annotated[
        Literal["namespace", "cluster", "service", "team"], Parameter(query="scope")
    ] = "cluster",
    cluster: Word = None,
    first: Annotated[date | None, Parameter(query="from", description="A day.")] = None,
    last: Annotated[date | None, Parameter(query="to", description="A day, included.")] = None,
    format: Format = None,  # noqa: A002 - the word of the query
) -> Response[Any]:
    """List each day's counts by severity; the last ninety days unless it is said. JSON or CSV."""
    ends = last or clock.now().date()
    begins = first or ends - timedelta(days=89)
    if begins > ends or (ends - begins).days > LONGEST:
        raise Invalid("from: it is after to, or more than six years before it")
    rows = await daily.history(conn, of, name, first=begins, last=ends, cluster=cluster or "")
    return _listing("history", DayShown, _day).answer(request, rows, limit=len(rows))


def _listing(
    name: str, noun: type[msgspec.Struct], shown: Callable[[Row], Any]
) -> Listing[Row, Any]:
    columns = noun.__struct_fields__
    return Listing(
        name=name,
        columns=columns,
        place=attrgetter("place"),
        shown=shown,
        cells=lambda one: [_flat(getattr(one, column)) for column in columns],
    )


def _flat(value: object) -> object:
    """Return what a cell shows of a list of objects: each by its words, parted by blanks."""
    if not isinstance(value, list):
        return value
    return [
        "/".join(str(part) for part in one.values() if isinstance(part, str))
        if isinstance(one, dict)
        else one
        for one in value
    ]


def _priority(row: priorities.Priority, known: priorities.Known) -> PriorityShown:
    scores = known.epss
    return PriorityShown(
        rank=row.rank,
        why=priorities.WHY[row.rank],
        name=row.identity,
        title=row.title or "",
        severity=Severity(row.severity).title,
        score=row.score,
        fixable=row.fixable,
        fixes=list(row.fixes),
        exploited=bool(row.listed) if known.catalogues else None,
        listed=list(row.listed),
        epss=row.epss,
        percentile=None if row.epss is None else row.percentile,
        epss_of=scores.released_at.date() if scores and scores.released_at else None,
        epss_model=scores.version if scores else None,
        running=row.is_running,
        namespaces=row.namespaces,
        pods=row.pods,
        hosts=row.hosts,
        places=list(row.places),
        since=row.since_at,
        covered=row.is_covered,
        links=list(row.links or ()),
    )


def _change(row: changed.Change) -> ChangeShown:
    return ChangeShown(
        at=row.at,
        change=row.change,
        name=row.identity,
        severity=Severity(row.severity).title,
        was=None if row.was is None else Severity(row.was).title,
        cluster=row.cluster,
        namespace=row.namespace,
        services=list(row.services),
        exploited=row.exploited,
        since=row.since_at,
    )


def _day(row: daily.Day) -> DayShown:
    return DayShown(
        day=row.day,
        severity=Severity(row.severity).title,
        vulnerabilities=row.vulnerabilities,
        fixable=row.fixable,
        exploited=row.exploited,
        opened=row.opened,
        closed=row.closed,
    )


routes: list[Any] = [list_top, list_changes, list_days]
