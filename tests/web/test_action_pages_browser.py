"""The pages of actions in a real browser: all of it can be read and touched, on a phone as on a desk."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.web import actions_pages_world, inspect_page
from tests.web.browser import KEY, authenticate
from tests.web.chromium import Look, looked_at, served

from signing_world import needs_ssh
from vedette import clock
from vedette.app.front import front
from vedette.db import testing
from vedette.db.create import OWNER
from vedette.db.pool import connect, open_pool
from vedette.web.site import site

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("chromium"), needs_ssh]

PAGES = {
    "actions": "/actions",
    "action that waits": "/actions/{waits}",
    "action that runs": "/actions/{runs}?lang=de",
    "agent": "/agents/{agent}",
    "agent in quarantine": "/agents/linux-8",
    "agents": "/agents",
}
VIEWS = [(width, scheme) for width in (390, 1440) for scheme in ("light", "dark")]
HEIGHT = 900


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="session")
async def acting(cluster, chrome) -> AsyncIterator[Look]:
    """A house with an action that waits for signatures and one that some hosts answered."""
    async with AsyncExitStack() as stack:
        database = await testing.clone(cluster.admin)
        stack.push_async_callback(testing.drop, cluster.admin, database)
        dsn = cluster.url(database, OWNER)
        async with await connect(dsn) as conn, conn.transaction():
            ids = await actions_pages_world.fill(conn, now=clock.now())
            await actions_pages_world.double(conn)
            await actions_pages_world.quarantine(conn, "linux-8")
        pool = await open_pool(dsn)
        stack.push_async_callback(pool.close)
        pages = site(pool, authenticate=authenticate, cookie_key=KEY).pages
        address = await stack.enter_async_context(served(front(pages, _elsewhere)))

        async def look(name, **view):
            path = PAGES[name].format(**ids)
            return await looked_at(chrome, address + path, token="vdt_actor", height=HEIGHT, **view)

        yield look


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_of_actions_can_be_read_and_touched(acting, name):
    looked = await acting(name, width=390, scripts=True)
    assert looked.status == 200
    await looked.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    await looked.page.evaluate(AXE_FILE_PATH.read_text())
    found = {}
    for width, scheme in VIEWS:
        await looked.page.set_viewport_size({"width": width, "height": HEIGHT})
        await looked.page.emulate_media(color_scheme=scheme)
        found[width, scheme] = await inspect_page.faults(looked.page)
        if scheme == ("dark" if width == 390 else "light"):
            found[width, scheme] += await inspect_page.axe_violations(looked.page)
    await looked.page.context.close()
    assert {view: faults for view, faults in found.items() if faults} == {}


async def test_a_page_of_actions_needs_no_script(acting):
    looked = await acting("action that waits", width=1440)
    assert looked.complaints == []
    assert await looked.page.get_by_role("heading", name="find stray keys").is_visible()
    await looked.page.get_by_text("Sign it", exact=True).click()
    assert await looked.page.get_by_label("Signature").is_visible()
    await looked.page.context.close()
