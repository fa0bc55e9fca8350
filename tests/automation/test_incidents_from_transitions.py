"""When a component's state changes, then its policy decides what people are told of it."""

from datetime import timedelta

import pytest
from tests.automation.automation_world import World
from tests.factories import (
    at,
    make_cluster,
    make_component,
    make_target,
)
from tests.web.feeds_world import private

from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.policy import keep_policies
from vedette.incidents.update import update_incident

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def world(conn):
    return World(conn)


def told(component_id, start, end, impact=2):
    return (component_id, impact, at(start), None if end is None else at(end))


async def test_trouble_is_a_draft_then_public_then_over_then_the_same_again(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "up", "09:30")
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    [(number, status, impact, is_public, _)] = await world.incidents()
    assert (status, impact, is_public) == ("detected", Impact.MAJOR, False)
    assert await world.spans() == []
    await world.turn("10:04:59")
    assert await world.spans() == []
    await world.turn("10:05:00")
    assert await world.spans() == [told(orders, "10:00", None)]
    await world.becomes(orders, "up", "10:20")
    await world.turn("10:20:01")
    assert await world.spans() == [told(orders, "10:00", "10:20")]
    await world.becomes(orders, "down", "10:29")
    await world.turn("10:29:01")
    assert await world.incidents() == [(number, "detected", Impact.MAJOR, True, True)]
    await world.becomes(orders, "up", "10:40")
    await world.turn("10:40:01")
    await world.becomes(orders, "down", "10:51")
    await world.turn("10:51:01")
    assert [row[4] for row in await world.incidents()] == [False, True]
    assert await world.deeds(orders) == ["open", "close", "reopen", "close", "open"]


async def test_what_the_public_reads_holds_nothing_of_the_error(world):
    orders = await make_component(world.conn)
    await world.policy(publish_after=timedelta(0))
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    rows = await world.rows(
        "SELECT i.title, i.description, u.text FROM incidents.incident i"
        " JOIN incidents.update u ON u.incident_id = i.id"
    )
    assert rows == [
        (
            "Orders (Shop, EU-DE) is unavailable",
            "",
            "Our checks say that Orders (Shop, EU-DE) is unavailable.",
        )
    ]


async def test_what_names_a_private_component_is_for_operators_alone(world):
    vault = await make_component(world.conn, "Vault")
    await private(world.conn, vault)
    await world.policy(publish_after=timedelta(0))
    await world.becomes(vault, "down", "10:00")
    await world.turn("10:00:01")
    assert await world.rows("SELECT internal FROM incidents.update") == [(True,)]


