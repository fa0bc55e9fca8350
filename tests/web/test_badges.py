"""Badges and the summary others embed."""

import json

import pytest
from tests.factories import at, make_component
from tests.web.browser import KEY, Browser, authenticate
from tests.web.feeds_world import EVIL, parsed, plan, private, tell

from vedette.incidents.model import Impact, Status
from vedette.web.feeds.badges import badge_json, badge_svg, width_px
from vedette.web.feeds.outside import Outside
from vedette.web.feeds.standing import Standing
from vedette.web.site import site


async def message(browser, slug: str = "orders-eu-de") -> str:
    return json.loads((await browser.get(f"/badges/{slug}.json")).text)["message"]


@pytest.mark.parametrize(
    ("state", "impact", "said"),
    [
        (None, None, "up"),
        ("up", None, "up"),
        ("unknown", None, "unknown"),
        ("initialising", None, "degraded"),
        ("degraded", None, "degraded"),
        ("down", None, "down"),
        ("up", Impact.MINOR, "degraded"),
        ("up", Impact.MAJOR, "major trouble"),
        ("unknown", Impact.OUTAGE, "down"),
        ("down", Impact.MINOR, "down"),
    ],
)
async def test_a_badge_says_the_worse_of_what_is_told_and_measured(
    owner_conn, browser, state, impact, said
):
    orders = await make_component(owner_conn, "Orders", state=state)
    if impact:
        await tell(owner_conn, orders, impact=impact)
    assert await message(browser) == said


async def test_a_component_under_maintenance_is_not_down(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders", state="down")
    await plan(
        owner_conn, orders, status=Status.IN_PROGRESS, starts_at=at("11:00"), ends_at=at("13:00")
    )
    assert await message(browser) == "maintenance"


async def test_the_badge_of_all_shows_the_gravest(owner_conn, browser):
    assert await message(browser, "overall") == "unknown"
    await make_component(owner_conn, "Orders", state="up")
    await make_component(owner_conn, "Search", state="degraded")
    hidden = await make_component(owner_conn, "Ledger", state="down")
    await private(owner_conn, hidden)
    assert await message(browser, "overall") == "degraded"


async def test_a_badge_can_be_read_without_being_seen(owner_conn, browser):
    await make_component(owner_conn, "Orders", type="shop", state="up")
    page = await browser.get("/badges/orders-eu-de-shop.svg")
    assert page.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    picture = parsed(page)
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == "Orders (shop) in EU-DE: up"
    assert picture.findtext("{http://www.w3.org/2000/svg}title") == "Orders (shop) in EU-DE: up"


async def test_there_is_no_badge_of_what_is_private_or_not_there(owner_conn, browser):
    await private(owner_conn, await make_component(owner_conn, "Ledger", state="down"))
    for path in ("/badges/ledger-eu-de.svg", "/badges/ledger-eu-de.json", "/badges/x.svg"):
        assert (await browser.get(path)).status == 404


@pytest.mark.parametrize("name", [EVIL + "\x0b", "x" * 500, "", "数据库 – Ä́"])
def test_a_name_is_words_on_a_badge_whatever_it_is(name):
    class Page:
        text = badge_svg(name, Standing.UP).decode()

    picture = parsed(Page)
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} == {
        "svg", "title", "clipPath", "rect", "g", "text",
    }  # fmt: skip
    assert not [key for element in picture.iter() for key in element.attrib if key.startswith("on")]
    assert int(picture.get("width")) < 800
    assert b"<" not in badge_json(name, Standing.UP)
    assert json.loads(badge_json(name, Standing.UP))["label"] == name


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("up", 13, 15), ("iiii", 11, 13), ("WWWW", 42, 45), ("ÄÖ", 15, 18), ("数据", 21, 23)],
)
def test_a_text_is_as_wide_as_its_letters(text, least, most):
    assert least <= width_px(text) <= most


async def test_the_summary_names_what_is_open_and_planned(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders", state="up")
    await tell(owner_conn, orders, title=EVIL, impact=Impact.MAJOR)
    await plan(owner_conn, orders)
    page = await browser.get("/embed/summary")
    assert page.words.startswith("Partial System Outage")
    assert "New disks planned from 2026-11-21 15:00 UTC" in page.words
    assert not [name for name, _ in page.tags if name in {"script", "img"}]


async def test_the_summary_names_the_gravest_first_each_in_its_tone(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders", state="up")
    stock = await make_component(owner_conn, "Stock", state="up")
    await plan(owner_conn, orders)
    await tell(owner_conn, orders, title="slow", impact=Impact.MINOR)
    await tell(owner_conn, stock, title="gone", impact=Impact.OUTAGE)
    page = await browser.get("/embed/summary")
    assert page.words.index("gone") < page.words.index("slow") < page.words.index("New disks")
    tones = [said["class"] for tag, said in page.tags if tag == "li"]
    assert tones == ["tone-down", "tone-degraded", "tone-draining"]


async def test_the_summary_may_be_framed_where_the_settings_say_so(lender, browser):
    closed = (await browser.get("/embed/summary")).headers
    assert "frame-ancestors 'none'" in closed["content-security-policy"]
    assert closed["x-frame-options"] == "DENY"
    outside = Outside(url="https://status.example.org/", embed_in=("https://intranet.example",))
    pages = site(lender, authenticate=authenticate, cookie_key=KEY, outside=outside).pages
    browser = Browser(pages)
    opened = (await browser.get("/embed/summary")).headers
    assert "frame-ancestors https://intranet.example;" in opened["content-security-policy"]
    assert "default-src 'none'" in opened["content-security-policy"]
    assert "x-frame-options" not in opened
    assert "frame-ancestors 'none'" in (await browser.get("/")).headers["content-security-policy"]
    feed = json.loads((await browser.get("/feeds/all.json")).text)
    assert feed["home_page_url"] == "https://status.example.org/"
