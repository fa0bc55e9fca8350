"""Requests to PostgreSQL: one query each, through a cursor in a read-only transaction."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncCursor, Error

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import told
from vedette.agent.connectors.postgres import Postgres
from vedette.agent.connectors.postgres_faults import fault_by_state
from vedette.agent.connectors.postgres_session import Session, _or_drop
from vedette.agent.requests import MOST_ROWS, Row
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid

_EFFECTS = re.compile(
    r"""\b(pg_(terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile\w*|pg_promote|pg_switch_wal
    |pg_create_\w+|pg_drop_\w+|pg_copy_\w+|pg_(backup_)?(start|stop)(_backup)?|pg_wal_replay_(pause|resume)
    |pg_replication_(slot|origin)_\w+|pg_logical_\w+|pg_sync_replication_slots|pg_export_snapshot
    |pg_(try_)?advisory_\w+|pg_notify|pg_stat_\w*reset\w*|pg_log_\w+|pg_import_\w+|pg_file_\w+
    |pg_read_(binary_)?file|lo_\w+|lowrite|set_config|setval|nextval|dblink\w*
    |(query|cursor|table|schema|database)_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table)\b
    | \bu&" """,
    re.IGNORECASE | re.VERBOSE,
)
"""Functions that do something, or run a text; a read-only transaction does not hold them all back."""


class PostgresReader(Session):
    """Declares a cursor over the query, which PostgreSQL grants to nothing but a query."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(parse(Postgres.description, settings))

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Return the first rows of the query.

        The account's own rights are the first wall; this refuses what a monitor's account may too.
        """
        if effect := _EFFECTS.search(query):
            raise Invalid(f"a request only reads: {effect[0].strip()!r} does more")
        try:
            if not self.is_open:
                await self.open(look)
            return await self._rows(look, query)
        except Error as error:
            self.drop()
            if error.sqlstate is None:
                raise ConnectionResetError("the server closed the connection") from None
            raise fault_by_state(error.sqlstate, told(error.diag.message_primary, look)) from None
        except BaseException:
            self.drop()
            raise

    async def aclose(self) -> None:
        """Close the kept connection."""
        self.drop()

    async def _rows(self, look: Look, query: str) -> Sequence[Row]:
        patience_ms = max(int(look.timeout_s * 800), 50)
        await self._run(
            f"BEGIN READ ONLY; SET LOCAL statement_timeout = {patience_ms};"
            f"SET LOCAL lock_timeout = {patience_ms}"
        )
        # In the extended protocol the server itself refuses a second statement.
        await self._run(f"DECLARE vedette NO SCROLL CURSOR FOR {query}", extended=True)
        cursor = await self._run(f"FETCH {MOST_ROWS + 1} FROM vedette")
        names = [column.name for column in cursor.description or ()]
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        await self._run("ROLLBACK")
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def _run(self, sql: str, *, extended: bool = False) -> AsyncCursor[Any]:
        connection = self._connection
        assert connection is not None
        # psycopg speaks the extended protocol when the answer is to be binary; this one has no rows.
        return await _or_drop(connection, connection.execute(sql.encode(), binary=extended))
