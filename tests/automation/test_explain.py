"""Why a component is as it is, and what was told of it, from what is stored."""

from datetime import timedelta

import pytest
from tests.automation.automation_world import World
from tests.factories import (
    at,
    make_agent,
    make_component,
    make_observation,
    make_target,
    make_transition,
)
from tests.rest_world import rest_over

from vedette.automation.explain import explain
from vedette.automation.incidents_from_transitions import run_once
from vedette.cli.explain import told
from vedette.db.pool import connect
from vedette.errors import Invalid, Missing
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.update import update_incident


@pytest.fixture
async def world(conn):
    return World(conn)


async def said(world, clock, *, now=None):
    """The sentences of an explanation at that time, by what they are about."""
    found = await explain(
        world.conn, "orders-eu-de", at=None if now else at(clock), now=at(now or "23:00")
    )
    lines = {}
    for line in found.lines:
        lines.setdefault(line.about, []).append(line.text)
    return lines, found


async def orders_down(world):
    orders = await make_component(world.conn, made_at=at("08:00"))
    await world.becomes(orders, "up", "09:30")
    await world.becomes(orders, "down", "10:00")
    await world.turn("10:00:01")
    return orders


async def test_a_draft_that_waits_is_told_with_its_time(world):
    await orders_down(world)
    lines, found = await said(world, None, now="10:01")
    assert (found.state, found.since) == ("down", at("10:00"))
    [text] = lines["incident"]
    assert "major, a draft that goes out at 2026-11-21 10:05:00 UTC, made by the automation" in text
    [text] = lines["automation"]
    assert "was opened for it, to be public at 2026-11-21 10:05:00 UTC" in text
    assert lines["policy"] == [
        "Its policy: public after 5m, at most major, closes by itself, the same again within 10m."
    ]
    assert found.unknown == []


async def test_the_past_is_told_as_it_was_and_what_is_not_kept_is_said(world):
    orders = await orders_down(world)
    await world.turn("10:05")
    await world.becomes(orders, "up", "10:20")
    await world.turn("10:20:01")
    lines, found = await said(world, "09:45")
    assert found.state == "up"
    assert lines["incident"] == ["No incident tells of it, and it is in no trouble."]
    lines, found = await said(world, "10:10")
    assert found.state == "down"
    assert "public since" in lines["incident"][0]
    assert any("policy that held then" in one for one in found.unknown)
    lines, _ = await said(world, "10:30")
    assert "was closed" in lines["automation"][0]
    lines, found = await said(world, "07:00")
    assert found.state == ""
    assert "It was declared only later." in lines["component"]


async def test_maintenance_disabled_flapping_and_persons_are_reasons(world):
    orders = await make_component(world.conn)
    plan = Draft(
        kind=Kind.MAINTENANCE,
        title="A new disk",
        impact=Impact.MAINTENANCE,
        status=Status.IN_PROGRESS,
        starts_at=at("10:00"),
        ends_at=at("11:00"),
        published_at=at("09:00"),
        components=[orders],
    )
    await open_incident(world.conn, plan, by="person:ada", now=at("09:00"))
    await world.becomes(orders, "down", "10:10")
    await world.turn("10:10:01")
    lines, _ = await said(world, None, now="10:11")
    assert "nothing is opened" in lines["maintenance"][0]
    assert "is judged when that ends" in lines["incident"][0]
    await world.policy(enabled=False)
    await world.turn("11:00:01")
    lines, _ = await said(world, None, now="11:01")
    assert "`enabled: false`" in lines["incident"][0]
    await world.policy()
    await world.turn("11:02")
    [(number, *_)] = await world.incidents()
    await update_incident(world.conn, number, by="person:ada", now=at("11:03"), text="mine")
    lines, _ = await said(world, None, now="11:04")
    assert "a person's, so no machine changes it" in lines["incident"][0]
    await close_incident(world.conn, number, by="person:ada", now=at("11:05"))
    await world.turn("11:06")
    lines, _ = await said(world, None, now="11:07")
    assert f"{number} was ended" in lines["incident"][0]
    await world.conn.execute(
        "INSERT INTO incidents.flapping VALUES (%s, %s)", (orders, at("11:08"))
    )
    lines, _ = await said(world, "11:09")
    assert "too often" in lines["flapping"][0]


async def test_targets_and_observers_are_told_with_their_patience_and_silence(world):
    orders = await make_component(world.conn)
    for name in ("orders-db", "orders-web"):
        target = await make_target(
            world.conn, name, component_id=orders, every=timedelta(seconds=10)
        )
        await world.conn.execute("UPDATE fleet.target SET made_at = %s", (at("08:00"),))
        await make_transition(world.conn, "up", at=at("09:00"), target_id=target)
    await make_transition(
        world.conn, "down", was="up", at=at("10:00"), target_id=target, reason="refused"
    )
    quiet = await make_agent(world.conn, "quiet")
    await make_observation(world.conn, target, quiet, silent_since=at("09:59"))
    eager = await make_agent(world.conn, "eager")
    await make_observation(world.conn, target, eager, state="down")
    await world.conn.execute(
        "UPDATE health.observation SET dissent = 1, worse = false WHERE agent_id = %s", (eager,)
    )
    lines, _ = await said(world, None, now="12:30")
    assert lines["target"][0] == (
        "orders-web is down: refused (looked at every 10s; worse is believed after 3 looks in a row,"
        " better after 2, silence after 25s)."
    )
    assert [text.split()[0:3] for text in lines["target"][1:]] == [["orders-db", "is", "up"]]
    assert "1 of 2 looks in a row say it is better" in lines["observer"][0]
    assert "it has no vote" in lines["observer"][1]


async def test_what_is_not_there_and_what_is_to_come_is_refused(conn):
    with pytest.raises(Missing, match="there is no component 'nobody'"):
        await explain(conn, "nobody", at=None, now=at("12:00"))
    await make_component(conn)
    with pytest.raises(Invalid, match="future"):
        await explain(conn, "orders-eu-de", at=at("12:01"), now=at("12:00"))


async def test_it_is_asked_by_rest_and_read_on_the_command_line(fresh_app_url):
    async with await connect(fresh_app_url) as conn:
        orders = await make_component(conn, made_at=at("08:00"))
        await make_transition(conn, "down", at=at("10:00"), component_id=orders, reason="x\x1b[2J")
        await run_once(conn, now=at("10:00:01"))
        await conn.commit()
    path = "/api/v1/components/orders-eu-de/explain"
    async with rest_over(fresh_app_url) as rest:
        answer = await rest.get(f"{path}?at=2026-11-21T10:30:00Z", scopes=("read",))
        refused = [
            (await rest.get(path, scopes=("ask",))).status_code,
            (await rest.get("/api/v1/components/nobody/explain", scopes=("read",))).status_code,
            (await rest.get(f"{path}?at=2026-11-21T10:30:00", scopes=("read",))).status_code,
            (await rest.get(f"{path}?at=2999-01-01T00:00:00Z", scopes=("read",))).status_code,
        ]
    assert refused == [403, 404, 400, 400]
    lines = told(answer.json())
    assert lines[0] == "Orders (Shop, EU-DE) at 2026-11-21T10:30:00Z: down"
    assert any("2026-11-21T10:00:00Z  component" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
