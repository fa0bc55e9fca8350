"""REST routes of what hosts answered: a page of it, all of it as a file, and what answers are alike."""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.params import Parameter
from litestar.response import Stream

from vedette.actions import reads
from vedette.actions.api_shown import Alike, Number, shown_alike, shown_result
from vedette.actions.export import Exports, json_lines
from vedette.actions.results_csv import HEADINGS, result_cells
from vedette.db.queries import Connection
from vedette.rest.csv import MEDIA_TYPE as CSV
from vedette.rest.csv import csv_answer, wants_csv
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

AnyRequest = Request[Any, Any, Any]
JSON_LINES = "application/jsonl"
NEVER_CACHED = {"Cache-Control": "no-store"}

Format = Annotated[
    Literal["json", "csv"] | None, Parameter(query="format", description="Goes before Accept.")
]
ExportFormat = Annotated[
    Literal["jsonl", "csv"], Parameter(query="format", description="JSON Lines or CSV.")
]


@get("/api/v1/actions/{action_id:int}/results")
async def list_results(
    request: AnyRequest,
    conn: Connection,
    action_id: Number,
    found: bool | None = None,
    written: Format = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """Return answers in the order in which they came: JSON, or as `Accept` says JSON Lines or CSV.

    `Link: rel="next"` is there whenever something came: whoever follows asks from there.
    """
    await reads.action(conn, action_id)
    after = decode_cursor(cursor, tuple[datetime, int]) if cursor else (reads.BEGINNING, 0)
    rows = await reads.results(conn, action_id, found=found, after=after, limit=limit)
    place = encode_cursor((rows[-1].stored_at, rows[-1].id)) if rows else cursor
    headers = {**NEVER_CACHED, **next_link(request, place)}
    if wants_csv(request):
        cells = map(result_cells, rows)
        return csv_answer(HEADINGS, cells, name=f"action-{action_id}", headers=headers)
    if written is None and JSON_LINES in request.headers.get("accept", ""):
        return Response(json_lines(rows), media_type=JSON_LINES, headers=headers)
    return Response([shown_result(row) for row in rows], headers=headers)


@get("/api/v1/actions/{action_id:int}/export")
async def export_results(
    exports: Exports,
    action_id: Number,
    found: bool | None = None,
    written: ExportFormat = "jsonl",
) -> Stream:
    """Return every answer there is now, in one file.

    It is read as it is sent, and no connection of the database waits for a slow reader.
    """
    is_csv = written == "csv"
    pieces = await exports.begin(action_id, found=found, is_csv=is_csv)
    name = f'attachment; filename="action-{action_id}.{written}"'
    return Stream(
        pieces,
        media_type=CSV if is_csv else JSON_LINES,
        headers={**NEVER_CACHED, "Content-Disposition": name},
    )


@get("/api/v1/actions/{action_id:int}/answers")
async def list_answers(conn: Connection, action_id: Number, limit: Limit = 50) -> list[Alike]:
    """Return the answers grouped by what they say, the commonest first."""
    await reads.action(conn, action_id)
    return [shown_alike(row) for row in await reads.alike(conn, action_id, limit=limit)]


routes: list[Any] = [list_results, export_results, list_answers]
