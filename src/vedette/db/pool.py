"""Connections to PostgreSQL: one spelling of a DSN, one pool, one sentence for each way to fail."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg_pool import AsyncConnectionPool

from vedette.db.silence import answered_within
from vedette.db.trouble import explain
from vedette.errors import Invalid

CONNECT_TIMEOUT_S = 10
RECONNECT_S = 5
"""How long the pool tries for a connection before it waits for the next who wants one. It doubles the
pause between its tries, so with the library's 300 s a PostgreSQL that was away for an hour would be
found again minutes after it is back; our loops want a connection every second."""
CHECKED_WITHIN_S = 2.0
"""A connection that does not answer by then is not lent, and let go of."""
SCHEMES = ("postgres", "postgresql")

KEEPALIVE: Mapping[str, int] = {
    # A peer that vanished without a word is noticed within 4 + 3 × 2 s, not after two hours.
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    # While something is under way to the peer, no keepalive is sent: TCP alone would try for a quarter of an hour.
    "tcp_user_timeout": 10_000,
}


def normalise_dsn(url: str) -> str:
    """Return the DSN as libpq takes it; raise `Invalid`, never showing the password.

    `postgres://`, `postgresql://` and SQLAlchemy's `postgresql+driver://` are the same; libpq's own
    `host=… dbname=…` is taken as it is. Repeating changes nothing.
    """
    text = url.strip()
    scheme, separator, rest = text.partition("://")
    if separator and "=" not in scheme:
        family = scheme.partition("+")[0].lower()
        if family not in SCHEMES:
            raise Invalid(
                f"a database URL cannot start with {scheme}://",
                hint="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            )
        text = f"postgresql://{rest}"
    try:
        parts = conninfo.conninfo_to_dict(text)
        # libpq looks at the port only when it connects, and then blames something else.
        for port in str(parts.get("port") or 1).split(","):
            int(port or 1)
    except (psycopg.Error, ValueError):
        raise Invalid(
            "the database URL cannot be read",
            hint="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE; "
            "special characters of the password as %XX",
        ) from None
    if not text:
        raise Invalid(
            "the database URL is empty", hint="set VEDETTE_DATABASE_URL or leave it unset"
        )
    return text


def as_role(dsn: str, role: str, password: str | None = None) -> str:
    """Return the DSN that logs in as another role, with that role's password or none."""
    parts = {k: v for k, v in conninfo.conninfo_to_dict(normalise_dsn(dsn)).items() if v}
    if parts.get("user") == role and password is None:
        return normalise_dsn(dsn)
    parts.pop("password", None)
    return as_url(parts | {"user": role} | ({"password": password} if password else {}))


def as_url(parts: Mapping[str, Any]) -> str:
    """Return libpq's parameters as a URL."""
    rest = {key: str(value) for key, value in parts.items()}
    login = quote(rest.pop("user", ""), safe="")
    if "password" in rest:
        login += f":{quote(rest.pop('password'), safe='')}"
    host, port = rest.pop("host", ""), rest.pop("port", "")
    if "/" in host or "," in host or "," in port:
        rest |= {"host": host} | ({"port": port} if port else {})
        host = port = ""
    elif ":" in host:
        host = f"[{host}]"
    where = f"{host}:{port}" if port else host
    query = "&".join(
        f"{key}={quote(value, safe='')}" for key, value in rest.items() if key != "dbname"
    )
    name = quote(rest.get("dbname", ""), safe="")
    return f"postgresql://{login}@{where}/{name}" + (f"?{query}" if query else "")


def parameters(dsn: str, *, name: str = "vedette") -> dict[str, Any]:
    """Return libpq's connection parameters for that DSN with the manners of the house.

    Times come back in UTC, a dead peer is noticed, the server's `pg_stat_activity` shows `name`.
    What the DSN itself says wins.
    """
    own = conninfo.conninfo_to_dict(normalise_dsn(dsn))
    options = f"{own.pop('options', '') or ''} -c timezone=UTC".strip()
    defaults = {"application_name": name, "connect_timeout": CONNECT_TIMEOUT_S, **KEEPALIVE}
    return {**defaults, **own, "options": options}


async def connect(dsn: str, *, name: str = "vedette") -> AsyncConnection[tuple[Any, ...]]:
    """Open one connection in autocommit; raise one clear error when that fails."""
    try:
        conn = await AsyncConnection.connect(**parameters(dsn, name=name), autocommit=True)
    except psycopg.OperationalError as error:
        raise explain(error, normalise_dsn(dsn)) from error
    except asyncio.CancelledError as error:
        # Its traceback would hold the half-open connection for as long as anybody holds the error,
        # and PostgreSQL waits a minute for who is still logging in, DROP DATABASE with it.
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    return conn


async def open_pool(
    dsn: str, *, min_size: int = 1, max_size: int = 8, name: str = "vedette"
) -> AsyncConnectionPool:
    """Open a pool of autocommit connections; verbs open `async with conn.transaction()` themselves.

    Raises at once when the database cannot be reached; later failures are retried by the pool. Each
    connection is tried before it is lent (one round trip), so that a restart of PostgreSQL costs no
    request an error, and a network that falls silent no request more than its patience.
    """
    first = await connect(dsn, name=name)
    await first.close()
    pool = AsyncConnectionPool(
        kwargs={**parameters(dsn, name=name), "autocommit": True},
        min_size=min_size,
        max_size=max_size,
        name=name,
        open=False,
        configure=_configure,
        check=_check,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
    )
    await pool.open()
    return pool


async def _configure(conn: AsyncConnection[Any]) -> None:
    """Let PostgreSQL end what nobody waits for any more: it would run on, and pages that are loaded again pile it up."""
    # A PostgreSQL on Windows has it not. Not among the options of the connection: what stands between may refuse it.
    with answered_within(conn, CHECKED_WITHIN_S), suppress(psycopg.DataError):
        await conn.execute("SET client_connection_check_interval = '1s'")


async def _check(conn: AsyncConnection[Any]) -> None:
    with answered_within(conn, CHECKED_WITHIN_S):
        await AsyncConnectionPool.check_connection(conn)
