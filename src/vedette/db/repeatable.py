"""SQL that may be run again and again: functions, views, rights. Applied when its text changes.

Every room's `functions.sql` (and `functions_….sql`, where one file would be long) in the order of
their names, then `db/roles.sql`, which is run after any change, because new tables and functions
need their rights.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from psycopg import Connection

PACKAGE = Path(__file__).parents[1]
ROLES = "db/roles.sql"


def files() -> dict[str, bytes]:
    """Return name → text of every repeatable file, in the order of application."""
    found = sorted(PACKAGE.glob("*/functions*.sql"))
    paths = [*found, PACKAGE / ROLES]
    return {path.relative_to(PACKAGE).as_posix(): path.read_bytes() for path in paths}


def make_table(conn: Connection[Any]) -> None:
    """Make the table that remembers what was applied, unless it is there."""
    conn.execute(
        "CREATE TABLE IF NOT EXISTS vedette.repeatable ("
        " name text PRIMARY KEY,"
        " digest bytea NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )


def changed(conn: Connection[Any]) -> tuple[str, ...]:
    """Return the names of the files that differ from what was applied."""
    known: dict[str, bytes] = {}
    if conn.execute("SELECT to_regclass('vedette.repeatable') IS NOT NULL").fetchone() == (True,):
        known = dict(conn.execute("SELECT name, digest FROM vedette.repeatable").fetchall())
    return tuple(name for name, text in files().items() if known.get(name) != _digest(text))


def apply(conn: Connection[Any], names: Iterable[str], progress: Callable[[str], None]) -> None:
    """Run those files, then the rights, in one transaction."""
    chosen = {*names, ROLES}
    with conn.transaction():
        conn.execute("SET LOCAL client_min_messages = warning")
        conn.execute("SET LOCAL check_function_bodies = off")  # files may lean on one another
        for name, text in files().items():
            if name not in chosen:
                continue
            conn.execute(text)
            conn.execute(
                "INSERT INTO vedette.repeatable (name, digest) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, applied_at = now()",
                (name, _digest(text)),
            )
            progress(name)


def _digest(text: bytes) -> bytes:
    return sha256(text).digest()
