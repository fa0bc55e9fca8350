"""Making the database, its roles and their rights, embedded or on a server of yours.

What needs an administrator stands in `create_roles.sql` and `create_inside.sql`, of which
`deploy/createdb.sh` holds a generated copy, for psql alone; what the owner may do alone is in
`roles.sql`, applied after every upgrade.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from vedette.db.locks import lock_number
from vedette.db.pool import connect
from vedette.errors import Denied, VedetteError

OWNER, APP, GRAFANA, READER = "vedette_owner", "vedette_app", "vedette_grafana", "vedette_reader"
MIG = "vedette_mig"
LOGINS = (OWNER, APP, GRAFANA, MIG)

ROLES = (Path(__file__).parent / "create_roles.sql").read_text(encoding="utf-8")
"""What makes the roles, without passwords; safe to repeat."""

INSIDE = (Path(__file__).parent / "create_inside.sql").read_text(encoding="utf-8")
"""What an administrator does inside the new database; safe to repeat."""


def password_statement(role: str, word: str) -> sql.Composed:
    """Return what gives the role that password: plain, or a ready-made SCRAM verifier."""
    return sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(word))


def database_statement(database: str) -> sql.Composed:
    """Return what makes the database; it cannot run in a transaction."""
    return sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
        sql.Identifier(database), sql.Identifier(OWNER)
    )


async def make_database(
    dsn_of: Callable[..., str], database: str, passwords: Mapping[str, str]
) -> None:
    """Make the embedded server's roles and database, unless they are there; safe to repeat."""
    try:
        owner = await connect(dsn_of(OWNER, database))
    except VedetteError:
        pass
    else:
        async with owner:
            if await _has_all(owner):
                return
    admin = await connect(dsn_of("postgres", "postgres"))
    async with admin:
        await create(admin, dsn_of("postgres", database), database, passwords)


async def _has_all(conn: AsyncConnection[Any]) -> bool:
    """Whether every role is there; a database of an earlier release lacks the newest."""
    found = await conn.execute(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", ([*LOGINS, READER],)
    )
    return await found.fetchone() == (len(LOGINS) + 1,)


async def create(
    admin: AsyncConnection[Any], inside_dsn: str, database: str, passwords: Mapping[str, str]
) -> None:
    """Make roles, database and rights as an administrator; safe to repeat, even at once."""
    # Two sessions that alter one role or one right at once fail: "tuple concurrently updated".
    await admin.execute("SELECT pg_advisory_lock(%s)", (lock_number("vedette.db.create"),))
    await admin.execute(ROLES.encode())
    for role in LOGINS:
        if role in passwords:
            await admin.execute(password_statement(role, _verifier(admin, role, passwords[role])))
    found = await admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if await found.fetchone() is None:
        # Another command may be faster.
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            await admin.execute(database_statement(database))
    async with await connect(inside_dsn) as inside:
        await inside.execute(INSIDE.encode())
    await admin.execute("SELECT pg_advisory_unlock(%s)", (lock_number("vedette.db.create"),))


async def set_password(admin: AsyncConnection[Any], role: str, word: str) -> None:
    """Give the role that password; raise `Denied` when this connection may not."""
    try:
        await admin.execute(password_statement(role, _verifier(admin, role, word)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f"{admin.info.user} may not set the password of {role}",
            hint="use the URL of an administrator",
        ) from error


def _verifier(admin: AsyncConnection[Any], role: str, word: str) -> str:
    # Made here, so that the password is in no log of the server.
    return admin.pgconn.encrypt_password(word.encode(), role.encode(), b"scram-sha-256").decode()
