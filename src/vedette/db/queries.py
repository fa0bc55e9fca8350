"""Named queries kept in `.sql` files beside the module that asks them.

aiosql reads the files (`-- name: targets_of` begins a query); psycopg runs them. Parameters are
psycopg's `%(name)s`, so a literal per cent sign is written `%%`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from aiosql.query_loader import QueryLoader
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import class_row, tuple_row

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = AsyncConnection[Any]


def load(module_file: str, sql_file: str) -> "Queries":
    """Return the queries of `sql_file`, which stands next to the module (`__file__`) that asks."""
    path = Path(module_file).with_name(sql_file)
    texts: dict[str, str] = {}
    loader = QueryLoader(cast("Any", _AsWritten()), None, mandatory_parameters=False)
    for query in loader.load_query_data_from_file(path, encoding="utf-8"):
        if query.query_name in texts:
            raise ValueError(f"{path} names two queries {query.query_name}")
        texts[query.query_name] = query.sql
    return Queries(path, texts)


class Queries(Mapping[str, str]):
    """The named queries of one file; `Q["name"]` is the SQL, the methods run it."""

    def __init__(self, path: Path, texts: dict[str, str]) -> None:
        self._path = path
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise KeyError(f"{self._path} has no query named {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    async def one(
        self, conn: Connection, query: str, /, *, row: None = None, **params: object
    ) -> Row | None: ...
    @overload
    async def one(
        self, conn: Connection, query: str, /, *, row: type[T], **params: object
    ) -> T | None: ...
    async def one(
        self, conn: Connection, query: str, /, *, row: type[T] | None = None, **params: object
    ) -> T | Row | None:
        """Return the first row, as a `row` (columns by name) or a tuple; None if there is none."""
        async with self._cursor(conn, row) as cursor:
            await cursor.execute(self[query].encode(), params)
            return await cursor.fetchone()

    @overload
    async def all(
        self, conn: Connection, query: str, /, *, row: None = None, **params: object
    ) -> list[Row]: ...
    @overload
    async def all(
        self, conn: Connection, query: str, /, *, row: type[T], **params: object
    ) -> list[T]: ...
    async def all(
        self, conn: Connection, query: str, /, *, row: type[T] | None = None, **params: object
    ) -> list[T] | list[Row]:
        """Return every row, as a `row` (a dataclass; columns by name) or a tuple."""
        async with self._cursor(conn, row) as cursor:
            await cursor.execute(self[query].encode(), params)
            return await cursor.fetchall()

    async def value(self, conn: Connection, query: str, /, **params: object) -> Any:  # noqa: ANN401
        """Return the first column of the first row; None if there is no row."""
        found = await self.one(conn, query, row=None, **params)
        return found[0] if found else None

    async def run(self, conn: Connection, query: str, /, **params: object) -> int:
        """Run the query and return how many rows it touched."""
        async with self._cursor(conn, None) as cursor:
            await cursor.execute(self[query].encode(), params)
            return cursor.rowcount

    def _cursor(self, conn: Connection, row: type[Any] | None) -> AsyncCursor[Any]:
        return conn.cursor(row_factory=tuple_row if row is None else class_row(row))


class _AsWritten:
    """aiosql's driver, reduced to the one thing we want of it: leave the SQL alone."""

    def process_sql(self, query_name: str, op_type: object, sql: str) -> str:
        return sql
