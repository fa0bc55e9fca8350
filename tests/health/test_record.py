"""Storing what agents sent: once, durably, and with the states it changes."""

from datetime import timedelta

import numpy as np
import pytest
from arrange import columns, delivery, open_stream, rows, watched_target

from factories import at, make_agent, make_assignment, make_component, make_layout, make_target
from vedette.errors import Denied
from vedette.health import expect
from vedette.health.columns import Note
from vedette.health.model import State
from vedette.health.record import Lost, record

UP, DOWN, DEGRADED = State.UP, State.DOWN, State.DEGRADED


async def target_states(conn):
    return await rows(
        conn, "SELECT target_id, state::text, since FROM health.target_state ORDER BY 1"
    )


async def transitions(conn):
    return await rows(
        conn,
        """SELECT CASE WHEN target_id IS NULL THEN 'component' ELSE 'target' END, was::text, now::text, at
        FROM health.transition WHERE was IS NOT NULL ORDER BY id""",
    )


async def test_reports_are_kept_with_their_values_in_order(conn):
    target, agent = await watched_target(conn, at("12:00"))
    layout = await make_layout(conn, ["connections", "lag"])
    sight = await expect.sight_of(conn, agent)
    batch = columns(
        (target, at("12:00:10"), UP),
        (target, at("12:00:20"), DOWN),
        layout=layout,
        values=[[3.0, 0.5], [4.0, -0.25]],
    )
    stored = await record(conn, [delivery(sight, 7, batch)], now=at("12:00:21"))
    kept = await rows(
        conn, 'SELECT at, state, rtt_s, layout_id, "values" FROM health.report ORDER BY at'
    )
    assert stored.reports == 2
    assert kept[0][:2] == (at("12:00:10"), UP)
    assert kept[0][2] == pytest.approx(0.0015)
    assert kept[0][3:] == (layout, [3.0, 0.5])
    assert np.isnan(kept[1][2])
    assert kept[1][4] == [4.0, -0.25]
    assert await rows(conn, "SELECT durable_seq FROM fleet.stream") == [(7,)]


async def test_the_latest_report_stands_in_one_row(conn):
    target, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    batch = columns((target, at("12:00:10"), UP), (target, at("12:00:20"), UP))
    await record(conn, [delivery(sight, 1, batch)], now=at("12:00:21"))
    assert await rows(conn, "SELECT at, seen_at, look::text FROM health.observation") == [
        (at("12:00:20"), at("12:00:21"), "up")
    ]


async def test_three_bad_looks_turn_target_and_component_red_and_two_good_ones_green(conn):
    component = await make_component(conn, "Orders")
    target, agent = await watched_target(conn, at("12:00"), component_id=component)
    sight = await expect.sight_of(conn, agent)
    looks = [UP, DOWN, DOWN, DOWN, UP, UP]
    for minute, look in enumerate(looks, start=1):
        when = at(f"12:0{minute}")
        await record(conn, [delivery(sight, minute, columns((target, when, look)))], now=when)
    assert await transitions(conn) == [
        ("target", "unknown", "up", at("12:01")),
        ("component", "unknown", "up", at("12:01")),
        ("target", "up", "down", at("12:04")),
        ("component", "up", "down", at("12:04")),
        ("target", "down", "up", at("12:06")),
        ("component", "down", "up", at("12:06")),
    ]


async def test_one_batch_with_a_whole_story_ends_in_its_last_state(conn):
    target, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    story = [
        (target, at("12:00") + timedelta(seconds=s), look)
        for s, look in enumerate([UP] + [DOWN] * 3)
    ]
    await record(conn, [delivery(sight, 1, columns(*story))], now=at("12:01"))
    assert await target_states(conn) == [(target, "down", at("12:00:03"))]


async def test_doubt_survives_a_new_stream(conn):
    target, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    await record(
        conn,
        [delivery(sight, 1, columns((target, at("12:01"), UP), (target, at("12:02"), DOWN)))],
        now=at("12:02"),
    )
    again = await expect.sight_of(conn, agent)
    await record(
        conn,
        [delivery(again, 2, columns((target, at("12:03"), DOWN), (target, at("12:04"), DOWN)))],
        now=at("12:04"),
    )
    assert (await target_states(conn))[0][1] == "down"


async def test_the_reason_is_the_last_message_and_goes_when_it_is_up(conn):
    target, agent = await watched_target(conn, at("12:00"), bad_after=1, good_after=1)
    sight = await expect.sight_of(conn, agent)
    bad = columns((target, at("12:01"), DOWN), notes=[Note(0, "connection refused", "")])
    await record(conn, [delivery(sight, 1, bad)], now=at("12:01"))
    assert await rows(conn, "SELECT reason FROM health.target_state") == [("connection refused",)]
    await record(conn, [delivery(sight, 2, columns((target, at("12:02"), UP)))], now=at("12:02"))
    assert await rows(conn, "SELECT reason FROM health.target_state") == [("",)]
    assert await rows(conn, "SELECT message FROM health.observation") == [("",)]


async def test_facts_stay_until_others_come(conn):
    target, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    first = columns((target, at("12:01"), UP), notes=[Note(0, "", '{"version":"15.4"}')])
    await record(conn, [delivery(sight, 1, first)], now=at("12:01"))
    await record(conn, [delivery(sight, 2, columns((target, at("12:02"), UP)))], now=at("12:02"))
    assert await rows(conn, "SELECT facts FROM health.observation") == [({"version": "15.4"},)]


