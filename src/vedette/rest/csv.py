"""Lists as CSV, for spreadsheets: what a program would run as a formula stays text.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe before it, unless it is a number
that we wrote ourselves. `?format=csv` asks for it, or `Accept: text/csv`.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Request, Response

from vedette.errors import Invalid

MEDIA_TYPE = "text/csv"
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that spreadsheets do not take for text."""


def wants_csv(request: Request[Any, Any, Any]) -> bool:
    """Say whether CSV is asked for; raises Invalid for a format that we do not write."""
    named = request.query_params.get("format")
    if named not in (None, "csv", "json"):
        raise Invalid(f"there is no format {named[:40]!a}", hint="csv or json")
    if named is not None:
        return bool(named == "csv")
    accepted = request.headers.get("accept", "").lower().split(",")
    return accepted[0].partition(";")[0].strip() == MEDIA_TYPE


def cell(value: object) -> str:
    """Return the text of a cell: "" for nothing, lists parted by blanks, nothing that is run.

    >>> cell("=1+1"), cell(-1.5), cell(None), cell(["a", "b"]), cell(True)
    ("'=1+1", '-1.5', '', 'a b', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the table as RFC 4180 has it, with its headings."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(headings)
    writer.writerows([cell(value) for value in row] for row in rows)
    return written.getvalue()


def csv_answer(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    name: str,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Return the table as an answer that browsers keep as `NAME.csv`."""
    return Response(
        csv_text(headings, rows).encode(),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', **(headers or {})},
    )
