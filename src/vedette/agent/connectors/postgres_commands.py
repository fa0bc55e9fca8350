"""What a PostgreSQL can be asked: its sessions, who waits for whom, its statements and tables.

Every answer is one statement in a read-only transaction with a time limit; passwords that stand in
statements (`ALTER ROLE … PASSWORD '…'`) are blotted out.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault

if TYPE_CHECKING:
    from vedette.agent.connectors.postgres_session import Session

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=10_000)
# A backslash counts as an escape in every text: that hides too much rather than too little.
_PASSWORD = re.compile(
    r"(\bpassword\b[\s=(]*)((?:E|U&)?'(?:[^'\\]|''|\\.)*'?|\$\w*\$.*)", re.DOTALL | re.IGNORECASE
)
_STATEMENT = 2_000
"""Characters of a statement that are shown."""

COMMANDS = (
    Command(
        name="locks",
        help="Who waits for whom: each waiting session with one that blocks it.",
        scope="ask:content",
        parameters=(_LIMIT,),
        columns=(
            Column("waiting_pid", "integer", "Process of the session that waits."),
            Column("waiting_user", "text", "Its role."),
            Column("waiting_s", "number", "Since its statement began.", "seconds"),
            Column("lock", "text", "The mode it wants."),
            Column("of", "text", "The table, or the kind of thing, it wants to lock."),
            Column("blocking_pid", "integer", "Process that blocks it; 0: a prepared transaction."),
            Column("blocking_user", "text", "Its role."),
            Column("blocking_state", "text", "What that session does, as in idle in transaction."),
            Column("blocking_s", "number", "Since its transaction began.", "seconds"),
            Column("waiting_query", "text", "What waits."),
            Column("blocking_query", "text", "The latest statement of the session that blocks."),
        ),
    ),
    Command(
        name="activity",
        help="The sessions and what they do, the longest transaction first.",
        scope="ask:content",
        parameters=(
            _LIMIT,
            Parameter(
                "state",
                "text",
                "Only sessions in this state.",
                default="all",
                choices=("all", "active", "idle", "idle in transaction"),
            ),
        ),
        columns=(
            Column("pid", "integer", "Its process."),
            Column("user", "text", "Its role."),
            Column("database", "text", "Its database."),
            Column("application", "text", "What it calls itself."),
            Column("client", "text", "Its address."),
            Column("state", "text", "What it does."),
            Column("waits_for", "text", "What it waits for, if it does."),
            Column("transaction_s", "number", "Since its transaction began.", "seconds"),
            Column("statement_s", "number", "Since its statement began.", "seconds"),
            Column("query", "text", "Its latest statement."),
        ),
    ),
    Command(
        name="top-queries",
        help="The statements that took most time (pg_stat_statements), else the longest running.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=20, least=1, most=1_000),
        ),
        columns=(
            Column("source", "text", "`pg_stat_statements`, or `running` where that is missing."),
            Column("user", "text", "Who ran it."),
            Column("database", "text", "Where."),
            Column("calls", "integer", "How often it ran since the counters began."),
            Column("total_s", "number", "Time it took in all.", "seconds"),
            Column("mean_s", "number", "Time it takes.", "seconds"),
            Column("rows", "integer", "Rows it gave or changed in all."),
            Column("query", "text", "The statement."),
        ),
    ),
    Command(
        name="tables",
        help="The tables of the target's database: size, dead rows, vacuum, scans.",
        parameters=(
            _LIMIT,
            Parameter(
                "order",
                "text",
                "What comes first.",
                default="size",
                choices=("size", "dead", "scans"),
            ),
        ),
        columns=(
            Column("schema", "text", "Its schema."),
            Column("table", "text", "Its name."),
            Column("size_bytes", "integer", "With indexes, as of VACUUM or ANALYZE.", "bytes"),
            Column("rows", "integer", "Living rows, an estimate."),
            Column("dead_rows", "integer", "Dead rows, an estimate."),
            Column("sequential_scans", "integer", "Scans of the whole table."),
            Column("index_scans", "integer", "Scans by an index."),
            Column("vacuumed_at", "time", "Last VACUUM, by hand or automatic."),
            Column("analyzed_at", "time", "Last ANALYZE, by hand or automatic."),
        ),
    ),
)

_LOCKS = """
SELECT
    w.pid, w.usename, extract(epoch FROM clock_timestamp() - w.query_start)::float8,
    l.mode, coalesce(l.relation::regclass::text, l.locktype),
    blocker.pid, b.usename, b.state,
    extract(epoch FROM clock_timestamp() - b.xact_start)::float8,
    w.query, b.query
