"""Bringing a database up to date: tables by Alembic, functions and rights by repeatable files.

Each revision is a transaction of its own, so an upgrade that was interrupted goes on where it
stopped; an advisory lock makes two servers that start at once take turns. The everyday case,
nothing to do, costs one connection and never imports Alembic.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from vedette.db import repeatable
from vedette.db.listen import NAME as LISTENER
from vedette.db.locks import lock_number
from vedette.db.migrations.history import HEAD, REVISIONS, after
from vedette.db.pool import normalise_dsn, parameters
from vedette.db.trouble import explain, place, refuse_old_server
from vedette.errors import Conflict, Denied, Missing

Progress = Callable[[str], None]

LOCK = lock_number("vedette upgrade")


@dataclass(frozen=True, slots=True)
class Check:
    """How a database stands to this code.

    revision: of its tables; None before the first upgrade.
    head: what this code needs.
    pending: revisions to come, oldest first.
    changed: repeatable files that differ from what was applied.
    """

    revision: str | None
    head: str
    pending: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether nothing is left to do."""
        return not self.pending and not self.changed


async def check(dsn: str) -> Check:
    """Return how the database stands; raise `Conflict` when it is newer than this code."""
    return await asyncio.to_thread(_check, dsn)


async def upgrade(dsn_owner: str, *, progress: Progress | None = None) -> Check:
    """Bring the database up to date and return how it stood before; safe to repeat.

    Raises `Conflict` when its schema is newer than this code.
    """
    return await asyncio.to_thread(_upgrade, dsn_owner, progress or _silent)


async def stamp(dsn_owner: str, revision: str) -> None:
    """Say that the tables are at that revision (or `head`) without running anything."""
    await asyncio.to_thread(_stamp, dsn_owner, revision)


async def reset(dsn_owner: str, *, progress: Progress | None = None) -> None:
    """Throw everything away and make it anew."""
    await asyncio.to_thread(_reset, dsn_owner, progress or _silent)


def _check(dsn: str) -> Check:
    with _connect(dsn) as conn:
        return _compare(conn, dsn)


def _upgrade(dsn: str, progress: Progress) -> Check:
    with _connect(dsn) as conn:
        before = _compare(conn, dsn)
        if before.is_current:
            return before
        _lock(conn, progress)
        found = _compare(conn, dsn)  # another may have done it while we waited
        if found.pending:
            from vedette.db.migrations.run import upgrade_tables

            upgrade_tables(dsn, progress)
        if not found.is_current:
            repeatable.apply(conn, found.changed, progress)
        return before


def _stamp(dsn: str, revision: str) -> None:
    wanted = HEAD if revision == "head" else revision
    if wanted not in REVISIONS:
        raise Missing(
            f"there is no revision {revision!r}", hint=f"known: {', '.join(REVISIONS)}, head"
        )
    with _connect(dsn) as conn:
        _lock(conn, _silent)
        with conn.transaction():
            _make_own_tables(conn)
            conn.execute("DELETE FROM vedette.alembic_version")
            conn.execute("INSERT INTO vedette.alembic_version VALUES (%s)", (wanted,))


def _reset(dsn: str, progress: Progress) -> None:
    with _connect(dsn) as conn:
        _lock(conn, progress)
        _refuse_while_served(conn, dsn)
        ours = conn.execute(
            "SELECT quote_ident(nspname) FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"
            " AND pg_has_role(nspowner, 'USAGE')"
        ).fetchall()
        with conn.transaction():
            for (schema,) in ours:
                conn.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    _upgrade(dsn, progress)


def _refuse_while_served(conn: Connection[Any], dsn: str) -> None:
    """Raise Conflict where servers use the database: their locks and ours meet, and what they keep would be gone."""
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        (LISTENER,),
    ).fetchone()
    if row != (0,):
        raise Conflict(
            f"a server of Vedette uses {place(dsn)}",
            hint="stop `vedette up` or `vedette serve` first",
        )


def _connect(dsn: str) -> Connection[tuple[Any, ...]]:
    try:
        conn = psycopg.connect(**parameters(dsn, name="vedette upgrade"), autocommit=True)
    except psycopg.OperationalError as error:
        raise explain(error, normalise_dsn(dsn)) from error
    refuse_old_server(conn.info.server_version, dsn)
    return conn


def _lock(conn: Connection[Any], progress: Progress) -> None:
    """Take the lock for as long as the connection lives."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    if row != (True,):
        progress("another upgrade is running; waiting for it")
        conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    _make_own_tables(conn)


def _make_own_tables(conn: Connection[Any]) -> None:
    conn.execute("SET client_min_messages = warning")
    try:
        conn.execute("CREATE SCHEMA IF NOT EXISTS vedette")
        conn.execute(
            "CREATE TABLE IF NOT EXISTS vedette.alembic_version"
            " (version_num text CONSTRAINT alembic_version_pkc PRIMARY KEY)"
        )
        repeatable.make_table(conn)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f"{conn.info.user} may not make tables in {conn.info.dbname}",
            hint="use the DSN of vedette_owner; `vedette db create` makes it",
        ) from error


def _compare(conn: Connection[Any], dsn: str) -> Check:
    revision = _revision(conn)
    if revision is not None and revision not in REVISIONS:
        raise Conflict(
            f"the schema of {place(dsn)} is at revision {revision}, newer than this vedette "
            f"({HEAD})",
            hint="upgrade vedette, or restore a backup made with this version",
        )
    return Check(
        revision=revision,
        head=HEAD,
        pending=after(revision),
        changed=repeatable.changed(conn),
    )


def _revision(conn: Connection[Any]) -> str | None:
    found = conn.execute("SELECT to_regclass('vedette.alembic_version') IS NOT NULL").fetchone()
    if found != (True,):
        return None
    row = conn.execute("SELECT version_num FROM vedette.alembic_version").fetchone()
    return None if row is None else str(row[0])


def _silent(_: str) -> None:
    return None
