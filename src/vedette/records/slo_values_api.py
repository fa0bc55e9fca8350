"""REST route of the history of SLO values."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get

from vedette.db.queries import Connection
from vedette.fleet.named import check_named
from vedette.records.asked import Format, Since, Until, Word, aware
from vedette.records.cursors import After
from vedette.records.listed import Listing
from vedette.records.slo_values_reads import Kept, Wanted, slo_values
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

COLUMNS = ("service", "cluster", "namespace", "document", "sli", "name", "at", "value", "target")


class SloValueShown(msgspec.Struct, kw_only=True):
    """What an indicator was beside its objective, both in per cent."""

    service: str
    cluster: str
    namespace: str
    document: str
    sli: str
    name: str
    at: datetime
    value: float
    target: float


@get("/api/v1/slo-values")
async def list_slo_values(
    request: Request[Any, Any, Any],
    conn: Connection,
    service: Word = None,
    cluster: Word = None,
    namespace: Word = None,
    name: Word = None,
    sli: Word = None,
    document: Word = None,
    since: Since = None,
    until: Until = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List the values of SLOs, the newest first, for as long as they are kept; JSON or CSV."""
    wanted = Wanted(
        service=service,
        cluster=cluster,
        namespace=namespace,
        name=name,
        sli=sli,
        document=document,
        since=aware(since, "from"),
        until=aware(until, "to"),
    )
    after = decode_cursor(cursor, After) if cursor else None
    rows = await slo_values(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await check_named(conn, cluster=cluster, namespace=namespace, service=service)
    return LISTING.answer(request, rows, limit=limit)


def _shown(row: Kept) -> SloValueShown:
    return SloValueShown(**{column: getattr(row, column) for column in COLUMNS})


LISTING = Listing(
    name="slo-values",
    columns=COLUMNS,
    place=lambda row: (row.at, row.slo_id),
    shown=_shown,
)
routes = [list_slo_values]
