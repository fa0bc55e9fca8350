"""REST route of the history of SLO values."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get

from vedette.db.queries import Connection
from vedette.records.asked import Format, Since, Until, Word, aware
from vedette.records.slo_values_reads import Wanted, slo_values
from vedette.rest.csv import csv_answer, wants_csv
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

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
    as_csv = wants_csv(request)
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
    after = decode_cursor(cursor, tuple[datetime, int]) if cursor else None
    rows = await slo_values(conn, wanted, limit=limit + 1, after=after)
    following = (rows[limit - 1].at, rows[limit - 1].slo_id) if len(rows) > limit else None
    headers = next_link(request, encode_cursor(following) if following else None)
    shown = [
        SloValueShown(**{column: getattr(row, column) for column in COLUMNS})
        for row in rows[:limit]
    ]
    if as_csv:
        cells = ([getattr(one, column) for column in COLUMNS] for one in shown)
        return csv_answer(COLUMNS, cells, name="slo-values", headers=headers)
    return Response(shown, headers=headers)


routes = [list_slo_values]
