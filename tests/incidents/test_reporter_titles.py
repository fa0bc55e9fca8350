"""What is called how that a reporter opened: named after who is affected, while it lasts."""

import pytest
from tests.factories import at, make_component

from vedette.incidents.components import Component, component_named
from vedette.incidents.model import Impact, Titles
from vedette.incidents.reads import incident
from vedette.incidents.reporter_titles import LABEL_LIMIT, made_title
from vedette.incidents.reporters import Post, report
from vedette.incidents.update import update_incident

NOW = at("12:00")


async def reported(conn, service, impact, **more) -> str:
    """What the incident is called that the component is in after the post."""
    component = await component_named(conn, service, {})
    outcome = await report(conn, Post(component=component, impact=Impact(impact), **more), by="reporter", now=NOW)  # fmt: skip
    return (await incident(conn, outcome.incident_id)).title


@pytest.fixture
async def three(conn):
    for name in ("One", "Two", "Three"):
        await make_component(conn, name, region="EU-DE", category="Shop")
    return conn


async def test_a_title_says_who_is_affected_and_how_many_more(three):
    assert await reported(three, "One", 1) == "One (Shop, EU-DE): minor"
    assert await reported(three, "Two", 1) == "One (Shop, EU-DE): minor and 1 more"
    assert await reported(three, "Three", 1) == "One (Shop, EU-DE): minor and 2 more"


async def test_who_leaves_is_counted_no_longer_and_the_graver_is_said(three):
    for name in ("One", "Two"):
        await reported(three, name, 1)
    assert await reported(three, "Two", 2) == "Two (Shop, EU-DE): major"
    assert await reported(three, "One", 1) == "One (Shop, EU-DE): minor"
    assert await reported(three, "One", 3) == "One (Shop, EU-DE): outage"


async def test_a_title_that_was_given_stays(three):
    assert await reported(three, "One", 1, title="Slow shop") == "Slow shop"
    assert await reported(three, "Two", 1, title="Two is slow") == "Slow shop"


async def test_a_title_that_a_person_gave_stays(three):
    component = await component_named(three, "One", {})
    outcome = await report(
        three, Post(component=component, impact=Impact.MINOR), by="reporter", now=NOW
    )
    await update_incident(
        three, outcome.incident_id, by="person:ada", now=NOW, title="Shop", taken=False
    )
    assert await reported(three, "Two", 1) == "Shop"


async def test_as_the_first_status_dashboard_has_it(three):
    for name in ("One", "Two"):
        assert await reported(three, name, 1, titles=Titles.COMPATIBLE) == "Incident"


def test_long_attributes_leave_room_for_the_rest():
    component = Component(1, "x" * 200, "y" * 200, "z" * 200, "")
    title = made_title(component, Impact.OUTAGE, 1_000_000)
    assert title.startswith(component.label[:LABEL_LIMIT] + ":")
    assert len(title) <= 300
