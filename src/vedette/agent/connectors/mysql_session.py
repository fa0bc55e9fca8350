"""One kept connection to MySQL or MariaDB, asked in a thread that ends with the look.

PyMySQL blocks, so it speaks over a socket of ours: shut down, it wakes the thread at once.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import pymysql  # type: ignore[import-untyped]  # PyMySQL ships no types
from pymysql import err
from pymysql.connections import Connection  # type: ignore[import-untyped]  # PyMySQL ships no types
from pymysql.cursors import Cursor, DictCursor  # type: ignore[import-untyped]  # PyMySQL ships no types

from vedette.actions.model import Cell, Value
from vedette.agent.connector import Look
from vedette.agent.connectors import mysql_commands
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.mysql_status import STATUS_NAMES, VARIABLE_NAMES
from vedette.agent.connectors.tls_contexts import context_for
from vedette.agent.connectors.wire import addresses_of, open_socket
from vedette.health.model import State

T = TypeVar("T")
Row = Mapping[str, str | None]

_SYNTAX = {1064, 1235, 1295}
_DENIED = {1142, 1143, 1227}
_GONE = {2006, 2013, 2055}
_UNKNOWN_VARIABLE = 1193
_ERRORS: dict[int, tuple[str, State]] = {
    **dict.fromkeys((1040, 1203, 1226), ("full", State.DEGRADED)),
    **dict.fromkeys(
        (1044, 1045, 1049, 1698, 1130, 1129, 1524, 1862, 3118), ("auth", State.UNKNOWN)
    ),
    **dict.fromkeys((*_DENIED, 1251, 2059, 2061), ("auth", State.UNKNOWN)),
    **dict.fromkeys((1021, 1030, 1114), ("storage", State.DOWN)),
    1053: ("stopping", State.DRAINING),
    1047: ("quorum_lost", State.DOWN),
    2026: ("tls", State.DOWN),
    **dict.fromkeys((1205, 1317, 1969, 3024), ("slow", State.DEGRADED)),
}
"""Error number → error class and state; others are `unhealthy`, down."""

_BABBLE = (struct.error, LookupError, ValueError, AssertionError, err.InternalError, RuntimeError)
"""What PyMySQL raises of bytes that are not MySQL's."""

_OLD_REPLICA = ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
_MARIADB_REPLICA = ("SHOW ALL SLAVES STATUS", "SHOW SLAVE STATUS")
"""MySQL renamed it in 8.0.22 and dropped the old name in 8.4; MariaDB lists all sources."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look asked for.

    channels: a row for each source this server replicates from; None when we may not see them.
    """

    status: Row
    variables: Row
    channels: list[Row] | None
    ping_s: float


class Session:
    """A connection that only shows; `open` before `ask`, `drop` when it raised."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._leash: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept."""
        return self._connection is not None

    async def open(self, look: Look) -> None:
        """Connect, to an address that `look.reach` named."""
        host, port = self._settings["host"], self._settings["port"]
        tls = context_for(dict(self._settings)) if self._settings["tls"] else None
        addresses = await addresses_of(look, host, port)
        if host.startswith("/"):
            sock = await _local_socket(addresses[0])
        else:
            sock, _ = await open_socket(addresses, port)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # TLS takes the socket's descriptor for its own: a second one is the leash on both.
        self._leash = sock.dup()
        password = look.settings.get("password") or self._settings["password"] or ""
        connection = _unconnected(self._settings, str(password), tls, limit_s=look.timeout_s)
        await self._in_thread(lambda: connection.connect(sock), look, connection, sock)
        self._connection = connection

    async def ask(self, look: Look) -> Reading:
        """Return what the server shows of itself."""
        connection = self._connection
        assert connection is not None
        return await self._in_thread(lambda: _read(connection), look, connection)

    async def rows(
        self, look: Look, name: str, params: Mapping[str, Value]
    ) -> Sequence[Sequence[Cell]]:
        """Return the answer to a command of `mysql_commands`."""
        connection = self._connection
        assert connection is not None
        return await self._in_thread(
            lambda: _answered(connection, name, params, look.timeout_s), look, connection
        )

    def drop(self) -> None:
        """Let go of the connection; never waits."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(err.Error):
                connection.close()  # says goodbye, so that no Aborted_clients is counted
        self._cut()

    def _cut(self) -> None:
        leash, self._leash = self._leash, None
        if leash is not None:
            with suppress(OSError):
                leash.shutdown(socket.SHUT_RDWR)
            leash.close()

    async def _in_thread(
        self, work: Callable[[], T], look: Look, connection: Connection, *closing: socket.socket
    ) -> T:
        # A thread of its own: a shared pool of them would let a few frozen servers hold up all
        # other targets, which would then look silent themselves.
        try:
            return await _in_own_thread(work)
        except asyncio.CancelledError:
            self._connection = None
            self._cut()  # the thread wakes, fails and closes what it holds
            raise
        except Exception as error:  # noqa: BLE001 - raised again as what it means
            self._connection = connection
            self.drop()
            for sock in closing:
                sock.close()
            raise_fault(error, look)


def raise_fault(error: BaseException, look: Look) -> NoReturn:
    """Raise what the library's error means."""
    if isinstance(error, err.OperationalError):
        original = getattr(error, "original_exception", None)
        if original is not None:
            raise original from None
    if isinstance(error, _BABBLE):
        raise Fault("protocol", "what answers does not speak MySQL's protocol") from None
    if not isinstance(error, err.Error) or not error.args:
        raise error
    number, text = error.args[0], told(error.args[-1], look)
    if number in _GONE:
        raise ConnectionResetError("the server closed the connection") from None
    error_class, state = _ERRORS.get(number, ("unhealthy", State.DOWN))
    raise Fault(error_class, f"{text} [{number}]", state) from None