FROM pg_stat_activity AS w
CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocker (pid)
LEFT JOIN pg_stat_activity AS b ON b.pid = blocker.pid
LEFT JOIN LATERAL (
    SELECT mode, relation, locktype FROM pg_locks WHERE pid = w.pid AND NOT granted LIMIT 1
) AS l ON true
WHERE w.wait_event_type = 'Lock'
ORDER BY w.query_start, w.pid, blocker.pid
LIMIT %(limit)s
"""

_ACTIVITY = """
SELECT
    pid, usename, datname, application_name,
    coalesce(host(client_addr), CASE WHEN client_port = -1 THEN 'local' END),
    state, nullif(concat_ws(': ', wait_event_type, wait_event), 'Client: ClientRead'),
    extract(epoch FROM clock_timestamp() - xact_start)::float8,
    extract(epoch FROM clock_timestamp() - query_start)::float8, query
FROM pg_stat_activity
WHERE backend_type = 'client backend'
  AND pid <> pg_backend_pid()
  AND (%(state)s = 'all' OR state LIKE %(state)s || '%%')
ORDER BY xact_start NULLS LAST, query_start NULLS LAST, pid
LIMIT %(limit)s
"""

_RUNNING = """
SELECT
    'running', usename, datname, NULL::bigint,
    extract(epoch FROM clock_timestamp() - query_start)::float8, NULL::float8, NULL::bigint, query
FROM pg_stat_activity
WHERE state = 'active'
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY query_start, pid
LIMIT %(limit)s
"""

_STATEMENTS = """
SELECT
    'pg_stat_statements', r.rolname, d.datname, s.calls,
    s.{total} / 1000, s.{total} / 1000 / greatest(s.calls, 1), s.rows, s.query
FROM {schema}.pg_stat_statements AS s
LEFT JOIN pg_roles AS r ON r.oid = s.userid
LEFT JOIN pg_database AS d ON d.oid = s.dbid
ORDER BY s.{total} DESC
LIMIT %(limit)s
"""

_WHERE_STATEMENTS = """
SELECT
    quote_ident(n.nspname),
    current_setting('shared_preload_libraries') LIKE '%%pg_stat_statements%%',
    current_setting('server_version_num')::int >= 130000
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""

# Sizes from relpages: pg_total_relation_size() waits for whoever holds a table exclusively.
_TABLES = """
SELECT
    s.schemaname, s.relname,
    current_setting('block_size')::bigint * (
        c.relpages
        + coalesce((SELECT relpages FROM pg_class WHERE oid = c.reltoastrelid), 0)
        + coalesce((
            SELECT sum(i.relpages) FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
            WHERE x.indrelid = c.oid
        ), 0)
    )::bigint AS size_bytes,
    s.n_live_tup, s.n_dead_tup AS dead, s.seq_scan AS scans, s.idx_scan,
    greatest(s.last_vacuum, s.last_autovacuum), greatest(s.last_analyze, s.last_autoanalyze)
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid
ORDER BY
    CASE %(order)s WHEN 'dead' THEN s.n_dead_tup WHEN 'scans' THEN s.seq_scan END DESC NULLS LAST,
    size_bytes DESC, s.schemaname, s.relname
LIMIT %(limit)s
"""

_SQL = {"locks": _LOCKS, "activity": _ACTIVITY, "tables": _TABLES}


async def ask(
    session: "Session", look: Look, name: str, params: Mapping[str, Value]
) -> AsyncIterator[Row]:
    """Yield the rows of a command over an open session."""
    sql = _SQL.get(name) or await _top_queries(session, look)
    for row in await session.rows(look, sql, params):
        yield [hidden(cell) if isinstance(cell, str) else cell for cell in row]


async def _top_queries(session: "Session", look: Look) -> str:
    try:
        found = await session.rows(look, _WHERE_STATEMENTS, {})
    except Fault:
        return _RUNNING
    if not found or found[0][1] is False:
        return _RUNNING
    schema, _, is_modern = found[0]
    return _STATEMENTS.format(schema=schema, total="total_exec_time" if is_modern else "total_time")


def hidden(text: str) -> str:
    """Return a statement without the passwords that stand in it, cut to what one reads."""
    shown = _PASSWORD.sub(r"\1'…'", text)
    return shown if len(shown) <= _STATEMENT else shown[: _STATEMENT - 1] + "…"
