"""A real browser on the pages: one Chromium a session, a page at a width, light or dark.

`looked_at(address, …)` opens a page as a visitor has it: without scripts, with our own policy in
force, and remembers every complaint of the browser's console.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from playwright.async_api import Browser, Page, async_playwright
from tests.conftest import CHROMIUM

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEIGHT = 1_000


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium with a profile of its own; Playwright fetches no browser."""
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        with suppress(Exception):
            await browser.close()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of loopback; yield its address."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@dataclass
class Looked:
    """A page that was opened; `complaints` are the console's errors and what did not load."""

    page: Page
    status: int
    headers: dict[str, str]
    complaints: list[str] = field(default_factory=list)


async def looked_at(
    browser: Browser,
    address: str,
    *,
    width: int,
    dark: bool = False,
    scripts: bool = False,
    token: str = "",
    height: int = HEIGHT,
    **context: Any,
) -> Looked:
    """Open the page in a new context; close it with `looked.page.context.close()`.

    scripts: the pages have none of their own; this is for what a test brings along, and for it
    alone our policy is set aside.
    """
    fresh = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        bypass_csp=scripts,
        extra_http_headers={"authorization": f"Bearer {token}"} if token else {},
        **context,
    )
    page = await fresh.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda asked: complaints.append(f"not loaded: {asked.url}"))
    answer = await page.goto(address)
    assert answer is not None
    # The browser says of each page that is no 200 that it is none: that is what the test asked for.
    own = f"the server responded with a status of {answer.status}"
    complaints[:] = [text for text in complaints if own not in text]
    return Looked(page, answer.status, await answer.all_headers(), complaints)


Look = Callable[..., Awaitable[Looked]]
"""`look(path, width=…, dark=…, scripts=…, token=…)`: `looked_at` with a browser and a site."""
