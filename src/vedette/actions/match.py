"""Match: the agents that a target means, as the server knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from vedette.actions.target_query import TIMEOUT, Query, to_query
from vedette.actions.target_text import read_target
from vedette.db.queries import Connection
from vedette.errors import Invalid

_FROM = (
    "WITH commands AS (SELECT * FROM mig.commands) SELECT {what} FROM mig.agents AS agents WHERE "
)
_ALIVE = " AND agents.destructiontime IS NULL"


@dataclass(frozen=True, slots=True)
class Matched:
    """An agent that a target means."""

    id: int
    name: str
    key: str
    os: str
    status: str
    queueloc: str
    version: str


async def matched(
    conn: Connection, target: str, *, now: datetime, at_most: int = 100_000
) -> list[Matched]:
    """Return the agents the target means now, by name; raises Invalid naming the place in it."""
    columns = "id::integer, name, key, os, status, queueloc, version"
    query = to_query(read_target(target), now=now)
    rows = await _ask(conn, columns, query, f"ORDER BY name LIMIT {int(at_most)}")
    return [Matched(*row) for row in rows]


async def ids_of(
    conn: Connection, target: str, *, now: datetime, among: Sequence[int] | None = None
) -> list[int]:
    """Return the ids of the agents the target means, of those `among` where it is given."""
    query = to_query(read_target(target), now=now)
    if among is not None:
        query = Query(
            f"({query.text}) AND agents.id = ANY(%(among)s::numeric[])",
            {**query.parameters, "among": list(among)},
        )
    rows = await _ask(conn, "agents.id::integer", query, "ORDER BY agents.name")
    return [row[0] for row in rows]


async def _ask(conn: Connection, what: str, query: Query, end: str) -> list[tuple[Any, ...]]:
    """Ask within TIMEOUT: a regular expression is PostgreSQL's, and may be slow."""
    text = f"{_FROM.format(what=what)}({query.text}){_ALIVE} {end}"
    try:
        async with conn.transaction():
            await conn.execute(
                "SELECT set_config('statement_timeout', %s, true)",
                [f"{int(TIMEOUT.total_seconds() * 1000)}ms"],
            )
            found = await conn.execute(text.encode(), query.parameters)
            return await found.fetchall()
    except psycopg.errors.InvalidRegularExpression as wrong:
        raise Invalid(
            f"the target's regular expression cannot be read: {wrong.diag.message_primary}"
        ) from None
    except psycopg.errors.QueryCanceled:
        raise Invalid(
            f"the target took more than {TIMEOUT.total_seconds():g} s",
            hint="make its regular expression simpler",
        ) from None
