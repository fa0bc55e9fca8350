"""Values of SLOs and objectives: what is kept of them, under which service, and what a document retires."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from psycopg import AsyncConnection

from vedette.errors import Invalid
from vedette.records.budgets import account, bounds
from vedette.records.model import Objective, Record, SloValue
from vedette.records.objectives_reads import values_between
from vedette.records.outcome import Outcome
from vedette.records.slo_rules import Measured
from vedette.records.snapshots import apply, close_snapshot, fill, open_snapshot
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
KIND = "serviceslometrics"
Conn = AsyncConnection[Any]


def slo_value(value: float = 99.5, **rest: Any) -> SloValue:
    given = SloValue("uptime", "availability", "orders-doc", "orders", "c1", "shop", value, 99.0)
    return msgspec.structs.replace(given, **rest)


def objective(name: str = "uptime", **rest: Any) -> Objective:
    given = Objective(name, "orders", "orders-doc", "openslo", 99.9, 2_592_000)
    return msgspec.structs.replace(given, **rest)


async def applied(conn: Conn, *records: Record, now: datetime = NOW) -> Outcome:
    return await apply(conn, KIND, [Batch(records)], by="t", now=now)


async def rows(conn: Conn, sql: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql.encode())).fetchall()


VALUES = "SELECT at, value, target FROM records.slo_value ORDER BY at, value"
OBJECTIVES = """
    SELECT name, target, changed_at, retired_at FROM records.objective ORDER BY name"""


async def test_the_last_value_of_a_snapshot_counts_at_the_time_it_was_opened(conn: Conn) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    await fill(conn, opened.token, KIND, [slo_value(99.0)])
    await fill(conn, opened.token, KIND, [slo_value(98.0)])
    outcome = await close_snapshot(conn, opened.token, KIND, now=NOW + DAY)
    assert await rows(conn, VALUES) == [(NOW, 98.0, 99.0)]
    assert outcome.created == [
        ("cluster", "c1"),
        ("namespace", "shop"),
        ("service", "orders"),
        ("slo", "uptime"),
    ]
    assert outcome.opened == 1


async def test_values_are_kept_one_a_snapshot_and_the_same_time_is_replaced(conn: Conn) -> None:
    for day in range(3):
        await applied(conn, slo_value(99.0 + day / 10), now=NOW + day * DAY)
    outcome = await applied(conn, slo_value(97.0, at=NOW + DAY), now=NOW + 9 * DAY)
    assert (outcome.opened, outcome.changed) == (0, 1)
    assert [value for _, value, _ in await rows(conn, VALUES)] == [99.0, 97.0, 99.2]


async def test_a_value_of_a_time_to_come_is_of_now(conn: Conn) -> None:
    await applied(conn, slo_value(at=NOW + DAY))
    assert await rows(conn, VALUES) == [(NOW, 99.5, 99.0)]


async def test_a_service_lives_where_its_values_come_from(conn: Conn) -> None:
    await applied(conn, slo_value(), slo_value(namespace="shop-2"), slo_value(cluster="c2"))
    lives = """
        SELECT c.name, n.name, sn.origin FROM fleet.service_namespace sn
        JOIN fleet.namespace n ON n.id = sn.namespace_id JOIN fleet.cluster c ON c.id = n.cluster_id
        ORDER BY 1, 2"""
    assert await rows(conn, lives) == [
        ("c1", "shop", "slo"),
        ("c1", "shop-2", "slo"),
        ("c2", "shop", "slo"),
    ]


async def test_names_that_differ_are_other_slos(conn: Conn) -> None:
    await applied(
        conn, slo_value(), slo_value(sli="latency"), slo_value(document="d2"), slo_value(name="b")
    )
    assert len(await rows(conn, VALUES)) == 4


@pytest.mark.parametrize(
    "hostile",
    [
        {"service": "s" * 201},
        {"service": "a\nb"},
        {"cluster": ""},
        {"namespace": "n" * 254},
        {"name": "\U0001f600" * 254},
        {"sli": "s" * 101},
        {"document": ""},
    ],
)
async def test_a_name_that_cannot_be_kept_is_refused(conn: Conn, hostile: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="is no name of"):
        await applied(conn, slo_value(**hostile))
    assert await rows(conn, VALUES) == []


async def test_the_longest_names_there_may_be_are_kept(conn: Conn) -> None:
    wide = [chr(0x10000 + n) for n in range(253)]  # nothing that an index could pack
    text = "".join(wide)
    await applied(conn, slo_value(name=text, document=text[::-1], sli=text[:100]))
    assert len(await rows(conn, VALUES)) == 1


async def test_an_objective_changes_where_it_differs_alone(conn: Conn) -> None:
    first = await applied(conn, objective())
    same = await applied(conn, objective(), now=NOW + DAY)
    last = await applied(conn, objective(target=99.0), now=NOW + 2 * DAY)
    assert [(o.opened, o.changed) for o in (first, same, last)] == [(1, 0), (0, 0), (0, 1)]
    assert await rows(conn, OBJECTIVES) == [("uptime", 99.0, NOW + 2 * DAY, None)]


async def test_what_a_document_defines_no_longer_is_retired_and_comes_back(conn: Conn) -> None:
    await applied(conn, objective(), objective("speed"), objective("b", document="other"))
    outcome = await applied(conn, objective(), now=NOW + DAY)
    assert outcome.closed == 1
    assert [(n, r) for n, _, _, r in await rows(conn, OBJECTIVES)] == [
        ("b", None),
        ("speed", NOW + DAY),
        ("uptime", None),
    ]
    await applied(conn, objective(), objective("speed"), now=NOW + 2 * DAY)
    assert [r for _, _, _, r in await rows(conn, OBJECTIVES)] == [None, None, None]


async def test_a_label_ties_an_objective_to_a_component_of_ours(conn: Conn) -> None:
    with pytest.raises(Invalid, match="'orders-api', which is no component"):
        await applied(conn, objective(labels={"vedette-component": "orders-api"}))


@dataclass(frozen=True)
class Kept:
    """What the columns of an objective hold."""

    calendar: str
    calendar_count: int
    starts_at: str
    zone: str
    definition: dict[str, Any]


async def test_everything_an_objective_says_is_kept(conn: Conn) -> None:
    await applied(
        conn,
        objective(
            window_s=0,
            calendar="month",
            calendar_count=2,
            starts_at="2022-01-01T12:00:00",
            zone="Europe/Berlin",
            definition='{"kind": "SLO"}',
        ),
    )
    said = "SELECT calendar, calendar_count, starts_at, zone, definition FROM records.objective"
    (row,) = await rows(conn, said)
    assert Kept(*row) == Kept("month", 2, "2022-01-01T12:00:00", "Europe/Berlin", {"kind": "SLO"})


async def test_many_values_put_together_say_what_each_of_them_says(conn: Conn) -> None:
    promise = objective(window_s=1_000_000)
    ends = sorted(bounds(promise, now=NOW))
    # On a bound, just beside it, far before the first, close together, and with a gap of days in which nothing stands.
    at = [ends[0] - DAY, ends[0], *(NOW - DAY * n / 7 for n in range(40)), ends[3] - SECOND / 2]
    values = [Measured(when, 100 - n % 7 * 0.05) for n, when in enumerate(at) if n % 11]
    for one in values:
        await applied(conn, slo_value(one.value), now=one.at)
    ((slo,),) = await rows(conn, "SELECT id FROM records.slo")
    found = await values_between(conn, {slo: ends}, now=NOW)
    assert len(found[slo]) <= 2 * len(ends)
    expected = account(promise, values, now=NOW)
    told = account(promise, found[slo], now=NOW, stands=365 * DAY)
    assert told.burn is expected.burn
    for ours, theirs in zip(told.budgets, expected.budgets, strict=True):
        assert ours.budget.known_min == theirs.budget.known_min
        assert float(ours.budget.lost_min) == pytest.approx(float(theirs.budget.lost_min), rel=1e-9)
    for mine, other in zip(told.windows, expected.windows, strict=True):
        assert [float(mine.long), float(mine.short)] == pytest.approx(
            [float(other.long), float(other.short)], rel=1e-8
        )
