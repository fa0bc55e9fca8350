"""Look at the pages: a believable world in a throw-away database, photographed by Chromium.

    python tools/screenshot.py FOLDER     every page, at three widths, light and dark
    python tools/screenshot.py --docs     the picture in the README

Needs Chromium at /usr/bin/chromium, or where $CHROMIUM says.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tests.web import actions_pages_world, crowd, world
from tests.web.browser import KEY, authenticate
from tests.web.chromium import chromium, looked_at, served

from vedette import clock
from vedette.app.catalogue import CATALOGUE
from vedette.app.front import front
from vedette.automation import made_up_year
from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect, open_pool
from vedette.web.site import site

PICTURE = Path(__file__).parent.parent / "docs" / "status-page.png"
ROLES = ("vedette_owner", "vedette_app", "vedette_grafana")
PAGES = {
    "status": "/",
    "incident": "/incidents/31",
    "incident-over": "/incidents/1",
    "history": "/history",
    "maintenance": "/maintenance",
    "availability": "/availability",
    "component": "/components/images-eu-de",
    "targets": "/targets",
    "targets-narrowed": "/targets?state=degraded&connector=http",
    "target": "/targets/orders-db",
    "target-down": "/targets/postgres-007",
    "agents": "/agents",
    "agent": "/agents/linux-1",
    "actions": "/actions",
    "action-waits": "/actions/1",
    "action-runs": "/actions/2",
    "sign-in": "/sign-in",
    "missing": "/targets/none",
}
WIDTHS = (390, 1440, 2560)
TROUBLE = (
    (16, "down", timedelta(minutes=12)),
    (3, "degraded", timedelta(hours=3)),
    (30, "unknown", timedelta(minutes=2)),
    (40, "draining", timedelta(minutes=40)),
)


async def fill(dsn: str) -> None:
    """Make the world that is photographed for us: everything there is, well and ill."""
    now = clock.now()
    async with await connect(dsn) as conn, conn.transaction():
        ids = await world.fill_page(conn, now=now)
        await crowd.fill_incidents(conn, ids, now=now)
        for nth, state, ago in TROUBLE:
            await world.turn(conn, ids[nth], state, at=now - ago)
        await crowd.fill_targets(conn, now=now)
        await crowd.fill_agents(conn, now=now)
        await world.fill_target(conn, now=now)
        await actions_pages_world.fill(conn, now=now)
        await actions_pages_world.double(conn)


async def fill_a_year(dsn: str) -> None:
    """Make the world of the README: what `vedette bootstrap provision --demo` makes up."""
    async with await connect(dsn) as conn:
        await made_up_year.make(conn, by="demo", now=clock.now())


@asynccontextmanager
async def running(filled: Callable[[str], Awaitable[None]] = fill) -> AsyncIterator[str]:
    """Serve the pages over a database that is filled and thrown away; yield the address."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        async with embedded(Path(data)) as cluster:
            admin = cluster.dsn("postgres", "postgres")
            words = cluster.place.read_passwords()
            await testing.make_template(admin, {role: words[role] for role in ROLES})
            dsn = testing.dsn_for(admin, dbname=testing.TEMPLATE)
            await filled(dsn)
            pool = await open_pool(dsn)
            pages = site(pool, authenticate=authenticate, cookie_key=KEY, catalogue=CATALOGUE).pages
            async with served(front(pages, not_a_page)) as address:
                yield address
            await pool.close()


async def photograph(folder: Path) -> None:
    """Write a picture of each page, width and colour scheme."""
    async with running() as address, chromium() as browser:
        for name, path in PAGES.items():
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    looked = await looked_at(
                        browser,
                        address + path,
                        width=width,
                        dark=scheme == "dark",
                        token="" if name == "sign-in" else "vdt_actor",
                    )
                    shot = folder / f"{name}-{width}-{scheme}.png"
                    await looked.page.screenshot(path=shot, full_page=width == 390)
                    await looked.page.context.close()


async def illustrate() -> None:
    """Write the picture of the status page that the README shows."""
    async with running(fill_a_year) as address, chromium() as browser:
        looked = await looked_at(browser, address + "/", width=1180, height=1280)
        await looked.page.screenshot(path=PICTURE)
        await looked.page.context.close()


async def not_a_page(scope: object, receive: object, send: object) -> None:
    """Stand in for the rest of the server."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    asyncio.run(illustrate() if sys.argv[1:] == ["--docs"] else photograph(Path(sys.argv[1])))
