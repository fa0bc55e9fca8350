"""Deployments are kept whole with their commits, once, and a retry mends what was cut short."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncConnection

from vedette.records.deployments import entry_of, keep_deployments
from vedette.records.model import Commit, Deployment
from vedette.records.snapshots import apply
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Conn = AsyncConnection[Any]
REPOSITORY = "https://git.example/shop/orders"


def commit(number: int = 1, *, revert: bool = False) -> Commit:
    return Commit(f"{number:040x}", REPOSITORY, NOW - timedelta(hours=2), 7_200, revert)


def deployment(*commits: Commit, **rest: Any) -> Deployment:
    given = Deployment(
        "orders", "prod", "ci", "https://git.example/shop/orders/commit/1", NOW, commits
    )
    return msgspec.structs.replace(given, **rest)


async def rows(conn: Conn, sql: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql.encode())).fetchall()


COMMITS = """
    SELECT d.app, c.revision, c.lead_s, c.reverts FROM records.deployment d
    LEFT JOIN records.commit c ON c.deployment_id = d.id ORDER BY d.id, 2"""


async def test_a_deployment_is_kept_once_with_its_commits(conn: Conn) -> None:
    one = deployment(commit(1), commit(2, revert=True))
    first = await keep_deployments(conn, [one], now=NOW)
    again = await keep_deployments(conn, [one], now=NOW)
    assert (first.created, first.duplicated) == ([entry_of(one)], [])
    assert (again.created, again.duplicated) == ([], [entry_of(one)])
    assert await rows(conn, COMMITS) == [
        ("orders", f"{1:040x}", 7_200, False),
        ("orders", f"{2:040x}", 7_200, True),
    ]


async def test_a_retry_adds_the_commits_that_lacked(conn: Conn) -> None:
    await keep_deployments(conn, [deployment()], now=NOW)
    await keep_deployments(conn, [deployment(commit(1))], now=NOW)
    assert len(await rows(conn, COMMITS)) == 1
    assert (await rows(conn, COMMITS))[0][1] == f"{1:040x}"


async def test_a_commit_named_twice_is_one(conn: Conn) -> None:
    kept = await keep_deployments(conn, [deployment(commit(1), commit(1))], now=NOW)
    assert len(kept.created) == len(await rows(conn, COMMITS)) == 1


async def test_one_that_cannot_be_kept_leaves_the_others_whole(conn: Conn) -> None:
    bad, good = deployment(app="a" * 257), deployment(commit(1))
    kept = await keep_deployments(conn, [bad, good, good], now=NOW)
    assert (kept.error, kept.created) == ([entry_of(bad)], [entry_of(good)])
    assert kept.duplicated == [entry_of(good)]
    assert [app for app, *_ in await rows(conn, COMMITS)] == ["orders"]


async def test_names_that_run_together_differ(conn: Conn) -> None:
    kept = await keep_deployments(
        conn,
        [deployment(app="ab", environment="c"), deployment(app="a", environment="bc")],
        now=NOW,
    )
    assert len(kept.created) == 2


async def test_the_longest_words_there_may_be_are_kept(conn: Conn) -> None:
    text = "".join(chr(0x10000 + n) for n in range(2_000))  # nothing that an index could pack
    one = deployment(app=text[:256], environment=text[256:512], pipeline=text[:256], reason=text)
    assert (await keep_deployments(conn, [one], now=NOW)).error == []


async def test_a_deployment_is_of_the_service_that_bears_its_name(conn: Conn) -> None:
    await conn.execute("INSERT INTO fleet.service (name, slug) VALUES ('orders', 'orders')")
    await keep_deployments(conn, [deployment(), deployment(app="unknown")], now=NOW)
    of = """SELECT s.name FROM records.deployment d LEFT JOIN fleet.service s ON s.id = d.service_id
        ORDER BY d.id"""
    assert await rows(conn, of) == [("orders",), (None,)]


async def test_of_a_thousand_at_once_it_is_said_which_are_new(
    conn: Conn,
) -> None:
    many = tuple(deployment(commit(n), reason=f"https://git.example/{n}") for n in range(1_000))
    outcome = await apply(conn, "dora", [Batch(many)], by="t", now=NOW)
    assert outcome.totals == {"deployment": 1_000}
    assert len(await rows(conn, COMMITS)) == 1_000
