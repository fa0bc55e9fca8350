"""How objects stand to the checks of their manifests: a row for each stretch, whoever looked last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection, AsyncCursor

from vedette.errors import Invalid
from vedette.records.model import Validation, Validations
from vedette.records.outcome import Outcome
from vedette.records.snapshots import apply, close_snapshot, fill, open_snapshot
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KIND = "deploymentvalidation"
Conn = AsyncConnection[Any]


def result(
    check: str = "replicas",
    *,
    passed: bool = False,
    namespace: str = "shop",
    name: str = "orders",
    **rest: Any,
) -> Validation:
    return Validation(check, namespace, "Deployment", name, passed, **rest)


def look(*results: Validation, source: str = "dvo", **rest: Any) -> Validations:
    return Validations(source, results, **rest)


async def snapshot(
    conn: Conn, *looks: Validations, cluster: str = "c1", now: datetime = NOW
) -> Outcome:
    opened = await open_snapshot(conn, KIND, by="t", now=now)
    for one in looks:
        await fill(conn, opened.token, KIND, [one], cluster=cluster)
    return await close_snapshot(conn, opened.token, KIND, now=now)


async def applied(conn: Conn, *looks: Validations, now: datetime = NOW) -> Outcome:
    return await apply(conn, KIND, [Batch(looks, "c1")], by="t", now=now)


async def rows(conn: Conn, sql: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql.encode())).fetchall()


STRETCHES = """
    SELECT o.name, c.name, v.passed, v.since_at, v.until_at FROM records.validation v
    JOIN records.object o ON o.id = v.object_id JOIN records.check_kind c ON c.id = v.check_id
    ORDER BY 1, 2, 4, v.id"""
OPEN = """
    SELECT o.name, c.name, v.passed FROM records.validation v JOIN records.object o ON o.id = v.object_id
    JOIN records.check_kind c ON c.id = v.check_id WHERE until_at IS NULL ORDER BY 1, 2, 3"""


async def test_each_change_of_state_is_a_row_and_the_same_again_is_none(conn: Conn) -> None:
    first = await snapshot(conn, look(result()))
    again = await snapshot(conn, look(result()), now=NOW + DAY)
    last = await snapshot(conn, look(result(passed=True)), now=NOW + 2 * DAY)
    assert await rows(conn, STRETCHES) == [
        ("orders", "replicas", False, NOW, NOW + 2 * DAY),
        ("orders", "replicas", True, NOW + 2 * DAY, None),
    ]
    assert first.created[-2:] == [("validation", "replicas"), ("object", "Deployment/orders")]
    assert [(o.opened, o.closed, o.changed, o.unchanged) for o in (first, again, last)] == [
        (1, 0, 0, 0),
        (0, 0, 0, 1),
        (0, 0, 1, 0),
    ]


async def test_what_a_complete_snapshot_does_not_name_is_gone_not_passed(conn: Conn) -> None:
    await snapshot(conn, look(result(), result(name="billing")))
    outcome = await snapshot(conn, look(result()), now=NOW + DAY)
    assert outcome.closed == 1
    assert await rows(conn, STRETCHES) == [
        ("billing", "replicas", False, NOW, NOW + DAY),
        ("orders", "replicas", False, NOW, None),
    ]


async def test_an_empty_answer_of_a_cluster_ends_all_of_it_and_of_no_other(conn: Conn) -> None:
    await snapshot(conn, look(result()), cluster="c1")
    await snapshot(conn, look(result()), cluster="c2")
    await snapshot(conn, look(), cluster="c2", now=NOW + DAY)
    assert await rows(conn, OPEN) == [("orders", "replicas", False)]


async def test_another_source_is_left_alone(conn: Conn) -> None:
    await snapshot(conn, look(result(), source="kube-linter"))
    await snapshot(conn, look(result(passed=True)), now=NOW + DAY)
    assert await rows(conn, OPEN) == [("orders", "replicas", False), ("orders", "replicas", True)]


async def test_what_is_applied_alone_ends_nothing_it_does_not_name(conn: Conn) -> None:
    await snapshot(conn, look(result(), result(name="billing")))
    await applied(conn, look(result(passed=True)), now=NOW + DAY)
    assert await rows(conn, OPEN) == [("billing", "replicas", False), ("orders", "replicas", True)]


async def test_a_look_at_a_whole_object_ends_its_other_checks(conn: Conn) -> None:
    await snapshot(conn, look(result(), result("limits"), result(name="billing")))
    whole = look(result("limits"), objects=(("shop", "Deployment", "orders"),))
    await applied(conn, whole, now=NOW + DAY)
    assert await rows(conn, OPEN) == [("billing", "replicas", False), ("orders", "limits", False)]


async def test_of_two_looks_at_a_whole_object_in_one_snapshot_the_later_counts(conn: Conn) -> None:
    scope = (("shop", "Deployment", "orders"),)
    await applied(
        conn,
        look(result("replicas"), result("limits"), objects=scope),
        look(result("limits", passed=True), objects=scope),
    )
    assert await rows(conn, OPEN) == [("orders", "limits", True)]


async def test_saying_both_is_failing_and_is_flagged(conn: Conn) -> None:
    await snapshot(conn, look(result(passed=True), result(message="one of two")))
    said = "SELECT passed, contradicted, message FROM records.validation"
    assert await rows(conn, said) == [(False, True, "one of two")]
    await snapshot(conn, look(result(message="one of two")), now=NOW + DAY)
    assert await rows(conn, said) == [(False, False, "one of two")]


async def test_of_two_snapshots_the_one_opened_later_wins_whenever_it_closes(conn: Conn) -> None:
    older = await open_snapshot(conn, KIND, by="t", now=NOW)
    await fill(conn, older.token, KIND, [look(result(), result(name="gone"))], cluster="c1")
    await snapshot(conn, look(result(passed=True)), now=NOW + DAY)
    outcome = await close_snapshot(conn, older.token, KIND, now=NOW + 2 * DAY)
    assert outcome.older == 2
    assert await rows(conn, STRETCHES) == [("orders", "replicas", True, NOW + DAY, None)]


async def test_an_old_document_changes_nothing_of_what_was_confirmed_since(conn: Conn) -> None:
    await applied(conn, look(result(), at=NOW))
    await applied(conn, look(result(), at=NOW + 2 * DAY), now=NOW + 2 * DAY)
    outcome = await applied(conn, look(result(passed=True), at=NOW + DAY), now=NOW + 3 * DAY)
    assert outcome.older == 1
    assert await rows(conn, OPEN) == [("orders", "replicas", False)]


async def test_what_one_source_told_of_a_whole_cluster_no_old_document_takes_back(
    conn: Conn,
) -> None:
    await snapshot(conn, look(result()))
    await snapshot(conn, look(result()), now=NOW + 2 * DAY)
    late = (look(result(passed=True), at=NOW + DAY), look(result(name="gone"), at=NOW + DAY))
    outcome = await applied(conn, *late, now=NOW + 3 * DAY)
    assert outcome.older == 2
    await applied(conn, look(result(name="gone"), source="polaris", at=NOW + DAY))
    assert await rows(conn, OPEN) == [("gone", "replicas", False), ("orders", "replicas", False)]


async def test_an_object_of_no_namespace_belongs_to_its_cluster(conn: Conn) -> None:
    await snapshot(conn, look(result(namespace="")), cluster="c1")
    await snapshot(conn, look(result(namespace="")), cluster="c2")
    await snapshot(conn, look(result(namespace="", passed=True)), cluster="c1", now=NOW + DAY)
    assert await rows(
        conn,
        """SELECT c.name, o.namespace_id, v.passed FROM records.validation v
        JOIN records.object o ON o.id = v.object_id JOIN fleet.cluster c ON c.id = o.cluster_id
        WHERE until_at IS NULL ORDER BY 1""",
    ) == [("c1", None, True), ("c2", None, False)]


async def test_a_document_of_no_cluster_is_refused_with_the_way_out(conn: Conn) -> None:
    with pytest.raises(Invalid, match="validations are of a cluster"):
        await apply(conn, KIND, [Batch((look(result()),))], by="t", now=NOW)


@pytest.mark.parametrize(
    "hostile",
    [
        result("c" * 254),
        result(name="o" * 254),
        result(namespace="n" * 254),
        result(namespace=" "),
        Validation("c", "shop", "", "orders", passed=True),
    ],
)
async def test_a_name_that_cannot_be_kept_is_refused_before_anything_is(
    conn: Conn, hostile: Validation
) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    with pytest.raises(Invalid, match="is no name of"):
        await fill(conn, opened.token, KIND, [look(hostile)], cluster="c1")
    assert await rows(conn, "SELECT * FROM records.staged") == []


async def test_a_thousand_samples_cost_as_many_statements_as_one(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await snapshot(conn, look(result()))  # the cluster and its namespace are known
    asked: list[str] = []
    execute = AsyncCursor.execute

    async def counted(self: AsyncCursor[Any], query: Any, *args: Any, **rest: Any) -> Any:
        asked.append(str(query))
        return await execute(self, query, *args, **rest)

    many = [result(f"check-{n % 12}", name=f"app-{n}") for n in range(1_000)]
    opened = await open_snapshot(conn, KIND, by="t", now=NOW + DAY)
    await fill(conn, opened.token, KIND, [look(*many)], cluster="c1")
    monkeypatch.setattr(AsyncCursor, "execute", counted)
    outcome = await close_snapshot(conn, opened.token, KIND, now=NOW + DAY)
    assert outcome.opened == 1_000
    assert len(asked) <= 10, "\n".join(asked)
