"""A page of rows as an answer: what is shown of each, a link to the page after it; JSON or CSV."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from litestar import Request, Response

from vedette.rest.csv import csv_answer, wants_csv
from vedette.rest.paging import encode_cursor, next_link

Row = TypeVar("Row")
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Row, Shown]):
    """How a list is shown: `place` is where a row stands in it; `cells` are those of a table, else as its columns."""

    name: str
    columns: Sequence[str]
    place: Callable[[Row], Any]
    shown: Callable[[Row], Shown]
    cells: Callable[[Shown], Sequence[object]] | None = None

    def answer(
        self,
        request: Request[Any, Any, Any],
        rows: Sequence[Row],
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
    ) -> Response[Any]:
        """Return a page of `limit` rows, of which one more was asked for; raises Invalid for a format we lack."""
        as_csv = wants_csv(request)
        more = encode_cursor(self.place(rows[limit - 1])) if len(rows) > limit else None
        told = {**next_link(request, more), **(headers or {})}
        shown = [self.shown(row) for row in rows[:limit]]
        if not as_csv:
            return Response(shown, headers=told)
        cells = self.cells or attrgetter(*self.columns)
        return csv_answer(self.columns, map(cells, shown), name=self.name, headers=told)
