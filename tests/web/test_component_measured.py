"""What a component's page says in numbers: its availability, and what its operator chose to publish."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests import factories as make
from tests.factories import NOON

from vedette.app.settings import Settings, to_declaration
from vedette.fleet.declare import declare
from vedette.web.component_measured import MOST, published

HOST = "secret-host.internal"


@pytest.fixture
async def orders(owner_conn) -> int:
    """A component whose two targets measured for half an hour, with a hole of ten minutes."""
    component = await make.make_component(
        owner_conn, "Orders", state="up", since=NOON - timedelta(days=3), made_at=NOON
    )
    await make.make_partition(owner_conn, "2026-11-21")
    layout = await make.make_layout(
        owner_conn,
        ["total_s", "queue_messages", "users"],
        entities=["", "queue:mail", ""],
        units=["seconds", "1", "1"],
    )
    agent = await make.make_agent(owner_conn, "edge-secret")
    for nth, name in enumerate((HOST, "db-secret-2")):
        target = await make.make_target(
            owner_conn, name, component_id=component, state="up", since=NOON
        )
        await make.make_observation(
            owner_conn,
            target,
            agent,
            since=NOON,
            seen_at=NOON,
            layout_id=layout,
            values=[0.1, 41, 777],
        )
        for back in (*range(30, 20, -1), *range(10, 0, -1)):
            await make.make_report(
                owner_conn,
                target,
                agent,
                at=NOON - timedelta(minutes=back),
                layout_id=layout,
                values=[0.1 * (nth + 1), 40 + back, 777],
            )
    return component


async def publish(conn, component: int, text: str, **attributes: str) -> str:
    row = await (
        await conn.execute(
            "UPDATE fleet.component SET attributes = attributes || %s WHERE id = %s RETURNING slug",
            (Jsonb({"publish": text, **attributes}), component),
        )
    ).fetchone()
    return f"/components/{row[0]}"


async def test_nothing_is_published_unless_its_operator_says_so(owner_conn, browser, orders):
    page = await browser.get(await publish(owner_conn, orders, ""))
    assert page.status == 200
    assert "Measurements" not in page.words
    assert "777" not in page.text


async def test_what_is_published_is_drawn_with_its_unit_and_said_in_words(
    owner_conn, browser, orders
):
    path = await publish(owner_conn, orders, "total_s = Answer time, queue_messages/queue:mail")
    page = await browser.get(path)
    assert "Measurements" in page.words
    assert "Least 100 ms, greatest 200 ms." in page.words
    pictures = [said["aria-label"] for tag, said in page.tags if tag == "svg" and "role" in said]
    assert pictures == [
        "Answer time over the last 24 hours: now 150 ms, least 100 ms, greatest 200 ms.",
        "queue messages over the last 24 hours: now 41, least 41, greatest 70.",
    ]
    lines = [said["d"] for tag, said in page.tags if tag == "path" and said.get("class") == "trace"]
    assert all(lines)
    for secret in (HOST, "db-secret-2", "edge-secret", "777"):
        assert secret not in page.text


async def test_until_when_targets_answered_is_published_as_rtt(owner_conn, browser, orders):
    await owner_conn.execute("UPDATE health.report SET rtt_s = 0.02 * (1 + target_id % 2)")
    page = await browser.get(await publish(owner_conn, orders, "rtt"))
    assert "round-trip time" in page.words
    assert "Until the target answered" in page.words
    assert "now 30 ms, least 20 ms, greatest 40 ms." in page.text


async def test_a_look_without_an_answer_draws_no_answer_time(owner_conn, browser, orders):
    await owner_conn.execute("UPDATE health.report SET rtt_s = 'NaN'")
    page = await browser.get(await publish(owner_conn, orders, "rtt"))
    assert "Nothing was measured in this time." in page.words


async def test_a_week_is_asked_for_by_address_and_nothing_else_is(owner_conn, browser, orders):
    path = await publish(owner_conn, orders, "total_s")
    week = await browser.get(path + "?span=7d")
    assert "over the last 7 days" in week.text
    assert (await browser.get(path + "?span=9d")).status == 400
    assert 'href="' + path + '?span=7d#measured" aria-current="true"' in week.text


async def test_a_measurement_nobody_made_is_said_to_be_empty(owner_conn, browser, orders):
    page = await browser.get(await publish(owner_conn, orders, "nothing_so, users/no:part"))
    assert page.words.count("Nothing was measured in this time.") == 2


async def test_a_private_component_publishes_nothing(owner_conn, browser, orders):
    path = await publish(owner_conn, orders, "total_s", public="false")
    assert (await browser.get(path)).status == 404


async def test_what_is_called_by_hostile_names_is_escaped(owner_conn, browser, orders):
    path = await publish(owner_conn, orders, 'total_s = <script>alert("x")</script>')
    page = await browser.get(path)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_availability_stands_with_its_policy_and_leads_to_the_table(
    owner_conn, browser, orders
):
    await owner_conn.execute(
        "UPDATE fleet.component SET made_at = %s WHERE id = %s",
        (NOON - timedelta(days=400), orders),
    )
    await owner_conn.execute(
        """
        WITH told AS (
            INSERT INTO incidents.incident (
                kind, title, impact, status, origin, starts_at, ends_at, published_at, made_at,
                made_by, changed_at)
            SELECT 'incident', 'x', 3, 'resolved', 'person', %(at)s, %(at)s + interval '9 days',
                %(at)s, %(at)s, 'ada', %(at)s
            RETURNING id, starts_at, ends_at)
        INSERT INTO incidents.span (component_id, incident_id, impact, from_at, to_at)
        SELECT %(id)s, id, 3, starts_at, ends_at FROM told""",
        {"id": orders, "at": NOON - timedelta(days=50)},
    )
    page = await browser.get(await publish(owner_conn, orders, ""))
    # Nine of ninety days were lost, all of them before this month.
    assert "90 days 90.00 % November 2026 100 %" in page.words
    assert "Lost is 100 % of an outage, 30 % of major impact" in page.words
    links = [said.get("href", "") for tag, said in page.tags if tag == "a"]
    assert any(link.startswith("/availability?component=orders") for link in links)


async def test_a_settings_file_names_what_is_published(owner_conn, browser, orders):
    said = {"name": "Orders", "regions": ["EU-DE"], "publish": {"total_s": "Answer time"}}
    more = said | {"publish": {"total_s": "Answer time", "queue_messages/queue:mail": None}}
    for written, drawn in ((said, 1), (more, 2)):
        file = msgspec.convert({"services": [written]}, Settings)
        await declare(owner_conn, to_declaration(file), origin="file", now=NOON)
        page = await browser.get("/components/orders-eu-de")
        assert page.words.count("Least") == drawn


@given(st.lists(st.text(max_size=30), max_size=20))
def test_whatever_the_attribute_holds_is_read_as_names(items):
    found = published(items)
    assert len(found) <= MOST
    assert len({(one.name, one.entity) for one in found}) == len(found)
    assert all(one.name and "=" not in one.name + one.entity for one in found)
