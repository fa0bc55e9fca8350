"""The desk in a real browser, without a script: handled by the keyboard, read by axe, narrow and wide."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.factories import make_component
from tests.web import inspect_page
from tests.web.browser import KEY, Holder
from tests.web.chromium import chromium, looked_at, served

from vedette import clock
from vedette.app.front import front
from vedette.db.pool import open_pool
from vedette.web.answers import Request
from vedette.web.session import Sessions
from vedette.web.site import site

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("chromium")]

ADA = "vds_ada"


async def known(secret):
    scopes = frozenset({"read", "incidents:write"})
    return Holder("person:ada", scopes) if secret == ADA else None


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def signed_in() -> dict:
    """Return what a browser keeps of Ada's session."""
    request = Request({"headers": [], "scheme": "http"}, None)
    _, header = Sessions(KEY).cookie(request, ADA, now=clock.now())
    name, _, value = header.decode().partition(";")[0].partition("=")
    own = {
        "domain": "127.0.0.1",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }
    return {"cookies": [{"name": name, "value": value, **own}], "origins": []}


@pytest.fixture
async def look(fresh_app_url):
    """Look at a page of the desk as Ada, who has signed in; two regions have components."""
    pool = await open_pool(fresh_app_url, max_size=4)
    try:
        async with pool.connection() as conn:
            for region in ("EU-DE", "Helsinki 2"):
                for service in ("Orders", "Stock"):
                    await make_component(conn, service, region=region)
        pages = site(pool, authenticate=known, cookie_key=KEY).pages
        async with chromium() as browser, served(front(pages, _elsewhere)) as address:

            async def at(path, **view):
                return await looked_at(browser, address + path, storage_state=signed_in(), **view)

            yield at
    finally:
        await pool.close()


async def reach(page, name: str, *, at_most: int = 80) -> None:
    """Press Tab until what has the keyboard is called so."""
    for _ in range(at_most):
        await page.keyboard.press("Tab")
        here = await page.evaluate(
            "() => { const e = document.activeElement;"
            " return (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent).trim(); }"
        )
        if here.startswith(name):
            return
    raise AssertionError(f"the keyboard reaches nothing that is called {name}")


async def press(page, name: str) -> None:
    """Press a button or a link by the keyboard, and wait for the page it leads to."""
    await reach(page, name)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def typed(page, name: str, text: str) -> None:
    await reach(page, name)
    await page.keyboard.type(text)


@pytest.mark.parametrize("width", [390, 1440])
async def test_an_incident_is_told_and_ended_by_the_keyboard_alone(look, width):
    looked = await look("/desk", width=width)
    page = looked.page
    await press(page, "Open an incident")
    await typed(page, "Title", "Orders are slow")
    await typed(page, "The first words", "We **look**.")
    await reach(page, "Orders")
    await page.keyboard.press("Space")
    await press(page, "Preview")
    assert await page.inner_text(".preview strong") == "look"
    assert await page.locator("input:checked[name=component]").count() == 1
    await press(page, "Publish")
    assert await page.inner_text("h1") == "Orders are slow"
    await reach(page, "Analysing")
    await page.keyboard.press("ArrowDown")
    await typed(page, "What to say", "A disk is being replaced.")
    await press(page, "Say it")
    assert "Fixing" in await page.inner_text(".verdict")
    await reach(page, "Fixing")
    for _ in range(2):
        await page.keyboard.press("ArrowDown")
    await press(page, "Say it")
    assert "Resolved" in await page.inner_text(".verdict")
    await reach(page, "Reopen")
    await page.keyboard.press("Enter")
    await press(page, "Reopen this incident")
    assert "not yet" in await page.inner_text(".verdict")
    assert looked.complaints == []
    await page.context.close()


async def test_a_maintenance_is_planned_begun_and_finished_by_the_keyboard_alone(look):
    looked = await look("/desk", width=390)
    page = looked.page
    await press(page, "Plan a maintenance")
    await typed(page, "Title", "New disks")
    await reach(page, "Everything in EU-DE")
    await page.keyboard.press("Space")
    await typed(page, "Begins", "2100-01-01 02:00")
    await typed(page, "Or how long it lasts", "2h")
    # Enter in a field says nothing to anybody: it shows the preview.
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert await page.input_value("[name=lasts]") == "2h"
    await press(page, "Publish")
    assert "more than two years" in await page.inner_text("[role=alert]")
    await page.fill("[name=starts_at]", f"{clock.now().year + 1}-01-01 02:00")
    await press(page, "Publish")
    await reach(page, "Cancel")
    await page.keyboard.press("Enter")
    await press(page, "Cancel this maintenance")
    assert "Cancelled" in await page.inner_text(".verdict")
    await page.context.close()


async def test_every_page_of_the_desk_can_be_read_and_touched_and_axe_finds_nothing(look):
    looked = await look("/desk/open", width=1440)
    page = looked.page
    await page.fill("[name=title]", "Orders are slow")
    for box in await page.locator("[name=region]").all():
        await box.check()
    async with page.expect_navigation():
        await page.click("text=Publish")
    number = page.url.rpartition("/")[2]
    await page.context.close()
    for path in (
        "/desk", "/desk/open", "/desk/plan", "/desk/series", "/desk/templates", f"/desk/incidents/{number}",
    ):  # fmt: skip
        looked = await look(path, width=390, scripts=True)
        await looked.page.evaluate(
            "document.querySelectorAll('details').forEach((e) => e.open = true)"
        )
        for width, scheme in ((390, "light"), (390, "dark"), (1440, "light")):
            await looked.page.set_viewport_size({"width": width, "height": 900})
            await looked.page.emulate_media(color_scheme=scheme)
            assert await inspect_page.faults(looked.page) == [], (path, width, scheme)
        await looked.page.evaluate(AXE_FILE_PATH.read_text())
        assert await inspect_page.axe_violations(looked.page) == [], path
        assert looked.complaints == []
        await looked.page.context.close()
