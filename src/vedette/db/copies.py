"""Rows to a table by one binary COPY, and the values for which the driver takes longer than the database."""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from psycopg.types.string import BytesBinaryDumper

from vedette.db.queries import Connection

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL's times begin."""
_MICROSECOND = timedelta(microseconds=1)
_TEXT_OID = 25
_HEAD = struct.Struct(">iiiii")
"""Of an array: dimensions, whether one may be NULL, whose values, how many, and the first one's place."""
_ONE = _HEAD.pack(1, 0, _TEXT_OID, 1, 1)
_EMPTY = struct.pack(">iii", 0, 0, _TEXT_OID)


async def copy_rows(
    conn: Connection, copy_sql: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Send these rows; a column of type `bytea` may hold another type's binary form, as the functions here make it."""
    async with conn.cursor() as cursor:
        # By its type alone the driver would take a dumper in Python for bytes, which costs as much as the rest of a row.
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        async with cursor.copy(copy_sql.encode()) as copy:
            copy.set_types(types)
            # `copy.write_row` in a loop is the same, with two calls more a row.
            format_row, send = copy.formatter.write_row, copy.writer.write
            for row in rows:
                if block := format_row(row):
                    await send(block)


def time_bytes(at: datetime) -> bytes:
    """Return a timestamp with time zone as PostgreSQL sends it."""
    return struct.pack(">q", (at - EPOCH) // _MICROSECOND)


def array_bytes(texts: Sequence[str]) -> bytes:
    """Return an array of texts as PostgreSQL sends it."""
    if not texts:
        return _EMPTY
    parts = [_ONE if len(texts) == 1 else _HEAD.pack(1, 0, _TEXT_OID, len(texts), 1)]
    for text in texts:
        packed = text.encode()
        parts += (len(packed).to_bytes(4), packed)
    return b"".join(parts)
