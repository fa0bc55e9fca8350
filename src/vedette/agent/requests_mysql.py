"""Requests to MySQL and MariaDB: one statement each, in a read-only transaction."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pymysql.connections import Connection  # type: ignore[import-untyped]  # PyMySQL ships no types

from vedette.agent.connector import Look
from vedette.agent.connectors.mysql import MySQL
from vedette.agent.connectors.mysql_session import Session, begin_reading
from vedette.agent.requests import MOST_ROWS, Row
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid

_FIRST = re.compile(r"\s*\(*\s*(select|with|show|table|values)\b", re.IGNORECASE)
_TO_FILE = re.compile(r"\b(outfile|dumpfile|load_file)\b", re.IGNORECASE)


class MySQLReader(Session):
    """Speaks without the multi-statement capability, so that the server refuses a second one."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(parse(MySQL.description, settings))

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Return the first rows of the query."""
        if not _FIRST.match(query) or _TO_FILE.search(query):
            raise Invalid("a request to MySQL is one SELECT, WITH, SHOW, TABLE or VALUES")
        try:
            if not self.is_open:
                await self.open(look)
            connection = self._connection
            assert connection is not None
            return await self._in_thread(
                lambda: _rows(connection, query, look.timeout_s), look, connection
            )
        except BaseException:
            self.drop()
            raise

    async def aclose(self) -> None:
        """Close the kept connection."""
        self.drop()


def _rows(connection: Connection, query: str, within_s: float) -> Sequence[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION sql_select_limit = {MOST_ROWS + 1}")
        begin_reading(connection, within_s)
        cursor.execute(query)
        rows = list(cursor.fetchmany(MOST_ROWS + 1))
        cursor.execute("ROLLBACK")
    return rows
