"""Look at the pages: a believable world in a throw-away database, photographed by Chromium.

    python tools/screenshot.py FOLDER

Writes each page at 390 and 1440 pixels, light and dark. Needs `playwright` (the Python package) and
Chromium at /usr/bin/chromium; both are only for looking, nothing of Vedette depends on them.
"""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvicorn
from playwright.async_api import async_playwright
from tests.web import world
from tests.web.browser import KEY, authenticate

from vedette import clock
from vedette.app.front import front
from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect, open_pool
from vedette.web.site import site

ROLES = ("vedette_owner", "vedette_app", "vedette_grafana")
PAGES = {
    "status": "/",
    "targets": "/targets",
    "target": "/targets/orders-db",
    "sign-in": "/sign-in",
    "missing": "/targets/none",
}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
TROUBLE = (
    (16, "down", timedelta(minutes=12)),
    (3, "degraded", timedelta(hours=3)),
    (30, "unknown", timedelta(minutes=2)),
    (40, "draining", timedelta(minutes=40)),
)


async def fill(dsn: str) -> None:
    """Make the world that is photographed."""
    now = clock.now()
    async with await connect(dsn) as conn, conn.transaction():
        ids = await world.fill_page(conn, now=now)
        for nth, state, ago in TROUBLE:
            await world.turn(conn, ids[nth], state, at=now - ago)
        await world.fill_target(conn, now=now)


async def photograph(port: int, folder: Path) -> None:
    """Write a picture of each page, width and colour scheme."""
    async with async_playwright() as player:
        chromium = await player.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS.split()
        )
        for width in (390, 1440):
            for scheme in ("light", "dark"):
                page = await chromium.new_page(
                    viewport={"width": width, "height": 1000},
                    color_scheme=scheme,
                    java_script_enabled=False,
                    extra_http_headers={"authorization": "Bearer vdt_reader"},
                )
                for name, path in PAGES.items():
                    await page.goto(f"http://127.0.0.1:{port}{path}")
                    await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")
                await page.close()
        await chromium.close()


async def not_a_page(scope: object, receive: object, send: object) -> None:
    """Stand in for the rest of the server."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def main(folder: Path) -> None:
    """Start, fill, photograph, throw away."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        async with embedded(Path(data)) as running:
            admin = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            await testing.make_template(admin, {role: words[role] for role in ROLES})
            dsn = testing.dsn_for(admin, dbname=testing.TEMPLATE)
            await fill(dsn)
            pool = await open_pool(dsn)
            pages = site(pool, authenticate=authenticate, cookie_key=KEY).pages
            config = uvicorn.Config(
                front(pages, not_a_page), port=0, log_level="warning", lifespan="off"
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.05)
            await photograph(server.servers[0].sockets[0].getsockname()[1], folder)
            server.should_exit = True
            await serving
            await pool.close()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1])))
