"""Making the database, its roles and their rights, embedded or on a server of yours.

What needs an administrator is here and in `deploy/createdb.sh`, which does the same with psql
alone; what the owner may do alone is in `roles.sql`, applied after every upgrade.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from vedette.db.locks import lock_number
from vedette.db.pool import connect
from vedette.errors import Denied, VedetteError

OWNER, APP, GRAFANA, READER = "vedette_owner", "vedette_app", "vedette_grafana", "vedette_reader"
LOGINS = (OWNER, APP, GRAFANA)
NOT_FOR_EVERYBODY = """\
-- Taking our locks and filling large objects would be ways to harm; a managed server may not let us.
DO $$
DECLARE
    harmful regprocedure;
BEGIN
    FOR harmful IN
        SELECT oid
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND proname ~ '^(pg_(try_)?advisory_|lo_|lowrite)'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', harmful);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {owner}, {app}', harmful);
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$"""

Statement = sql.SQL | sql.Composed

STATEMENT_TIMEOUT = "30s"
"""How long one query of a dashboard may take."""


def role_statements(passwords: Mapping[str, str]) -> Iterator[Statement]:
    """Yield what makes the roles; repeating changes nothing but the passwords given.

    passwords: role → password, plain or a ready-made SCRAM verifier; a role left out keeps its own.
    """
    for role in (*LOGINS, READER):
        attributes = "LOGIN" if role in LOGINS else "NOLOGIN"
        yield sql.SQL(
            "DO $$ BEGIN CREATE ROLE {} {};"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ).format(sql.Identifier(role), sql.SQL(attributes))
    for role, word in passwords.items():
        yield sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(word))
    # A managed server's administrator is no superuser: it must belong to whom it makes owner.
    yield sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER))
    # The owner hands the functions of `grafana` to the reader, so it must belong to it.
    yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(READER), sql.Identifier(OWNER))
    for setting, value in (
        ("default_transaction_read_only", "on"),
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("search_path", "grafana"),
        ("timezone", "UTC"),
    ):
        yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
            sql.Identifier(GRAFANA), sql.Identifier(setting), sql.Literal(value)
        )


def database_statement(database: str) -> sql.Composed:
    """Return what makes the database; it cannot run in a transaction."""
    return sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
        sql.Identifier(database), sql.Identifier(OWNER)
    )


def inside_statements(database: str) -> Iterator[Statement]:
    """Yield what an administrator does inside the new database."""
    name = sql.Identifier(database)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(
        name, sql.Identifier(APP), sql.Identifier(GRAFANA)
    )
    # Anonymous code blocks are a way to run what the schema `grafana` does not offer.
    yield sql.SQL("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    yield sql.SQL("GRANT USAGE ON LANGUAGE plpgsql TO {}").format(sql.Identifier(OWNER))
    yield sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    yield sql.SQL(NOT_FOR_EVERYBODY).format(owner=sql.Identifier(OWNER), app=sql.Identifier(APP))


async def make_database(
    dsn_of: Callable[..., str], database: str, passwords: Mapping[str, str]
) -> None:
    """Make the embedded server's roles and database, unless they are there; safe to repeat."""
    try:
        owner = await connect(dsn_of(OWNER, database))
    except VedetteError:
        pass
    else:
        await owner.close()
        return
    admin = await connect(dsn_of("postgres", "postgres"))
    async with admin:
        await create(admin, dsn_of("postgres", database), database, passwords)


async def create(
    admin: AsyncConnection[Any], inside_dsn: str, database: str, passwords: Mapping[str, str]
) -> None:
    """Make roles, database and rights as an administrator; safe to repeat, even at once."""
    # Two sessions that alter one role or one right at once fail: "tuple concurrently updated".
    await admin.execute("SELECT pg_advisory_lock(%s)", (lock_number("vedette.db.create"),))
    verifiers = {r: _verifier(admin, r, w) for r, w in passwords.items() if r in LOGINS}
    for statement in role_statements(verifiers):
        await admin.execute(statement)
    found = await admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if await found.fetchone() is None:
        # Another command may be faster.
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            await admin.execute(database_statement(database))
    async with await connect(inside_dsn) as inside:
        for statement in inside_statements(database):
            await inside.execute(statement)
    await admin.execute("SELECT pg_advisory_unlock(%s)", (lock_number("vedette.db.create"),))


async def set_password(admin: AsyncConnection[Any], role: str, word: str) -> None:
    """Give the role that password; raise `Denied` when this connection may not."""
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(_verifier(admin, role, word))
    )
    try:
        await admin.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f"{admin.info.user} may not set the password of {role}",
            hint="use the URL of an administrator",
        ) from error


def _verifier(admin: AsyncConnection[Any], role: str, word: str) -> str:
    # Made here, so that the password is in no log of the server.
    return admin.pgconn.encrypt_password(word.encode(), role.encode(), b"scram-sha-256").decode()
