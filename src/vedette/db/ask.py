"""Running SQL that a person typed, as the role they chose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from vedette.db.pool import connect
from vedette.errors import Denied, Invalid, Unavailable, VedetteError


@dataclass(frozen=True, slots=True)
class Result:
    """What the last statement gave.

    columns: names; empty for a statement that returns no rows.
    rows: values as Python has them.
    texts: the same as PostgreSQL writes them; None is NULL.
    status: PostgreSQL's own word, such as `INSERT 0 1`.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    texts: Sequence[tuple[str | None, ...]]
    status: str


async def ask(dsn: str, statements: str) -> Result:
    """Run the statements (`SQL; SQL`) in one implicit transaction and return the last one's result.

    Raises `Denied` for what the role may not do, `Unavailable` when it takes too long, else
    `Invalid`.
    """
    async with await connect(dsn, name="vedette db sql") as conn:
        cursor = conn.cursor()
        try:
            # Without parameters psycopg sends the text as it is, several statements at once.
            await cursor.execute(statements.encode())
            while cursor.nextset():
                continue
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise _refusal(error) from error
        columns = tuple(column.name for column in cursor.description or ())
        return Result(columns, rows, _texts(cursor), cursor.statusmessage or "")


def _texts(cursor: psycopg.AsyncCursor[Any]) -> list[tuple[str | None, ...]]:
    got = cursor.pgresult
    if got is None:
        return []
    return [
        tuple(_text(got.get_value(row, column)) for column in range(got.nfields))
        for row in range(got.ntuples)
    ]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _refusal(error: psycopg.Error) -> VedetteError:
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    match error:
        case psycopg.errors.InsufficientPrivilege() | psycopg.errors.ReadOnlySqlTransaction():
            return Denied(said, hint="choose another role with --role")
        case psycopg.errors.QueryCanceled():
            return Unavailable(said)
        case psycopg.OperationalError() if error.sqlstate is None:
            return Unavailable(f"the connection broke: {said}")
    return Invalid(said, hint=error.diag.message_hint)
