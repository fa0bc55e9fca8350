"""What libpq says when it cannot connect, in one sentence with the way out."""

import psycopg
from psycopg import conninfo
from psycopg_pool import PoolClosed, PoolTimeout

from vedette.errors import Denied, Missing, Unavailable, VedetteError

DATABASE_IS_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed)
"""What a query raises when PostgreSQL does not answer: nobody's bug, and worth another try."""

OLDEST = 150000
"""The oldest server we accept, as `server_version_num`."""


def place(dsn: str) -> str:
    """Return where that DSN leads, fit to be shown: no password."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        return "the database"
    host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
    where = host if host.startswith("/") else f"{host}:{parts.get('port') or 5432}"
    return f"{parts.get('dbname') or parts.get('user') or ''}@{where}".lstrip("@")


def explain(error: psycopg.Error, dsn: str) -> VedetteError:
    """Return the error to show for a connection that failed.

    libpq gives no SQLSTATE for a failed connection, only the server's English sentence.
    """
    said = str(error)
    where = place(dsn)
    user = conninfo.conninfo_to_dict(dsn).get("user") or "the current user"
    if "password" in said and ("authentication failed" in said or "no password" in said):
        return Denied(
            f"PostgreSQL at {where} refused the password of {user}",
            hint="check VEDETTE_DATABASE_URL; special characters are written %XX",
        )
    if "pg_hba.conf" in said or "authentication failed" in said:
        return Denied(
            f"PostgreSQL at {where} does not let {user} in from here",
            hint="add a line to its pg_hba.conf",
        )
    if 'database "' in said and "does not exist" in said:
        return Missing(f"there is no database {where}", hint="make it with `vedette db create`")
    if 'role "' in said and "does not exist" in said:
        return Missing(
            f"PostgreSQL at {where} has no role {user}", hint="make it with `vedette db create`"
        )
    last = said.strip().splitlines()[-1].strip() if said.strip() else type(error).__name__
    return Unavailable(
        f"PostgreSQL at {where} does not answer: {last}",
        hint="is it running, and is VEDETTE_DATABASE_URL right?",
    )


def refuse_old_server(version: int, dsn: str) -> None:
    """Raise `Unavailable` when the server is older than PostgreSQL 15."""
    if version < OLDEST:
        raise Unavailable(
            f"PostgreSQL at {place(dsn)} is version {version // 10000}; Vedette needs 15 or newer",
            hint="upgrade it, or leave VEDETTE_DATABASE_URL unset and use the embedded one",
        )