async def test_trouble_that_passes_before_it_is_published_is_never_told(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    await world.becomes(orders, "up", "10:04")
    await world.turn("10:04:01")
    await world.turn("10:06")
    assert [row[3:] for row in await world.incidents()] == [(False, False)]
    assert await world.spans() == []
    await world.becomes(orders, "down", "10:08")
    await world.turn("10:08:01")
    await world.turn("10:12:59")
    assert await world.spans() == []
    await world.turn("10:13:01")
    assert await world.spans() == [told(orders, "10:08", None)]


async def test_trouble_that_lasted_long_enough_is_told_though_we_came_late(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.becomes(orders, "up", "10:20")
    await world.turn("10:21")
    assert await world.spans() == [told(orders, "10:00", "10:20")]


async def test_changes_of_long_ago_are_history(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "07:00")
    await world.becomes(orders, "up", "08:00")
    await world.becomes(orders, "down", "09:00")
    await world.turn("12:00")
    assert await world.deeds(orders) == ["late", "late", "late", "open"]
    assert await world.spans() == [told(orders, "09:00", None)]


async def test_graver_trouble_is_told_graver_and_never_milder(world):
    orders = await make_component(world.conn)
    await world.policy(publish_after=timedelta(0), cap=3)
    await world.becomes(orders, "degraded", "10:00")
    await world.turn("10:00:01")
    await world.becomes(orders, "down", "10:10")
    await world.turn("10:10:01")
    await world.becomes(orders, "degraded", "10:20")
    await world.turn("10:20:01")
    assert await world.spans() == [
        told(orders, "10:00", "10:10", 1),
        told(orders, "10:10", None, 3),
    ]


@pytest.mark.parametrize("state", ["unknown", "initialising", "draining"])
async def test_states_that_are_no_trouble_leave_all_as_it_is(world, state):
    orders = await make_component(world.conn)
    await world.becomes(orders, state, "10:00")
    await world.turn("10:00:01")
    assert await world.incidents() == []
    await world.becomes(orders, "down", "10:10")
    await world.turn("10:10:01")
    await world.becomes(orders, state, "10:20")
    await world.turn("10:20:01")
    assert [row[4] for row in await world.incidents()] == [True]


async def test_components_of_one_cause_share_an_incident_and_leave_it_one_by_one(world):
    conn = world.conn
    await make_cluster(conn, "shop-eu")
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    far = await make_component(conn, "Mail", region="US")
    await world.policy(publish_after=timedelta(0))
    await world.becomes(orders, "down", "10:00")
    await world.becomes(stock, "down", "10:01")
    await world.becomes(far, "down", "10:01")
    await world.turn("10:01:01")
    assert len(await world.incidents()) == 2
    [(title,)] = await world.rows("SELECT title FROM incidents.incident ORDER BY id LIMIT 1")
    assert title == "Orders (Shop, EU-DE) and 1 more are unavailable"
    await world.becomes(orders, "up", "10:10")
    await world.turn("10:10:01")
    await world.becomes(stock, "up", "10:20")
    await world.turn("10:20:01")
    assert (await world.spans())[:2] == [
        told(orders, "10:00", "10:10"),
        told(stock, "10:01", "10:20"),
    ]
    await world.becomes(orders, "down", "10:25")
    await world.turn("10:25:01")
    assert [row[0] for row in await world.spans()].count(stock) == 1
    assert [row[3] for row in await world.spans() if row[0] == stock] == [at("10:20")]


async def test_who_gets_worse_than_the_others_goes_to_a_graver_incident(world):
    orders, stock = await make_component(world.conn), await make_component(world.conn, "Stock")
    await world.policy(publish_after=timedelta(0))
    await world.becomes(orders, "degraded", "10:00")
    await world.becomes(stock, "degraded", "10:01")
    await world.turn("10:01:01")
    assert len(await world.incidents()) == 1
    await world.becomes(stock, "down", "10:10")
    await world.turn("10:10:01")
    assert await world.spans() == [
        told(orders, "10:00", None, 1),
        told(stock, "10:01", "10:10", 1),
        told(stock, "10:10", None, 2),
    ]


async def test_many_that_fail_at_once_cost_one_incident(world):
    components = [await make_component(world.conn, f"S{n}") for n in range(60)]
    for component_id in components:
        await world.becomes(component_id, "down", "10:00")
    await world.turn("10:00:01")
    assert len(await world.incidents()) == 1
    for component_id in components:
        await world.becomes(component_id, "up", "10:30")
    await world.turn("10:30:01")
    assert {row[1:] for row in await world.spans()} == {(2, at("10:00"), at("10:30"))}


async def test_what_a_person_has_taken_over_gets_a_note_and_nothing_else(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    [(number, *_)] = await world.incidents()
    now = at("10:02")
    await update_incident(
        world.conn, number, by="person:ada", now=now, impact=Impact.MINOR, title="We know"
    )
    await world.becomes(orders, "up", "10:10")
    await world.turn("10:10:01")
    assert await world.incidents() == [(number, "detected", Impact.MINOR, True, True)]
    [note] = await world.notes(number)
    assert note == "Orders (Shop, EU-DE): up since 10:10:00 UTC, our checks say."


async def test_what_a_person_said_is_over_is_over_until_something_changes(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    [(number, *_)] = await world.incidents()
    await close_incident(world.conn, number, by="person:ada", now=at("10:30"))
    await world.turn("10:30:01")
    await world.turn("11:30")
    assert [row[4] for row in await world.incidents()] == [False]


async def test_a_draft_gives_way_to_what_others_tell(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Orders",
        impact=Impact.MINOR,
        status=Status.ANALYZING,
        starts_at=at("10:01"),
        published_at=at("10:02"),
        components=[orders],
    )
    theirs = await open_incident(world.conn, draft, by="person:ada", now=at("10:02"))
    await world.turn("10:10")
    assert [(row[0], row[3]) for row in await world.incidents() if row[4]] == [(theirs, True)]
    assert await world.spans() == [told(orders, "10:01", None, 1)]


async def planned(world, component, status):
    """Plan a maintenance of it from ten to eleven."""
    plan = Draft(
        kind=Kind.MAINTENANCE,
        title="A new disk",
        impact=Impact.MAINTENANCE,
        status=status,
        starts_at=at("10:00"),
        ends_at=at("11:00"),
        published_at=at("09:00"),
        components=[component],
    )
    await open_incident(world.conn, plan, by="person:ada", now=at("09:00"))


async def test_nothing_is_opened_in_maintenance_and_what_is_down_after_it_is(world):
    orders = await make_component(world.conn)
    await planned(world, orders, Status.IN_PROGRESS)
    await world.becomes(orders, "down", "10:10")
    await world.turn("10:10:01")
    assert await world.deeds(orders) == ["maintenance"]
    await world.turn("11:00:01")
    await world.turn("11:00:02")
    assert await world.deeds(orders) == ["maintenance", "open"]
    await world.turn("11:05:01")
    assert [row[1:] for row in await world.spans() if row[1] == Impact.MAJOR] == [
        (2, at("11:00"), None)
    ]


async def test_a_maintenance_whose_time_has_come_needs_no_clock_to_be_one(world):
    orders = await make_component(world.conn)
    await planned(world, orders, Status.PLANNED)
    # The server was away from before ten; its loops begin in any order.
    await world.becomes(orders, "down", "10:01")
    await world.turn("10:20")
    assert await world.deeds(orders) == ["maintenance"]
    await world.turn("10:30")
    assert await world.incidents() == []


async def test_a_policy_may_ask_before_publishing_and_before_closing(world):
    orders = await make_component(world.conn)
    await world.policy(publish="ask", close="ask")
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    await world.turn("11:00")
    assert [row[3] for row in await world.incidents()] == [False]
    await world.becomes(orders, "up", "11:10")
    await world.turn("11:10:01")
    assert [(row[1], row[4]) for row in await world.incidents()] == [("observing", True)]
    await world.becomes(orders, "down", "11:20")
    await world.turn("11:20:01")
    assert [(row[1], row[4]) for row in await world.incidents()] == [("detected", True)]


async def test_what_is_watched_and_gets_graver_is_no_longer_only_watched(world):
    orders = await make_component(world.conn)
    await world.policy(publish_after=timedelta(0), close="ask")
    for state, clock in (("degraded", "10:00"), ("up", "10:10"), ("down", "10:20")):
        await world.becomes(orders, state, clock)
        await world.turn(f"{clock}:01")
    assert [row[1:3] for row in await world.incidents()] == [("detected", Impact.MAJOR)]
    assert await world.deeds(orders) == ["open", "observe", "escalate"]


async def test_the_narrowest_place_that_says_something_counts(world):
    orders, mail = await make_component(world.conn), await make_component(world.conn, "Mail")
    said = {
        ("", ""): {"publish_after": timedelta(0)},
        ("Mail", ""): {"cap": 1},
        ("Mail", "EU-DE"): {"enabled": False},
    }
    assert await keep_policies(world.conn, said, by="test")
    assert not await keep_policies(world.conn, said, by="test")
    await world.becomes(mail, "down", "10:00")
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    assert await world.spans() == [told(orders, "10:00", None)]
    assert await world.deeds(mail) == ["disabled"]
    del said["Mail", "EU-DE"]
    await keep_policies(world.conn, said, by="test")
    await world.turn("10:30")
    assert await world.spans() == [told(orders, "10:00", None), told(mail, "10:00", None, 1)]


async def test_flapping_is_one_note_and_no_coming_and_going(world):
    orders = await make_component(world.conn)
    await world.policy(publish_after=timedelta(0))
    await world.becomes(orders, "up", "09:30")
    for minute in range(0, 30, 2):
        await world.becomes(orders, "down", f"10:{minute:02}")
        await world.turn(f"10:{minute:02}:01")
        await world.becomes(orders, "up", f"10:{minute + 1:02}")
        await world.turn(f"10:{minute + 1:02}:01")
    [(number, *_, is_open)] = await world.incidents()
    assert is_open
    deeds = await world.deeds(orders)
    assert deeds[:4] == ["open", "close", "reopen", "flapping"]
    assert "close" not in deeds[3:]
    assert len(await world.notes(number)) == 1
    await world.turn("10:45")
    assert [row[4] for row in await world.incidents()] == [True]
    await world.turn("10:50")
    assert [row[4] for row in await world.incidents()] == [False]
    assert await world.spans() == [told(orders, "10:00", "10:29")]
    [(from_at, to_at)] = await world.rows("SELECT from_at, to_at FROM incidents.flapping")
    assert (from_at, to_at) == (at("10:03"), at("10:50"))


async def test_what_we_could_not_see_is_written_down(world):
    orders, stock = await make_component(world.conn), await make_component(world.conn, "Stock")
    await make_target(world.conn, component_id=orders)
    await world.becomes(stock, "unknown", "09:00")
    await world.becomes(orders, "unknown", "09:00")
    await world.becomes(orders, "up", "09:01")
    await world.becomes(orders, "unknown", "10:00")
    await world.turn("10:00:01")
    rows = await world.rows("SELECT component_id, from_at, to_at FROM incidents.blind ORDER BY 2")
    assert rows == [(orders, at("09:00"), at("09:01")), (orders, at("10:00"), None)]


async def test_a_component_that_is_retired_is_no_longer_told_of(world):
    orders = await make_component(world.conn)
    await world.policy(publish_after=timedelta(0))
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    await world.conn.execute(
        "UPDATE fleet.component SET retired_at = %s WHERE id = %s", (at("10:30"), orders)
    )
    await world.turn("10:30:01")
    assert await world.spans() == [told(orders, "10:00", "10:30")]


async def test_repeating_changes_nothing(world):
    orders = await make_component(world.conn)
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    before = await world.rows("SELECT id, version FROM incidents.incident")
    for second in range(2, 8):
        await world.turn(f"10:00:0{second}")
    assert await world.rows("SELECT id, version FROM incidents.incident") == before
    assert await world.rows("SELECT id FROM health.transition WHERE handled_at IS NULL") == []
