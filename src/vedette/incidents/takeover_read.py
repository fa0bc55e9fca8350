"""Reading the database of a Status Dashboard, of every revision of both generations; nothing is written there.

Revisions differ by columns, so that rows are read as they are and columns looked for by name.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg.rows import dict_row

from vedette.db.pool import normalise_dsn, parameters
from vedette.db.trouble import explain, place
from vedette.errors import Invalid, Missing, Unavailable

SourceRow = Mapping[str, Any]

TABLES = (
    "component",
    "component_attribute",
    "incident",
    "incident_component_relation",
    "incident_status",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """All that a Status Dashboard holds, as it holds it; `name` says where, without a password."""

    name: str
    components: Sequence[SourceRow]
    attributes: Sequence[SourceRow]
    incidents: Sequence[SourceRow]
    relations: Sequence[SourceRow]
    updates: Sequence[SourceRow]


def read_source(dsn: str) -> Source:
    """Read everything, as of one moment; `sqlite:///file.sqlite` or `postgresql://…`.

    Raises Missing or Unavailable when it cannot be reached, Invalid when it is no Status Dashboard's.
    """
    scheme, _, rest = dsn.partition("://")
    if scheme.split("+")[0] == "sqlite":
        return _read_sqlite(Path(unquote(rest.removeprefix("/"))))
    return _read_postgres(f"{scheme.split('+')[0]}://{rest}")


def _source(name: str, rows: Sequence[Sequence[SourceRow]]) -> Source:
    components, attributes, incidents, relations, updates = rows
    return Source(
        name=name,
        components=components,
        attributes=attributes,
        incidents=incidents,
        relations=relations,
        updates=updates,
    )


def _read_sqlite(path: Path) -> Source:
    if not path.is_file():
        raise Missing(
            f"there is no file {path}", hint="as in sqlite:///relative or sqlite:////absolute"
        )
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as conn:
        conn.row_factory = sqlite3.Row
        try:
            conn.execute("BEGIN")
            rows = [
                [dict(row) for row in conn.execute(f"SELECT * FROM {table}")]  # noqa: S608 - ours
                for table in TABLES
            ]
        except sqlite3.DatabaseError as error:
            raise _no_dashboard(str(path), error) from None
    return _source(str(path.absolute()), rows)


def _read_postgres(dsn: str) -> Source:
    name = place(normalise_dsn(dsn))
    try:
        conn = psycopg.connect(**parameters(dsn), row_factory=dict_row)
    except psycopg.OperationalError as error:
        raise explain(error, dsn) from None
    with closing(conn):
        conn.read_only = True
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            rows = [
                conn.execute(f"SELECT * FROM {table}".encode()).fetchall()  # noqa: S608 - ours
                for table in TABLES
            ]
        except psycopg.OperationalError as error:
            raise Unavailable(f"{name} stopped answering: {str(error).splitlines()[0]}") from None
        except psycopg.Error as error:
            raise _no_dashboard(name, error) from None
    return _source(name, rows)


def _no_dashboard(name: str, error: Exception) -> Invalid:
    return Invalid(
        f"{name} is no Status Dashboard's database: {str(error).splitlines()[0]}",
        hint="it has the tables " + ", ".join(TABLES),
    )
