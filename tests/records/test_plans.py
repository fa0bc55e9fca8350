"""What grows with the years is never read from end to end: each question finds its rows by an index."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import AsyncConnection, AsyncCursor

from vedette.records import dashdotdb_reads, find, reads, top

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Conn = AsyncConnection[Any]
Ask = Callable[[Conn], Awaitable[object]]

GROWING = {
    "finding",
    "scan",
    "subject",
    "presence",
    "report",
    "document",
    "exposure",
    "advisory",
    "alias",
}


class Planned(AsyncCursor[Any]):
    """A cursor that notes the plan of what it is asked."""

    plans: list[dict[str, Any]] = []  # noqa: RUF012 - of all cursors

    async def execute(self, query: Any, params: Any = None, **named: Any) -> Any:
        if query.lstrip().startswith((b"SELECT", b"WITH")):
            other = AsyncCursor(self.connection)
            await other.execute(b"EXPLAIN (FORMAT JSON) " + query, params)
            (told,) = await other.fetchone() or ([],)
            self.plans += [one["Plan"] for one in told]
        return await super().execute(query, params, **named)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def is_whole(node: dict[str, Any]) -> bool:
    """Say whether it goes through all of a table, or of an index of it."""
    by_index = node["Node Type"] in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node
    return node["Node Type"] == "Seq Scan" or by_index


def of_a_namespace(conn: Conn) -> Awaitable[object]:
    return reads.vulnerabilities(conn, reads.Wanted(cluster="c1", namespace="shop"), limit=100)


def of_an_image(conn: Conn) -> Awaitable[object]:
    return reads.vulnerabilities(conn, reads.Wanted(image="quay.io/shop/orders"), limit=100)


def of_a_name(conn: Conn) -> Awaitable[object]:
    return reads.vulnerabilities(conn, reads.Wanted(name="CVE-2031-1"), limit=100)


def as_dashdotdb_asks(conn: Conn) -> Awaitable[object]:
    return dashdotdb_reads.vulnerabilities(conn, "c1", "shop")


def found(conn: Conn) -> Awaitable[object]:
    return find.found(conn, [1, 2], "open", now=NOW, limit=100)


def named(conn: Conn) -> Awaitable[object]:
    return find.named(conn, "CVE-2031-1")


def standing(conn: Conn) -> Awaitable[object]:
    return find.standing(conn, ["CVE-2031-1"], [1, 2], "open", now=NOW)


def of_all(conn: Conn) -> Awaitable[object]:
    return top.top(conn, top.Wanted(), now=NOW, limit=100)


def of_a_team(conn: Conn) -> Awaitable[object]:
    return top.top(conn, top.Wanted(team="shop"), now=NOW, limit=100)


@pytest.mark.parametrize(
    "ask",
    [
        of_a_namespace,
        of_an_image,
        of_a_name,
        as_dashdotdb_asks,
        found,
        named,
        standing,
        of_all,
        of_a_team,
    ],
)
async def test_a_question_reads_no_growing_table_from_end_to_end(conn: Conn, ask: Ask) -> None:
    # The tables are empty here; forbidden what is cheap only there, the planner shows whether it has a choice.
    await conn.execute("SET LOCAL enable_seqscan = off")
    conn.cursor_factory = Planned
    Planned.plans.clear()
    await ask(conn)
    touched = [node for plan in Planned.plans for node in nodes(plan)]
    assert touched
    assert {node["Relation Name"] for node in touched if is_whole(node)} & GROWING == set()
