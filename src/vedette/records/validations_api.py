"""REST routes that show how objects stand to the checks of their manifests."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter

from vedette.db.queries import Connection
from vedette.fleet.named import check_named
from vedette.records.asked import Format, Word
from vedette.records.cursors import After
from vedette.records.listed import Listing
from vedette.records.validations_reads import Standing, Wanted, checks, counted, validations
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

State = Literal["failing", "passing", "standing", "ended", "all"]
COLUMNS = (
    "cluster", "namespace", "services", "kind", "name", "check", "source", "passed", "contradicted", "word",
    "message", "since", "until", "looked_at", "description", "remediation",
)  # fmt: skip


class ValidationShown(msgspec.Struct, kw_only=True):
    """How an object stood to a check, from when to when; until: null where it still stands.

    namespace: "" for what belongs to the cluster itself. services: whose namespace it is. contradicted: the source
    said both at once, and failing counts. looked_at: when the source last spoke of the object.
    """

    cluster: str
    namespace: str
    services: list[str]
    kind: str
    name: str
    check: str
    source: str
    passed: bool
    contradicted: bool
    word: str
    message: str
    since: datetime
    until: datetime | None
    looked_at: datetime | None
    description: str
    remediation: str


class CheckShown(msgspec.Struct, kw_only=True):
    """A check: how many objects fail it and pass it now, and since when the longest fails."""

    check: str
    source: str
    failing: int
    passing: int
    since: datetime | None
    description: str
    remediation: str


@get("/api/v1/validations")
async def list_validations(
    request: Request[Any, Any, Any],
    conn: Connection,
    cluster: Word = None,
    namespace: Word = None,
    service: Word = None,
    team: Word = None,
    kind: Word = None,
    name: Word = None,
    check: Word = None,
    source: Word = None,
    standing: Annotated[State, Parameter(query="state")] = "standing",
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List how objects stand to checks, what began last first; JSON or CSV.

    `X-Total-Count` says how many there are on all pages; 1001 means more than a thousand.
    """
    wanted = Wanted(
        cluster=cluster,
        namespace=namespace,
        service=service,
        team=team,
        kind=kind,
        name=name,
        check=check,
        source=source,
        state=standing,
    )
    after = decode_cursor(cursor, After) if cursor else None
    rows = await validations(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await check_named(conn, cluster=cluster, namespace=namespace, service=service, team=team)
    total = {"X-Total-Count": str(await counted(conn, wanted))}
    return LISTING.answer(request, rows, limit=limit, headers=total)


@get("/api/v1/validations/checks")
async def list_checks(
    conn: Connection,
    cluster: Word = None,
    namespace: Word = None,
    service: Word = None,
    team: Word = None,
    source: Word = None,
) -> list[CheckShown]:
    """List the checks by how many objects fail them now."""
    wanted = Wanted(cluster=cluster, namespace=namespace, service=service, team=team, source=source)
    rows = await checks(conn, wanted)
    if not rows:
        await check_named(conn, cluster=cluster, namespace=namespace, service=service, team=team)
    return [
        CheckShown(
            check=row.check,
            source=row.source,
            failing=row.failing,
            passing=row.passing,
            since=row.since_at,
            description=row.description,
            remediation=row.remediation,
        )
        for row in rows
    ]


routes = [list_validations, list_checks]


def _shown(row: Standing) -> ValidationShown:
    return ValidationShown(
        cluster=row.cluster,
        namespace=row.namespace,
        services=row.services,
        kind=row.kind,
        name=row.name,
        check=row.check,
        source=row.source,
        passed=row.passed,
        contradicted=row.contradicted,
        word=row.word,
        message=row.message,
        since=row.since_at,
        until=row.until_at,
        looked_at=row.looked_at,
        description=row.description,
        remediation=row.remediation,
    )


LISTING = Listing(
    name="validations",
    columns=COLUMNS,
    place=lambda row: (row.since_at, row.id),
    shown=_shown,
)
