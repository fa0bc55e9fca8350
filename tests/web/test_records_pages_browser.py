"""The pages of services in a real browser: what to mend first is seen at once, on every screen all of it can be read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.records_world import SLUG, fill_service
from tests.web import inspect_page
from tests.web.browser import KEY, authenticate
from tests.web.chromium import Look, looked_at, served

from vedette import clock
from vedette.app.front import front
from vedette.app.service_measures import measures_of
from vedette.db import testing
from vedette.db.create import OWNER
from vedette.db.pool import connect, open_pool
from vedette.incidents.availability_rules import Reporting
from vedette.web.site import site

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("chromium")]

ADMIN = "vdt_admin"
PAGES = {
    "services": "/services",
    "service": f"/services/{SLUG}",
    "service in German": f"/services/{SLUG}?lang=de",
    "service that nothing is known of": "/services/quiet",
    "image": "image",
    "vulnerability": "/advisories/CVE-2023-44487",
    "vulnerability with a statement": "/advisories/CVE-2023-2650?lang=de",
    "find": "/find?name=nothing-is-called-so",
}
VIEWS = [(width, scheme) for width in (390, 1440) for scheme in ("light", "dark")]
HEIGHT = 900


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="session")
async def house(cluster, chrome) -> AsyncIterator[Look]:
    """A house with a service of which everything is known, and one of which nothing is."""
    async with AsyncExitStack() as stack:
        database = await testing.clone(cluster.admin)
        stack.push_async_callback(testing.drop, cluster.admin, database)
        dsn = cluster.url(database, OWNER)
        async with await connect(dsn) as conn, conn.transaction():
            await fill_service(conn, now=clock.now())
            await conn.execute("INSERT INTO fleet.service (name, slug) VALUES ('Quiet', 'quiet')")
            found = await conn.execute("SELECT digest FROM records.subject ORDER BY name LIMIT 1")
            (digest,) = await found.fetchone()
        pool = await open_pool(dsn)
        stack.push_async_callback(pool.close)
        measures = measures_of(Reporting)
        pages = site(pool, authenticate=authenticate, cookie_key=KEY, measures=measures).pages
        address = await stack.enter_async_context(served(front(pages, _elsewhere)))

        async def look(name, **view):
            path = f"/images/{digest}" if name == "image" else PAGES[name]
            return await looked_at(chrome, address + path, token=ADMIN, height=HEIGHT, **view)

        yield look


@pytest.fixture
async def look(house) -> AsyncIterator[Look]:
    opened = []

    async def at(name, **view):
        looked = await house(name, **view)
        opened.append(looked.page.context)
        return looked

    yield at
    for context in opened:
        await context.close()


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_of_records_can_be_read_and_touched(look, name):
    looked = await look(name, width=390, scripts=True)
    await looked.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    await looked.page.evaluate(AXE_FILE_PATH.read_text())
    found = {}
    for width, scheme in VIEWS:
        await looked.page.set_viewport_size({"width": width, "height": HEIGHT})
        await looked.page.emulate_media(color_scheme=scheme)
        found[width, scheme] = await inspect_page.faults(looked.page)
        if scheme == ("dark" if width == 390 else "light"):
            found[width, scheme] += await inspect_page.axe_violations(looked.page)
    assert {view: faults for view, faults in found.items() if faults} == {}


async def test_what_is_decided_stands_beside_where_it_is_open(look):
    page = (await look("vulnerability", width=1440)).page
    for heading in ("How grave", "Decided", "Open in"):
        box = await page.get_by_role("heading", name=heading).first.bounding_box()
        assert box["y"] + box["height"] < HEIGHT, heading


BROKEN = """() => [...document.querySelectorAll('.slim .state .word, .slim .named, .slim .brief')].filter((e) => {
  const range = document.createRange(); range.selectNodeContents(e);
  return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1;
}).map((e) => e.textContent.trim())"""
"""Severities, environments, ages and per cents that stand on more than one line."""


@pytest.mark.parametrize("name", ["service", "service in German"])
async def test_no_word_and_no_number_is_broken_on_a_phone(look, name):
    looked = await look(name, width=390)
    assert await looked.page.locator(".slim .state .word").count()
    assert await looked.page.evaluate(BROKEN) == []


async def test_what_to_fix_first_is_seen_without_scrolling(look):
    looked = await look("service", width=1440)
    assert looked.complaints == []
    page = looked.page
    for heading in (
        "Fix first",
        "Health",
        "Incidents",
        "Vulnerabilities",
        "SLOs and error budgets",
    ):
        box = await page.get_by_role("heading", name=heading, exact=False).first.bounding_box()
        assert box["y"] + box["height"] < HEIGHT, heading
    first = page.locator("#first + ol > li").first
    assert "exploited, and it runs here" in await first.inner_text()
    lowest = await page.locator("#first + ol").bounding_box()
    assert lowest["y"] + lowest["height"] < HEIGHT
