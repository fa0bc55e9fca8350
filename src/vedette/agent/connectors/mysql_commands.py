"""What a MySQL or MariaDB can be asked: sessions, who waits for whom, statements, replication.

Every answer is one statement in a read-only transaction with a time limit; passwords that stand in
statements (`CREATE USER … IDENTIFIED BY '…'`) are blotted out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from vedette.actions.model import Cell, Column, Command, Parameter, Row, Value

Told: TypeAlias = Mapping[str, str | None]
"""A row as the server sends it: column → text."""

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=10_000)
_PASSWORD = re.compile(
    r"(\b(?:\w*password|identified\s+(?:(?:with|via)\s+\S+\s+)?(?:by|as|using)(?:\s+password)?)\b[\s=(]*)"
    r"""('(?:[^'\\]|''|\\.)*'?|"(?:[^"\\]|""|\\.)*"?)""",
    re.DOTALL | re.IGNORECASE,
)
_STATEMENT = 2_000
"""Characters of a statement that are shown."""

COMMANDS = (
    Command(
        name="locks",
        help="Who waits for whom in InnoDB: each waiting session with one that blocks it.",
        scope="ask:content",
        parameters=(_LIMIT,),
        columns=(
            Column("waiting_id", "integer", "Connection of the session that waits."),
            Column("waiting_user", "text", "Its account."),
            Column("waiting_s", "number", "Since it began to wait.", "seconds"),
            Column("lock", "text", "The mode it wants."),
            Column("of", "text", "The table it wants to lock rows of."),
            Column("blocking_id", "integer", "Connection that blocks it."),
            Column("blocking_user", "text", "Its account."),
            Column("blocking_s", "number", "Since its transaction began.", "seconds"),
            Column("waiting_query", "text", "What waits."),
            Column("blocking_query", "text", "What that session runs; null when it is idle."),
        ),
    ),
    Command(
        name="processes",
        help="The sessions and what they do, the longest at it first, idle ones last.",
        scope="ask:content",
        parameters=(_LIMIT,),
        columns=(
            Column("id", "integer", "Its connection."),
            Column("user", "text", "Its account."),
            Column("client", "text", "Its address."),
            Column("database", "text", "Its database."),
            Column("command", "text", "What it does, as in Query or Sleep."),
            Column("state", "text", "Which part of it."),
            Column("for_s", "number", "Since when.", "seconds"),
            Column("query", "text", "The statement it runs."),
        ),
    ),
    Command(
        name="top-queries",
        help="The statements that took most time (performance_schema), else the longest running.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=20, least=1, most=1_000),
        ),
        columns=(
            Column("source", "text", "`performance_schema`, or `running` where that is off."),
            Column("database", "text", "Where."),
            Column("calls", "integer", "How often it ran since the counters began."),
            Column("total_s", "number", "Time it took in all.", "seconds"),
            Column("mean_s", "number", "Time it takes.", "seconds"),
            Column("rows", "integer", "Rows it gave or changed in all."),
            Column("query", "text", "The statement."),
        ),
    ),
    Command(
        name="replication",
        help="Each source this server replicates from, how far behind it is, and what went wrong.",
        columns=(
            Column("channel", "text", "Its name; empty where there is one."),
            Column("source", "text", "Host and port of the source."),
            Column("receives", "text", "Whether the thread that fetches runs."),
            Column("applies", "text", "Whether the thread that applies runs."),
            Column("behind_s", "number", "How far behind; null when it does not know.", "seconds"),
            Column("position", "text", "File and position of the source it has applied."),
            Column("error", "text", "What stopped it."),
        ),
    ),
)

_LOCKS = """
SELECT
    r.trx_mysql_thread_id, rp.user, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW()),
    l.{mode}, {table},
    b.trx_mysql_thread_id, bp.user, TIMESTAMPDIFF(SECOND, b.trx_started, NOW()),
    r.trx_query, b.trx_query
FROM {waits} AS w
JOIN information_schema.innodb_trx AS r ON r.trx_id = w.{waiting}
JOIN information_schema.innodb_trx AS b ON b.trx_id = w.{blocking}
LEFT JOIN {locks} AS l ON l.{lock} = w.{wanted}
LEFT JOIN information_schema.processlist AS rp ON rp.id = r.trx_mysql_thread_id
LEFT JOIN information_schema.processlist AS bp ON bp.id = b.trx_mysql_thread_id
ORDER BY r.trx_wait_started
LIMIT {limit}
"""
_LOCKS_MARIADB = {
    "mode": "lock_mode", "table": "l.lock_table", "waits": "information_schema.innodb_lock_waits",
    "waiting": "requesting_trx_id", "blocking": "blocking_trx_id",
    "locks": "information_schema.innodb_locks", "lock": "lock_id", "wanted": "requested_lock_id",
}  # fmt: skip
_LOCKS_MYSQL = {
    "mode": "LOCK_MODE", "table": "CONCAT(l.OBJECT_SCHEMA, '.', l.OBJECT_NAME)",
    "waits": "performance_schema.data_lock_waits", "waiting": "REQUESTING_ENGINE_TRANSACTION_ID",
    "blocking": "BLOCKING_ENGINE_TRANSACTION_ID", "locks": "performance_schema.data_locks",
    "lock": "ENGINE_LOCK_ID", "wanted": "REQUESTING_ENGINE_LOCK_ID",
}  # fmt: skip

