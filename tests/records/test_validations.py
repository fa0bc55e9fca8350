"""How objects stand to the checks of their manifests: a row for each stretch, whoever looked last."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
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


async def test_checks_of_one_object_may_come_in_any_order_of_their_times(conn: Conn) -> None:
    later = await applied(conn, look(result("a"), at=NOW - DAY))
    assert later.older == 0
    first = await applied(conn, look(result("b"), result("a", passed=True), at=NOW - 2 * DAY))
    assert (first.opened, first.older) == (1, 1)
    held = "SELECT k.name, v.passed, v.since_at FROM records.validation v JOIN records.check_kind k ON k.id = v.check_id"
    assert await rows(conn, f"{held} ORDER BY 1") == [
        ("a", False, NOW - DAY),
        ("b", False, NOW - 2 * DAY),
    ]
    await applied(conn, look(result("a", passed=True), at=NOW - 1.5 * DAY))
    assert [row[1] for row in await rows(conn, held)] == [False, False]


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


async def all_there_is(conn: Conn, *looks: Validations, now: datetime) -> Outcome:
    """Apply a file a look, all at once, as `vedette apply --complete` does."""
    files = [Batch((one,), "c1") for one in looks]
    return await apply(conn, KIND, files, by="t", now=now, complete=True)


@pytest.mark.parametrize("turned", [False, True])
async def test_of_files_that_are_all_there_is_none_ends_what_another_names(
    conn: Conn, turned: bool
) -> None:
    await snapshot(conn, look(result(), result(name="billing"), result(name="gone")))
    files = [
        look(result(), at=NOW + DAY),
        look(result(name="billing", passed=True), at=NOW + 2 * DAY),
        look(result(name="new"), at=NOW + 3 * DAY, complete=True),
    ]
    outcome = await all_there_is(conn, *(files[::-1] if turned else files), now=NOW + 4 * DAY)
    assert await rows(conn, STRETCHES) == [
        ("billing", "replicas", False, NOW, NOW + 2 * DAY),
        ("billing", "replicas", True, NOW + 2 * DAY, None),
        ("gone", "replicas", False, NOW, NOW + DAY),
        ("new", "replicas", False, NOW + 3 * DAY, None),
        ("orders", "replicas", False, NOW, None),
    ]
    assert (outcome.opened, outcome.closed, outcome.changed, outcome.unchanged) == (1, 1, 1, 1)


@pytest.mark.parametrize("own_times", [True, False])
async def test_a_snapshot_that_is_filled_counts_from_when_its_files_looked_unless_it_is_dash_dbs(
    conn: Conn, own_times: bool
) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW + 3 * DAY)
    files = (look(result(), at=NOW), look(result(name="billing"), at=NOW + DAY))
    for one in files:
        await fill(conn, opened.token, KIND, [one], cluster="c1")
    await close_snapshot(conn, opened.token, KIND, now=NOW + 4 * DAY, own_times=own_times)
    since = (NOW + DAY, NOW) if own_times else (opened.opened_at, opened.opened_at)
    assert [(row[0], row[3], row[4]) for row in await rows(conn, STRETCHES)] == [
        ("billing", since[0], None),
        ("orders", since[1], None),
    ]


async def test_of_files_that_are_all_there_is_a_later_one_of_a_whole_object_counts(
    conn: Conn,
) -> None:
    await snapshot(conn, look(result(), result("limits"), result("probes")))
    await all_there_is(
        conn,
        look(result(), result("limits"), at=NOW + DAY),
        look(result("limits"), at=NOW + 2 * DAY, objects=(("shop", "Deployment", "orders"),)),
        now=NOW + 3 * DAY,
    )
    assert await rows(conn, STRETCHES) == [
        ("orders", "limits", False, NOW, None),
        ("orders", "probes", False, NOW, NOW + DAY),
        ("orders", "replicas", False, NOW, NOW + 2 * DAY),
    ]


async def test_what_came_up_after_the_first_of_files_that_are_all_there_is_stays(
    conn: Conn,
) -> None:
    await applied(conn, look(result(name="late"), at=NOW + 2 * DAY), now=NOW + 2 * DAY)
    files = (look(result(), at=NOW + DAY), look(result(name="new"), at=NOW + 3 * DAY))
    await all_there_is(conn, *files, now=NOW + 4 * DAY)
    assert [row[0] for row in await rows(conn, OPEN)] == ["late", "new", "orders"]


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
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    with pytest.raises(Invalid, match="validations are of a cluster"):
        await fill(conn, opened.token, KIND, [look(result())])


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


def looks_at_random(random: Random) -> list[Validations]:
    """Return looks of two sources, one an hour: of everything, of some objects whole, or of a few checks."""
    made = []
    for hour in range(12):
        names = random.sample(("a", "b", "c"), random.randint(0, 3))
        results = [
            result(check, name=name, passed=random.random() < 0.5)
            for name in names
            for check in random.sample(("x", "y"), random.randint(0, 2))
        ]
        whole = [("shop", "Deployment", name) for name in names if random.random() < 0.5]
        made.append(
            Validations(
                random.choice(("dvo", "polaris")),
                tuple(results),
                at=NOW + hour * timedelta(hours=1),
                complete=random.random() < 0.3,
                objects=tuple(whole),
            )
        )
    return made


def stands_after(looks: Iterable[Validations]) -> set[tuple[str, str, str, bool]]:
    """Return how everything stands after these looks in their order: (source, object, check, passed)."""
    stands: dict[tuple[str, str, str], bool] = {}
    for one in looks:
        whole = {name for _, _, name in one.objects}
        for key in [k for k in stands if k[0] == one.source and (one.complete or k[1] in whole)]:
            del stands[key]
        for each in one.results:
            stands[one.source, each.object_name, each.check] = each.passed
    return {(*key, passed) for key, passed in stands.items()}


STANDS = """
    SELECT s.name, o.name, c.name, v.passed FROM records.validation v
    JOIN records.source s ON s.id = v.source_id JOIN records.object o ON o.id = v.object_id
    JOIN records.check_kind c ON c.id = v.check_id WHERE v.until_at IS NULL"""
OVERLAPS = """
    SELECT count(*) FROM records.validation a JOIN records.validation b
    ON a.id < b.id AND (a.source_id, a.object_id, a.check_id) = (b.source_id, b.object_id, b.check_id)
    AND tstzrange(a.since_at, a.until_at) && tstzrange(b.since_at, b.until_at)"""
REPEATS = """
    SELECT count(*) FROM records.validation a JOIN records.validation b
    ON a.until_at = b.since_at AND a.passed = b.passed
    AND (a.source_id, a.object_id, a.check_id) = (b.source_id, b.object_id, b.check_id)
    WHERE a.since_at < a.until_at"""


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_comes_all_stands_as_the_looks_said_and_no_stretches_overlap(
    conn: Conn, seed: int
) -> None:
    looks = looks_at_random(Random(seed))
    for one in looks:
        assert one.at is not None
        await applied(conn, one, now=one.at)
    assert set(await rows(conn, STANDS)) == stands_after(looks)
    assert await rows(conn, OVERLAPS) == await rows(conn, REPEATS) == [(0,)]


@pytest.mark.parametrize("seed", range(8))
async def test_in_whatever_order_looks_come_no_stretches_overlap(conn: Conn, seed: int) -> None:
    looks, random = looks_at_random(Random(seed)), Random(seed)
    random.shuffle(looks)
    for one in looks:
        await applied(conn, one, now=NOW + DAY)
    assert await rows(conn, OVERLAPS) == [(0,)]
    ended = "SELECT count(*) FROM records.validation WHERE until_at < since_at"
    assert await rows(conn, ended) == [(0,)]