async def test_rows_of_different_lengths_share_a_batch(conn):
    target, agent = await watched_target(conn, at("12:00"))
    layout = await make_layout(conn, ["a", "b", "c"])
    sight = await expect.sight_of(conn, agent)
    batch = columns(
        *[(target, at("12:00") + timedelta(seconds=s), UP) for s in range(4)],
        layout=layout,
        values=[[1, 2, 3], [], [4], [5, 6]],
    )
    await record(conn, [delivery(sight, 1, batch)], now=at("12:01"))
    assert await rows(conn, 'SELECT "values" FROM health.report ORDER BY at') == [
        ([1, 2, 3],),
        ([],),
        ([4],),
        ([5, 6],),
    ]
    assert await rows(conn, 'SELECT "values" FROM health.observation') == [([5, 6],)]


async def test_a_stream_whose_epoch_is_gone_stores_nothing_and_is_named(conn):
    target, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    await open_stream(conn, agent, epoch=2)
    stored = await record(
        conn, [delivery(sight, 1, columns((target, at("12:01"), UP)))], now=at("12:01")
    )
    assert stored.superseded == {agent}
    assert await rows(conn, "SELECT count(*) FROM health.report") == [(0,)]
    assert sight.state_of(target) is State.UNKNOWN


async def test_nobody_speaks_for_a_target_that_is_not_his(conn):
    _, agent = await watched_target(conn, at("12:00"))
    other = await make_target(conn, "somebody-elses")
    sight = await expect.sight_of(conn, agent)
    with pytest.raises(Denied, match=str(other)):
        await record(conn, [delivery(sight, 1, columns((other, at("12:01"), UP)))], now=at("12:01"))


async def test_reports_of_a_day_without_a_partition_make_it(fresh_app_url):
    from vedette.db.pool import connect

    async with await connect(fresh_app_url) as conn:
        target, agent = await watched_target(conn, at("12:00"))
        sight = await expect.sight_of(conn, agent)
        batch = columns((target, at("12:00", day="2026-11-02"), UP), (target, at("12:00"), UP))
        await record(conn, [delivery(sight, 1, batch)], now=at("12:01"))
        assert await rows(conn, "SELECT count(*) FROM health.report") == [(2,)]


async def test_what_an_agent_lost_is_kept_with_its_reason(conn):
    _, agent = await watched_target(conn, at("12:00"))
    sight = await expect.sight_of(conn, agent)
    gap = Lost(3, 1200, at("11:00"), at("11:30"), "spool_full")
    await record(conn, [delivery(sight, 3, lost=[gap])], now=at("12:01"))
    assert await rows(conn, "SELECT seq, reports, from_at, reason FROM health.gap") == [
        (3, 1200, at("11:00"), "spool_full")
    ]


async def test_two_agents_disagree_and_the_target_is_degraded(conn):
    target, first = await watched_target(conn, at("12:00"), bad_after=1)
    second = await make_agent(conn, "edge")
    await conn.execute(
        "INSERT INTO fleet.assignment (target_id, agent_id) VALUES (%s, %s)", (target, second)
    )
    await open_stream(conn, second)
    await expect.run_once(conn, now=at("12:00"))
    sights = [await expect.sight_of(conn, agent) for agent in (first, second)]
    await record(
        conn,
        [
            delivery(sights[0], 1, columns((target, at("12:01"), DOWN))),
            delivery(sights[1], 1, columns((target, at("12:01"), UP))),
        ],
        now=at("12:01"),
    )
    state = await rows(conn, "SELECT state::text, reason FROM health.target_state")
    assert state == [("degraded", "down (seen by 1 of 2 agents)")]


async def test_each_component_changes_when_its_own_targets_did(conn):
    orders, shop = await make_component(conn, "Orders"), await make_component(conn, "Shop")
    first, agent = await watched_target(conn, at("12:00"), component_id=orders, bad_after=1)
    second = await make_target(conn, "shop-db", component_id=shop, bad_after=1)
    await make_assignment(conn, second, agent)
    await expect.run_once(conn, now=at("12:00"))
    sight = await expect.sight_of(conn, agent)
    story = columns((first, at("12:01"), DOWN), (second, at("12:31"), DOWN))
    await record(conn, [delivery(sight, 1, story)], now=at("12:40"))
    assert await rows(
        conn, "SELECT component_id, since FROM health.component_state ORDER BY component_id"
    ) == [(orders, at("12:01")), (shop, at("12:31"))]


async def test_an_outage_that_a_spool_tells_of_at_once_is_in_the_history(conn):
    component = await make_component(conn, "Orders")
    target, agent = await watched_target(conn, at("12:00"), component_id=component)
    sight = await expect.sight_of(conn, agent)
    story = [UP, DOWN, DOWN, DOWN, DOWN, UP, UP, UP]
    looks = [(target, at(f"12:0{minute}"), look) for minute, look in enumerate(story, start=1)]
    stored = await record(conn, [delivery(sight, 1, columns(*looks))], now=at("12:30"))
    assert await transitions(conn) == [
        (subject, was, now, when)
        for was, now, when in (
            ("unknown", "up", at("12:01")),
            ("up", "down", at("12:04")),
            ("down", "up", at("12:07")),
        )
        for subject in ("target", "component")
    ]
    assert stored.transitions == 6
    assert sight.state_of(target) is UP


async def test_of_endless_flapping_in_one_commit_the_latest_is_told(conn):
    target, agent = await watched_target(conn, at("12:00"), bad_after=1, good_after=1)
    sight = await expect.sight_of(conn, agent)
    looks = [(target, at("12:00") + timedelta(seconds=s), (UP, DOWN)[s % 2]) for s in range(1, 200)]
    await record(conn, [delivery(sight, 1, columns(*looks))], now=at("12:30"))
    told = await transitions(conn)
    assert len(told) <= 21
    assert told[-1] == ("target", "up", "down", at("12:03:19"))
