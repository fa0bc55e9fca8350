"""Every page in a real browser, as a visitor has it: no scripts, a phone and a desk, light and dark."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.web import crowd, inspect_page, world
from tests.web.browser import KEY, authenticate
from tests.web.chromium import HEIGHT, Look, looked_at, served

from vedette import clock
from vedette.app.catalogue import CATALOGUE
from vedette.app.front import front
from vedette.db import testing
from vedette.db.create import OWNER
from vedette.db.pool import connect, open_pool
from vedette.web.site import site

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]

READER = "vdt_reader"
PAGES = {
    "status": "/",
    "status in German": "/?lang=de&tz=Europe/Berlin",
    "incident": "/incidents/31",
    "incident that is over": "/incidents/1",
    "history": "/history",
    "history without a find": "/history?words=nothing-was-told-so",
    "maintenance": "/maintenance",
    "component": "/components/images-eu-de",
    "component that publishes": "/components/orders-database",
    "component that publishes, in German": "/components/orders-database?span=7d&lang=de",
    "preferences": "/preferences",
    "targets": "/targets",
    "targets narrowed": "/targets?state=down&cluster=billing&words=refused",
    "no target": "/targets?words=nothing-is-called-so",
    "target": "/targets/orders-db",
    "target in trouble": "/targets/postgres-007",
    "agents": "/agents",
    "targets in German": "/targets?lang=de",
    "agents in German": "/agents?lang=de",
    "availability": "/availability",
    "availability counted twice": "/availability?beside=compatible",
    "incident nobody knows": "/incidents/999",
    "missing": "/targets/none",
    "invalid": "/targets?state=purple",
    "summary to embed": "/embed/summary",
}
FOR_STRANGERS = {"sign-in": "/sign-in", "first run": "/", "nobody's": "/targets"}
VIEWS = [(width, scheme) for width in (390, 1440) for scheme in ("light", "dark")]


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="session")
async def houses(cluster, chrome) -> AsyncIterator[dict[str, Look]]:
    """`full` and `empty`: how to look at the pages of a busy house, and of one just started."""
    async with AsyncExitStack() as stack:
        looks = {}
        for name in ("full", "empty"):
            database = await testing.clone(cluster.admin)
            stack.push_async_callback(testing.drop, cluster.admin, database)
            dsn = cluster.url(database, OWNER)
            if name == "full":
                await _fill(dsn)
            pool = await open_pool(dsn)
            stack.push_async_callback(pool.close)
            pages = site(pool, authenticate=authenticate, cookie_key=KEY, catalogue=CATALOGUE).pages
            address = await stack.enter_async_context(served(front(pages, _elsewhere)))
            looks[name] = partial(_look, chrome, address)
        yield looks


async def _fill(dsn: str) -> None:
    now = clock.now()
    async with await connect(dsn) as conn, conn.transaction():
        ids = await world.fill_page(conn, now=now, components=24)
        for nth, state in ((3, "down"), (9, "degraded"), (12, "unknown"), (20, "draining")):
            await world.turn(conn, ids[nth], state, at=now - timedelta(minutes=nth))
        await crowd.fill_incidents(conn, ids, now=now)
        await crowd.fill_targets(conn, now=now)
        await crowd.fill_agents(conn, now=now)
        await world.fill_target(conn, now=now)
        await conn.execute(
            """
            UPDATE fleet.component AS c
            SET slug = 'orders-database',
                attributes = attributes || '{"publish": "connections, cache_hit_ratio = Hits, no_such"}'
            FROM fleet.service AS s
            WHERE s.id = c.service_id AND s.name = 'Orders database'"""
        )


async def _look(browser, address, path, **view):
    return await looked_at(browser, address + path, **view)


@pytest.fixture
async def look(houses) -> AsyncIterator[Look]:
    """Look at a page of the busy house; what was opened is closed after the test."""
    opened = []

    async def at(path, *, house="full", **view):
        looked = await houses[house](path, **view)
        opened.append(looked.page.context)
        return looked

    yield at
    for context in opened:
        await context.close()


async def opened(look, name, **view):
    if name in PAGES:
        return await look(PAGES[name], token=READER, **view)
    return await look(FOR_STRANGERS[name], house="empty", **view)


@pytest.mark.parametrize("name", [*PAGES, *FOR_STRANGERS])
async def test_a_page_can_be_read_and_touched(look, name):
    looked = await opened(look, name, width=390)
    assert "default-src 'none'" in looked.headers["content-security-policy"]
    found = {}
    for width, scheme in VIEWS:
        await looked.page.set_viewport_size({"width": width, "height": HEIGHT})
        await looked.page.emulate_media(color_scheme=scheme)
        found[width, scheme] = await inspect_page.faults(looked.page)
    assert {view: faults for view, faults in found.items() if faults} == {}
    assert looked.complaints == []


@pytest.mark.parametrize("name", [*PAGES, *FOR_STRANGERS])
async def test_axe_finds_nothing(look, name):
    looked = await opened(look, name, width=390, scripts=True)
    await looked.page.evaluate(AXE_FILE_PATH.read_text())
    # A list of a hundred rows says nothing that one of eight does not.
    await looked.page.evaluate(
        "document.querySelectorAll('tr:nth-child(n+9)').forEach(r => r.remove())"
    )
    for width, scheme in ((390, "dark"), (1440, "light")):
        await looked.page.set_viewport_size({"width": width, "height": HEIGHT})
        await looked.page.emulate_media(color_scheme=scheme)
        assert await inspect_page.axe_violations(looked.page) == [], (width, scheme)


@pytest.mark.parametrize(
    "name", ["status", "incident", "history", "targets narrowed", "target", "agents"]
)
async def test_the_keyboard_reaches_everything_in_its_order_and_one_sees_where_it_is(look, name):
    # A page that scrolls smoothly is not yet there when it is asked.
    looked = await opened(look, name, width=1440, reduced_motion="reduce")
    reached, expected = await inspect_page.tabbed(looked.page, at_most=30)
    assert [each["name"] for each in reached] == expected[:30]
    assert [each for each in reached if not each["is_seen"]] == []


async def test_signing_in_begins_in_the_field(look):
    page = (await opened(look, "sign-in", width=390)).page
    assert await page.evaluate("document.activeElement.id") == "token"


async def test_the_first_tab_leads_past_the_head_of_the_page(look):
    page = (await look("/targets", width=390, token=READER)).page
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("name", ["status", "target"])
async def test_nothing_moves_for_those_who_asked_for_rest(look, name):
    still = await opened(look, name, width=390, reduced_motion="reduce")
    assert await inspect_page.motions(still.page) == []
    assert (
        await still.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
        == "auto"
    )


@pytest.mark.parametrize(
    "name",
    [
        "status",
        "incident",
        "history",
        "maintenance",
        "component that publishes",
        "availability",
        "target",
        "targets",
        "agents",
    ],
)
async def test_paper_is_light_and_has_nothing_to_click(look, name):
    page = (await opened(look, name, width=1440, dark=True)).page
    await page.emulate_media(media="print", color_scheme="dark")
    ground, ink = await page.evaluate(
        "[getComputedStyle(document.documentElement).backgroundColor,"
        " getComputedStyle(document.body).color]"
    )
    assert ground == "rgb(255, 255, 255)"
    assert ink == "rgb(25, 32, 29)"
    assert not await page.locator("form:visible, nav:visible").count()


async def test_a_year_of_availability_stands_in_the_window(look):
    page = (await opened(look, "availability counted twice", width=1440)).page
    hidden = await page.evaluate(
        "[...document.querySelectorAll('.wide')].map(e => e.scrollWidth - e.clientWidth)"
    )
    assert hidden
    assert max(hidden) <= 0


async def test_a_screen_on_a_wall_shows_regions_side_by_side(look):
    page = (await opened(look, "status", width=2560)).page
    assert await inspect_page.faults(page) == []
    lefts = await page.evaluate(
        "[...document.querySelectorAll('.region')].map(e => e.getBoundingClientRect().left)"
    )
    assert len({round(left) for left in lefts}) == 2


async def test_a_filter_is_a_form_and_an_address(look):
    page = (await look("/targets", width=390, token=READER)).page
    await page.get_by_label("Cluster").select_option("billing")
    await page.get_by_role("searchbox").fill("refused")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name="Down").click()
    assert page.url.endswith("/targets?state=down&cluster=billing&words=refused")
    assert await page.get_by_role("rowheader").count() == 3
    await page.get_by_role("link", name="Show all").click()
    assert await page.get_by_role("rowheader").count() == 100


async def test_a_reader_chooses_zone_and_language_and_comes_back(look):
    page = (await look("/history?impact=outage", width=390)).page
    await page.get_by_role("link", name="Change zone and language").click()
    await page.get_by_label("Time zone").select_option("Asia/Tokyo")
    await page.get_by_label("Language").select_option("Deutsch")
    await page.get_by_role("button", name="Keep it so").click()
    assert page.url.endswith("/history?impact=outage")
    assert await page.get_by_role("heading", name="Verlauf").is_visible()
    assert await page.get_by_text("JST").first.is_visible()


async def test_a_browser_signs_in_with_a_token_and_out_again(look):
    page = (await look("/agents", width=390)).page
    assert "/login?" in page.url
    await page.get_by_label("Token").fill("vdt_wrong")
    await page.get_by_role("button", name="Sign in").click()
    assert await page.get_by_role("alert").is_visible()
    await page.get_by_label("Token").fill(READER)
    await page.get_by_role("button", name="Sign in").click()
    assert page.url.endswith("/agents")
    assert await page.get_by_role("row").filter(has_text="edge-berlin-2").is_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(page.url + "targets")
    assert "/login?" in page.url


ILL = (
    "<!doctype html><h1>One</h1><h3>Three</h3><p style='width:600px'>wide</p>"
    "<div style='height:20px'><p>below</p><p style='margin-top:-34px'>above</p></div>"
    "<button style='height:10px;padding:0;border:0;min-height:0'>small</button>"
)


async def test_the_inspection_sees_what_it_is_for(look):
    page = (await look("/sign-in", width=390, scripts=True)).page
    await page.set_content(ILL)
    faults = " ".join(await inspect_page.faults(page))
    for said in ("px wider", "h3 after h1", "“below”", "“above”", "button small is"):
        assert said in faults, (said, faults)


async def test_what_the_policy_forbids_is_a_complaint(look):
    looked = await look("/sign-in", width=390)
    await looked.page.set_content(ILL)
    assert any("Content Security Policy" in text for text in looked.complaints)
