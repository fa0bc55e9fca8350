"""Rows go to a table by one COPY, with values in the form in which PostgreSQL sends them itself."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from psycopg import AsyncConnection

from vedette.db.copies import array_bytes, copy_rows, time_bytes

Conn = AsyncConnection[Any]
TYPES = ("int4", "bytea", "bytea", "text")


async def test_what_is_copied_is_what_was_given(conn: Conn) -> None:
    moments = [
        datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ]
    texts = [["https://example.org/ä"], ["CWE-79", "", "NULL", '{"a",b}']]
    await conn.execute(
        "CREATE TEMPORARY TABLE kept (n int, texts text[], at timestamptz, note text)"
    )
    rows: list[tuple[object, ...]] = [
        (n, array_bytes(each), time_bytes(at), "x")
        for n, (each, at) in enumerate(zip(texts, moments, strict=True))
    ]
    rows += [(2, array_bytes(()), time_bytes(moments[0]), None)]
    await copy_rows(conn, "COPY kept FROM STDIN (FORMAT binary)", TYPES, rows)
    found = await (await conn.execute("SELECT texts, at, note FROM kept ORDER BY n")).fetchall()
    assert found == [
        (texts[0], moments[0], "x"),
        (texts[1], moments[1], "x"),
        ([], moments[0], None),
    ]


async def test_no_rows_are_no_harm(conn: Conn) -> None:
    await conn.execute("CREATE TEMPORARY TABLE kept (n int)")
    await copy_rows(conn, "COPY kept FROM STDIN (FORMAT binary)", ("int4",), [])
    assert await (await conn.execute("SELECT count(*) FROM kept")).fetchone() == (0,)