_PROCESSES = """
SELECT id, user, host, db, command, state, time, info
FROM information_schema.processlist
WHERE id <> CONNECTION_ID()
ORDER BY command IN ('Sleep', 'Daemon'), time DESC, id
LIMIT {limit}
"""

_DIGESTS = """
SELECT
    'performance_schema', SCHEMA_NAME, COUNT_STAR, SUM_TIMER_WAIT / 1e12,
    SUM_TIMER_WAIT / 1e12 / GREATEST(COUNT_STAR, 1), SUM_ROWS_SENT + SUM_ROWS_AFFECTED, DIGEST_TEXT
FROM performance_schema.events_statements_summary_by_digest
ORDER BY SUM_TIMER_WAIT DESC
LIMIT {limit}
"""

_RUNNING = """
SELECT 'running', db, NULL, time, NULL, NULL, info
FROM information_schema.processlist
WHERE id <> CONNECTION_ID() AND command NOT IN ('Sleep', 'Daemon') AND info IS NOT NULL
ORDER BY time DESC, id
LIMIT {limit}
"""

Show = Callable[[str], Sequence[Sequence[str | None]]]
"""Runs one statement and returns its rows."""


def answer(
    name: str,
    params: Mapping[str, Value],
    *,
    is_mariadb: bool,
    show: Show,
    channels: Callable[[], Sequence[Told] | None],
) -> Iterator[Row]:
    """Yield the rows of a command; nothing of its SQL comes from whoever asks but a number."""
    if name == "replication":
        yield from map(_channel, channels() or ())
        return
    limit = int(params["limit"])
    columns = next(command.columns for command in COMMANDS if command.name == name)
    for row in show(_sql(name, limit, is_mariadb=is_mariadb, show=show)):
        yield [_cell(column, text) for column, text in zip(columns, row, strict=True)]


def _sql(name: str, limit: int, *, is_mariadb: bool, show: Show) -> str:
    if name == "locks":
        return _LOCKS.format(limit=limit, **(_LOCKS_MARIADB if is_mariadb else _LOCKS_MYSQL))
    if name == "processes":
        return _PROCESSES.format(limit=limit)
    is_counted = show("SELECT @@performance_schema") == [("1",)]
    return (_DIGESTS if is_counted else _RUNNING).format(limit=limit)


def _cell(column: Column, text: str | None) -> Cell:
    if text is None:
        return None
    if column.type == "integer":
        return int(float(text))
    return float(text) if column.type == "number" else hidden(text)


def _channel(told: Told) -> Row:
    def said(*names: str) -> str | None:
        return next((told[name] for name in names if told.get(name)), None)

    behind = said("Seconds_Behind_Source", "Seconds_Behind_Master")
    host, port = (said(f"Source_{what}", f"Master_{what}") for what in ("Host", "Port"))
    file = said("Relay_Source_Log_File", "Relay_Master_Log_File")
    position = said("Exec_Source_Log_Pos", "Exec_Master_Log_Pos")
    return (
        said("Channel_Name", "Connection_name") or "",
        f"{host or '?'}:{port or '?'}",
        said("Replica_IO_Running", "Slave_IO_Running"),
        said("Replica_SQL_Running", "Slave_SQL_Running"),
        None if behind is None else float(behind),
        f"{file}:{position}" if file else None,
        hidden(said("Last_IO_Error", "Last_SQL_Error") or "") or None,
    )


def hidden(text: str) -> str:
    """Return a statement without the passwords that stand in it, cut to what one reads."""
    shown = _PASSWORD.sub(r"\1'…'", text)
    return shown if len(shown) <= _STATEMENT else shown[: _STATEMENT - 1] + "…"
