"""A measurement over REST: history by itself for wide ranges, and refusals that say the way out."""

from datetime import UTC, datetime, timedelta

import pytest

from factories import make_agent, make_layout, make_report, make_target
from rest_world import rest_over
from vedette.health import rollups

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATH = "/api/v1/targets/orders-db/measurements/load"


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


@pytest.fixture
async def reported(rest):
    """Three hours of reports, one in ten minutes; the first of them rolled up and then gone."""
    async with rest.pool.connection() as conn:
        target, agent = await make_target(conn, "orders-db"), await make_agent(conn)
        layout = await make_layout(conn, ["load"], entities=["cpu:0"])
        await conn.execute("SELECT health.make_partitions('2026-11-20', '2026-11-20')")
        for n in range(18):
            await make_report(
                conn, target, agent, at=NOON + n * timedelta(minutes=10), layout_id=layout, values=[n]
            )  # fmt: skip
        await rollups.run_once(conn, now=NOON + timedelta(hours=1, minutes=10))
        await conn.execute("DELETE FROM health.report WHERE at < %s", (NOON + timedelta(hours=1),))


async def test_rolled_up_or_not_each_step_is_told(rest, reported):
    query = "?since=2026-11-20T12:00:00Z&until=2026-11-20T15:00:00Z&step=1h"
    points = (await rest.get(PATH + query, scopes=["read"])).json()
    assert [point["at"] for point in points] == [
        f"2026-11-20T{hour}:00:00Z" for hour in (12, 13, 14)
    ]
    assert points[0] == {
        "at": "2026-11-20T12:00:00Z", "entity": "cpu:0", "count": 6,
        "min": 0.0, "avg": 2.5, "max": 5.0, "last": 5.0,
    }  # fmt: skip
    assert [point["avg"] for point in points] == [2.5, 8.5, 14.5]


async def test_what_was_never_measured_is_an_empty_list(rest, reported):
    answer = await rest.get(PATH.replace("load", "nothing"), scopes=["read"])
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?step=0s", "a step is a second at least"),
        ("?step=500ms", "a step is a second at least"),
        ("?step=soon", "is not a duration"),
        ("?since=2020-01-01T00:00:00Z&step=1m", "at most 50,000 steps"),
        ("?since=2026-11-20T12:00:00Z&until=2026-11-20T11:00:00Z", "since must be before until"),
        ("?since=2026-11-20T12:00:00", "no time zone"),
    ],
)
async def test_a_question_that_asks_too_much_is_refused(rest, reported, query, says):
    answer = await rest.get(PATH + query, scopes=["read"])
    assert answer.status_code == 400
    assert says in answer.text


async def test_no_such_target_is_missing(rest):
    assert (await rest.get(PATH, scopes=["read"])).status_code == 404


async def test_a_time_that_utc_does_not_have_is_refused(rest, reported):
    answer = await rest.get(f"{PATH}?since=9999-12-31T23:59:59-14:00&step=1h", scopes=["read"])
    assert answer.status_code == 400
    assert "no time that UTC has" in answer.text
