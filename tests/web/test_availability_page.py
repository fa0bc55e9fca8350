"""The page of availability: what it shows, what it says beside it, and what it refuses."""

import pytest
from tests import factories as make
from tests.factories import NOON
from tests.incidents.availability_world import component, minutes, tell, when

from vedette.incidents.availability_freeze import run_once
from vedette.incidents.availability_rules import Reporting

NOVEMBER = "from=2026-11&months=1"


async def test_a_component_has_a_number_a_month_and_the_policy_stands_above(owner_conn, browser):
    orders = await component(owner_conn)
    await tell(owner_conn, orders, 3, when("2026-10-05T00:00"), when("2026-10-05T01:00"))
    page = await browser.get("/availability")
    assert page.status == 200
    assert "99.86, fair" in page.words
    assert "100, good" in page.words
    assert "100 % of an outage, 30 % of major impact, 0 % of minor impact" in page.words
    assert "Months are those of UTC; rounded down." in page.words
    headings = [name for name in ("Dec 2025", "Oct 2026", "Nov 2026") if name in page.words]
    assert headings == ["Dec 2025", "Oct 2026", "Nov 2026"]


async def test_a_poor_month_says_so_in_words(owner_conn, browser):
    orders = await component(owner_conn)
    await tell(owner_conn, orders, 3, when("2026-11-01"), when("2026-11-02"))
    page = await browser.get(f"/availability?{NOVEMBER}")
    assert ", poor" in page.words
    assert "icon-down" in page.text


async def test_a_month_corrected_after_it_was_published_shows_both_numbers(owner_conn, browser):
    orders = await component(owner_conn)
    start = when("2026-10-20")
    await tell(owner_conn, orders, 3, start, start + minutes(60))
    await run_once(owner_conn, now=NOON, reporting=Reporting())
    await owner_conn.execute("UPDATE incidents.span SET from_at = %s", (start - minutes(60),))
    words = (await browser.get("/availability?from=2026-10&months=1")).words
    assert "99.86" in words
    assert "revised 99.73" in words


async def test_both_numbers_stand_side_by_side_for_those_who_come_from_the_other(
    owner_conn, browser
):
    await component(owner_conn)
    page = await browser.get(f"/availability?{NOVEMBER}")
    assert "formerly 100" not in page.words
    link = next(a["href"] for tag, a in page.tags if tag == "a" and "beside=" in a["href"])
    assert "formerly 100" in (await browser.get(link)).words


async def test_a_category_is_up_while_all_of_it_is(owner_conn, browser):
    a, b = await component(owner_conn), await component(owner_conn, "Stock")
    await tell(owner_conn, a, 3, when("2026-10-05T00:00"), when("2026-10-05T01:00"))
    await tell(owner_conn, b, 3, when("2026-10-05T00:30"), when("2026-10-05T01:30"))
    words = (await browser.get("/availability?from=2026-10&months=1")).words
    assert "99.79" in words  # 90 of 44,640 minutes
    assert "mean 99.86" in words


async def test_an_objective_says_what_is_left(owner_conn, browser):
    orders = await component(owner_conn)
    await owner_conn.execute(
        'UPDATE fleet.component SET attributes = \'{"slo": "99.9"}\' WHERE id = %s', (orders,)
    )
    await tell(owner_conn, orders, 3, when("2026-11-10T00:00"), when("2026-11-10T00:31"))
    assert "12 min of 43 left at 99.9 %" in (await browser.get("/availability")).words


async def test_months_before_and_after_are_a_link_away(owner_conn, browser):
    await component(owner_conn)
    page = await browser.get("/availability?from=2026-08&months=2&zone=Europe/Berlin")
    links = [a["href"] for tag, a in page.tags if tag == "a" and "/availability?" in a["href"]]
    assert "/availability?zone=Europe%2FBerlin&months=2&from=2026-06" in links
    assert "/availability?zone=Europe%2FBerlin&months=2&from=2026-10" in links
    assert "/api/v1/availability?zone=Europe%2FBerlin&months=2&from=2026-08&format=csv" in links
    page = await browser.get(f"/availability?{NOVEMBER}")
    assert not [a for tag, a in page.tags if tag == "a" and a.get("rel") == "next"]


async def test_the_page_speaks_german(owner_conn, browser):
    await component(owner_conn)
    words = (await browser.get("/availability?lang=de")).words
    assert "Verfügbarkeit" in words
    assert "100 % eines Ausfalls" in words


async def test_names_are_text_and_never_tags(owner_conn, browser):
    hostile = "<img src=x onerror=alert(1)>"
    await make.make_component(owner_conn, hostile, region=hostile)
    page = await browser.get("/availability")
    assert "<img src=x" not in page.text


async def test_an_empty_house_says_so(browser):
    assert "There is no component to count." in (await browser.get("/availability")).words


@pytest.mark.parametrize(
    "query", ["months=0", "from=yesterday", "zone=Mars", "beside=x", "region=" + "x" * 300]
)
async def test_what_cannot_be_shown_is_refused_on_a_page(browser, query):
    page = await browser.get(f"/availability?{query}")
    assert page.status == 400
    assert "We cannot make sense of that" in page.words
