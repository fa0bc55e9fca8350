"""What was told to be looked at is expected; what is no longer told has no vote."""

from arrange import columns, delivery, rows, watched_target

from factories import at, make_component, make_layout, make_target
from vedette.health import expect
from vedette.health.layouts import Layout, Measure, intern_error_classes, intern_layouts
from vedette.health.model import State
from vedette.health.record import record


async def state(conn):
    return await rows(conn, "SELECT state::text, reason FROM health.component_state")


async def test_a_component_nobody_looks_at_is_unknown_and_says_so(conn):
    component = await make_component(conn, "Orders")
    await make_target(conn, "orders-db", component_id=component)
    await expect.run_once(conn, now=at("12:00"))
    assert await state(conn) == [("unknown", "orders-db: no agent looks at it")]


async def test_a_component_without_targets_is_unknown_and_says_so(conn):
    await make_component(conn, "Orders")
    await expect.run_once(conn, now=at("12:00"))
    assert await state(conn) == [("unknown", "it has no targets")]


async def test_repeating_it_changes_nothing(conn):
    await make_component(conn, "Orders")
    await watched_target(conn, at("12:00"))
    assert await expect.run_once(conn, now=at("12:01")) == 0


async def test_who_is_told_no_more_has_no_vote_but_may_deliver(conn):
    component = await make_component(conn, "Orders")
    target, agent = await watched_target(conn, at("12:00"), component_id=component)
    await conn.execute("DELETE FROM fleet.assignment")
    await expect.run_once(conn, now=at("12:01"))
    assert await state(conn) == [("unknown", "orders-db: no agent looks at it")]
    sight = await expect.sight_of(conn, agent)
    late = columns((target, at("12:00:30"), State.UP))
    assert (await record(conn, [delivery(sight, 1, late)], now=at("12:02"))).reports == 1
    assert await state(conn) == [("unknown", "orders-db: no agent looks at it")]


async def test_a_retired_target_leaves_its_component_without_a_trace(conn):
    component = await make_component(conn, "Orders")
    target, _ = await watched_target(conn, at("12:00"), component_id=component)
    await conn.execute(
        "UPDATE fleet.target SET retired_at = %s WHERE id = %s", (at("12:01"), target)
    )
    await expect.run_once(conn, now=at("12:01"))
    assert await state(conn) == [("unknown", "it has no targets")]
    assert await rows(conn, "SELECT FROM health.target_state") == []


async def by_service(conn):
    return await rows(
        conn,
        """SELECT v.name, s.state::text, s.reason
        FROM health.component_state s
        JOIN fleet.component c ON c.id = s.component_id
        JOIN fleet.service v ON v.id = c.service_id
        ORDER BY v.name""",
    )


async def test_a_target_that_moves_takes_its_trouble_along(conn):
    orders = await make_component(conn, "Orders")
    shop = await make_component(conn, "Shop")
    target, agent = await watched_target(conn, at("12:00"), component_id=orders, bad_after=1)
    sight = await expect.sight_of(conn, agent)
    await record(
        conn, [delivery(sight, 1, columns((target, at("12:01"), State.DOWN)))], now=at("12:01")
    )
    await expect.run_once(conn, now=at("12:01"))
    await conn.execute("UPDATE fleet.target SET component_id = %s", (shop,))
    assert await expect.run_once(conn, now=at("12:02")) == 2
    assert await by_service(conn) == [
        ("Orders", "unknown", "it has no targets"),
        ("Shop", "down", "orders-db: down"),
    ]
    assert await expect.run_once(conn, now=at("12:03")) == 0


async def test_what_an_agent_saw_long_ago_is_no_vote_when_it_is_told_again(conn):
    component = await make_component(conn, "Orders")
    target, agent = await watched_target(conn, at("12:00"), component_id=component, bad_after=1)
    sight = await expect.sight_of(conn, agent)
    await record(
        conn, [delivery(sight, 1, columns((target, at("12:01"), State.DOWN)))], now=at("12:01")
    )
    retire = "UPDATE fleet.target SET retired_at = %s"
    await conn.execute(retire, (at("12:02"),))
    await expect.run_once(conn, now=at("12:02"))
    await conn.execute(retire, (None,))
    await expect.run_once(conn, now=at("18:00"))
    assert await state(conn) == [("unknown", "orders-db: no report from local")]
    await record(
        conn, [delivery(sight, 2, columns((target, at("18:01"), State.DOWN)))], now=at("18:01")
    )
    assert await state(conn) == [("down", "orders-db: down")]


async def test_who_is_told_again_at_once_keeps_its_vote(conn):
    component = await make_component(conn, "Orders")
    target, agent = await watched_target(conn, at("12:00"), component_id=component)
    sight = await expect.sight_of(conn, agent)
    await record(
        conn, [delivery(sight, 1, columns((target, at("12:01"), State.UP)))], now=at("12:01")
    )
    retire = "UPDATE fleet.target SET retired_at = %s"
    await conn.execute(retire, (at("12:01:01"),))
    await expect.run_once(conn, now=at("12:01:01"))
    await conn.execute(retire, (None,))
    await expect.run_once(conn, now=at("12:01:02"))
    assert await state(conn) == [("up", "")]


async def test_the_same_layout_of_two_agents_is_one(conn):
    layout = Layout("postgres", (Measure("connections", "", "count", "Open connections."),))
    reworded = Layout("postgres", (Measure("connections", "", "count", "Connections now."),))
    other = Layout("postgres", (Measure("connections", "db:shop", "count", ""),))
    first, second, third = await intern_layouts(conn, [layout, reworded, other])
    assert first == second != third
    assert await intern_layouts(conn, [layout]) == [first]


async def test_error_classes_are_numbered_once(conn):
    ids = await intern_error_classes(conn, ["refused", "timeout", "refused"])
    assert ids[0] == ids[2] != ids[1]
    assert await intern_error_classes(conn, ["timeout"]) == [ids[1]]


async def test_a_layout_can_be_read_back_by_its_number(conn):
    made = await make_layout(conn, ["lag"])
    assert (await rows(conn, "SELECT names FROM health.layout WHERE id = %s", made)) == [(["lag"],)]
