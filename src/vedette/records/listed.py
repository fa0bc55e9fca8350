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
        shown, link = self.page(request, rows, limit=limit)
        told = {**link, **(headers or {})}
        return self.table(shown, told) if as_csv else Response(shown, headers=told)

    def page(
        self, request: Request[Any, Any, Any], rows: Sequence[Row], *, limit: int
    ) -> tuple[list[Shown], dict[str, str]]:
        """Return what is shown of a page of `limit` rows, of which one more was asked for, and the link to the next."""
        more = encode_cursor(self.place(rows[limit - 1])) if len(rows) > limit else None
        return [self.shown(row) for row in rows[:limit]], next_link(request, more)

    def table(self, shown: Sequence[Shown], headers: Mapping[str, str]) -> Response[Any]:
        """Return what is shown as CSV."""
        cells = self.cells or attrgetter(*self.columns)
        return csv_answer(self.columns, map(cells, shown), name=self.name, headers=dict(headers))