def begin_reading(connection: Connection, within_s: float) -> None:
    """Begin a transaction that writes nothing, whose statements the server itself ends in time.

    A read-only transaction refuses every write, and what would end it in silence.
    """
    patience_s = max(within_s * 0.8, 0.05)
    limit = (
        f"max_statement_time = {patience_s:.3f}"
        if is_mariadb(connection)
        else f"max_execution_time = {patience_s * 1000:.0f}"
    )
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"SET SESSION {limit}")
        except err.MySQLError as error:
            if not error.args or error.args[0] != _UNKNOWN_VARIABLE:
                raise  # before MySQL 5.7 the look's own end has to do
        cursor.execute("START TRANSACTION READ ONLY")


def is_mariadb(connection: Connection) -> bool:
    """Say whether the server greeted us as MariaDB."""
    return "mariadb" in connection.get_server_info().lower()


def _answered(
    connection: Connection, name: str, params: Mapping[str, Value], within_s: float
) -> Sequence[Sequence[Cell]]:
    def show(sql: str) -> Sequence[Sequence[str | None]]:
        with connection.cursor(Cursor) as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    spellings = _MARIADB_REPLICA if is_mariadb(connection) else _OLD_REPLICA
    begin_reading(connection, within_s)
    return list(
        mysql_commands.answer(
            name,
            params,
            is_mariadb=is_mariadb(connection),
            show=show,
            channels=lambda: _channels(connection, spellings),
        )
    )


def _read(connection: Connection) -> Reading:
    begun = time.perf_counter()
    connection.ping(reconnect=False)
    ping_s = time.perf_counter() - begun
    variables = _pairs(connection, "SHOW GLOBAL VARIABLES", VARIABLE_NAMES)
    status = _pairs(connection, "SHOW GLOBAL STATUS", STATUS_NAMES)
    if "Innodb_deadlocks" not in status:
        status["Innodb_deadlocks"] = _deadlocks(connection)
    spellings = _MARIADB_REPLICA if is_mariadb(connection) else _OLD_REPLICA
    channels = _channels(connection, spellings)
    return Reading(status, variables, channels, ping_s)


def _pairs(connection: Connection, show: str, names: tuple[str, ...]) -> dict[str, str | None]:
    # SHOW, not SELECT: a Galera node outside the primary component answers nothing else.
    wanted = ", ".join(f"'{name}'" for name in names)
    rows = _rows(connection, f"{show} WHERE Variable_name IN ({wanted})")
    return {str(row["Variable_name"]): row["Value"] for row in rows}


def _channels(connection: Connection, spellings: tuple[str, ...]) -> list[Row] | None:
    for statement in spellings:
        try:
            return _rows(connection, statement)
        except err.MySQLError as error:
            number = error.args[0] if error.args else 0
            if number in _DENIED:
                return None
            if number not in _SYNTAX:
                raise
    return None


def _deadlocks(connection: Connection) -> str | None:
    # MySQL keeps this counter elsewhere; to see it takes PROCESS.
    sql = "SELECT `COUNT` AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'"
    try:
        rows = _rows(connection, sql)
    except err.MySQLError as error:
        if error.args and error.args[0] in _GONE:
            raise
        return None
    return rows[0]["n"] if rows else None


def _rows(connection: Connection, statement: str) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _unconnected(
    settings: Mapping[str, Any], password: str, tls: ssl.SSLContext | None, *, limit_s: float
) -> Connection:
    host = settings["host"]
    plain = tls is None and not host.startswith("/")
    return pymysql.connect(
        host=host,  # with the socket we give it, no more than the name TLS expects
        user=settings["user"],
        password=password.encode(),
        ssl=tls,
        ssl_disabled=tls is None,
        read_timeout=limit_s,  # a thread that nobody waits for any more must end
        write_timeout=limit_s,
        charset="utf8mb4",
        conv={},
        cursorclass=DictCursor,
        autocommit=None,
        program_name="vedette",
        auth_plugin_map=dict.fromkeys(_IN_CLEAR, _Refused) if plain else None,
        defer_connect=True,
    )


_IN_CLEAR = ("mysql_clear_password", "mysql_old_password", "dialog")
"""Ways to sign in that show the password to the wire; whoever answers could ask for them."""


class _Refused:
    def __init__(self, _connection: Connection) -> None:
        """Nothing of the connection is needed to refuse."""

    def authenticate(self, _packet: object) -> NoReturn:
        raise Fault("auth", "it wants the password in clear; set tls: true", State.UNKNOWN)


async def _local_socket(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, path)
    except BaseException:
        sock.close()
        raise
    return sock


async def _in_own_thread(work: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # of an untyped library

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="mysql look", daemon=True).start()
    return await done
