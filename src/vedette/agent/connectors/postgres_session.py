"""One kept connection to PostgreSQL, asked in single round trips and let go of at once."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Error

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.postgres_faults import fault_by_state, fault_of_connect
from vedette.agent.connectors.postgres_sql import SIZES, look_sql
from vedette.agent.connectors.wire import addresses_of
from vedette.errors import Invalid

T = TypeVar("T")
Row = Mapping[str, Any]

_NO_FILE = "/dev/null/none"
"""A path that cannot be; libpq warns on stderr of /dev/null itself."""


class Session:
    """A connection that only reads; `ask` opens it when it is not open."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Raise Invalid for a host that libpq would take for several, of which `reach` knows one."""
        if "," in settings["host"]:
            raise Invalid("host names one server", hint="give each a target of its own")
        self._settings = settings
        self._connection: AsyncConnection[Any] | None = None
        self._sql = ""

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept."""
        return self._connection is not None

    async def open(self, look: Look) -> None:
        """Connect, to an address that `look.reach` named."""
        host, port = self._settings["host"], self._settings["port"]
        addresses = await addresses_of(look, host, port)
        password = look.settings.get("password") or self._settings["password"]
        is_local = host.startswith("/")
        try:
            connection = await AsyncConnection.connect(
                host=",".join(addresses if is_local else [host for _ in addresses]),
                hostaddr=None if is_local else ",".join(addresses),
                port=port,
                user=self._settings["user"],
                password=password or "",  # not that of libpq's variable
                dbname=self._settings["database"],
                application_name="vedette",
                autocommit=True,
                prepare_threshold=None,  # a pooler in between may give each look another backend
                passfile=_NO_FILE,  # the host's own passwords are not for pushed targets
                **_tls(self._settings),
            )
        except Error as error:
            user = self._settings["user"]
            raise await fault_of_connect(error, look, host, port, user) from None
        self._connection = connection
        version = connection.info.server_version // 10_000
        if version < 10:
            raise Fault("protocol", f"PostgreSQL {version} is older than we know")
        self._sql = look_sql(version)

    async def ask(self, look: Look, *, sizes: bool) -> tuple[Row, Row | None]:
        """Return the numbers of a look, and those asked seldom, in one round trip.

        A server that does not answer is left at once: psycopg would first wait for it to confirm
        the cancellation, 5 s.
        """
        connection = self._connection
        assert connection is not None
        patience_ms = max(int(look.timeout_s * 800), 50)
        statements = [
            "BEGIN READ ONLY",
            f"SET LOCAL statement_timeout = {patience_ms}",
            f"SET LOCAL lock_timeout = {patience_ms}",
            "SET LOCAL DateStyle = 'ISO'",
            self._sql,
            *([SIZES] if sizes else []),
            "COMMIT",
        ]
        try:
            cursor = await _or_drop(connection, connection.execute(";".join(statements).encode()))
        except Error as error:
            if error.sqlstate is None:
                raise ConnectionResetError("the server closed the connection") from None
            raise fault_by_state(error.sqlstate, told(error.diag.message_primary, look)) from None
        rows = await _rows(cursor)
        return rows[0], rows[1] if sizes else None

    async def rows(self, look: Look, sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of one statement, in a read-only transaction within the look's time."""
        connection = self._connection
        assert connection is not None
        patience_ms = max(int(look.timeout_s * 800), 50)
        begin = (
            f"BEGIN READ ONLY; SET LOCAL statement_timeout = {patience_ms};"
            f"SET LOCAL lock_timeout = {patience_ms}"
        )
        try:
            await _or_drop(connection, connection.execute(begin.encode()))
            cursor = await _or_drop(connection, connection.execute(sql.encode(), params))
            found: list[tuple[Any, ...]] = await cursor.fetchall()
            await _or_drop(connection, connection.execute("ROLLBACK"))
        except Error as error:
            if error.sqlstate is None:
                raise ConnectionResetError("the server closed the connection") from None
            await _or_drop(connection, connection.execute("ROLLBACK"))
            raise fault_by_state(error.sqlstate, told(error.diag.message_primary, look)) from None
        return found

    def drop(self) -> None:
        """Let go of the connection without a word; never waits."""
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = None


async def _or_drop(connection: AsyncConnection[Any], asking: Awaitable[T]) -> T:
    task = asyncio.ensure_future(asking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        connection.pgconn.finish()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _rows(cursor: AsyncCursor[Any]) -> list[Row]:
    found: list[Row] = []
    while True:
        if cursor.description:
            names = [column.name for column in cursor.description]
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
            found += [dict(zip(names, row, strict=True)) for row in rows]
        if not cursor.nextset():
            return found


def _tls(settings: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        "sslmode": settings["sslmode"],
        "sslrootcert": settings["ca_file"],
        "sslcert": settings["client_cert"] or _NO_FILE,
        "sslkey": settings["client_key"],
    }
    return {key: value for key, value in given.items() if value is not None}
