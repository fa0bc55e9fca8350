"""The status page of 100 components and 90 days: SQL statements, CPU a rendering, requests a second.

    python -m bench.status_page [--database-url URL]

Beside it, in the same run: a bare ASGI application that answers as many bytes from a constant.
Without a URL it starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvicorn
from psycopg import AsyncCursor

from vedette import clock
from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect, open_pool
from vedette.web.public import StatusPage
from vedette.web.site import site

# Found either way: `python -m bench.status_page` and `python bench/status_page.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.status_page_load import ask_for
from tests.web import world

COMPONENTS, DAYS = 100, 90
ROUNDS = 200
STATEMENTS_ALLOWED, CPU_MS_ALLOWED = 3, 5.0
LOAD_S = 3.0


def cpu_s() -> float:
    """CPU seconds this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Counting(AsyncCursor[Any]):
    """Counts the statements of this process."""

    statements = 0

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        # The pool tries a connection with an empty one before it lends it.
        Counting.statements += query not in ("", b"")
        return await super().execute(query, *args, **kwargs)


async def rendering(dsn: str) -> tuple[list[float], float, int, bytes]:
    """Return CPU ms of each rendering in order of size, the median wall ms, statements, the page."""
    pool = await open_pool(dsn, max_size=1)
    page = StatusPage(pool, clock=clock.now)
    async with pool.connection() as conn:
        conn.cursor_factory = Counting
    body = b""
    cpu, wall = [], []
    Counting.statements = 0
    for _ in range(ROUNDS):
        before, began = cpu_s(), time.perf_counter()
        body = await page.render(clock.now())
        cpu.append(cpu_s() - before)
        wall.append(time.perf_counter() - began)
    statements = Counting.statements // ROUNDS
    await pool.close()
    return [1e3 * s for s in sorted(cpu)], 1e3 * sorted(wall)[ROUNDS // 2], statements, body


def constant(body: bytes) -> Any:
    """The peer: what an ASGI server can do at best."""
    headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(body))]

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def serve(app: Any, follow: Any) -> tuple[float, float, float]:
    """Serve it to a client of its own process; return requests a second and a CPU second, and bytes."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="warning", lifespan="off", access_log=False)
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    await follow()
    port = server.servers[0].sockets[0].getsockname()[1]
    before = cpu_s()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked = pool.apply_async(ask_for, (port, LOAD_S))
        while not asked.ready():
            await asyncio.sleep(0.02)
        requests, size = asked.get()
    used = cpu_s() - before
    server.should_exit = True
    await running
    return requests / LOAD_S, requests / used, size


async def measure(dsn: str) -> bool:
    async with await connect(dsn) as conn, conn.transaction():
        await world.fill_page(conn, now=clock.now(), components=COMPONENTS, days=DAYS)
    async with await connect(dsn) as conn:
        await conn.execute("ANALYZE")
        [(turns,)] = await (await conn.execute("SELECT count(*) FROM health.transition")).fetchall()
    cpus, wall_ms, statements, body = await rendering(dsn)
    cpu_ms = cpus[ROUNDS // 2]
    print(f"{COMPONENTS} components, {DAYS} days, {turns} turns: {len(body):,} bytes of HTML")
    print(f"  statements       {statements:8d}       (≤ {STATEMENTS_ALLOWED})")
    print(
        f"  server CPU       {cpu_ms:8.2f} ms    (≤ {CPU_MS_ALLOWED:g}), not kept, median of {ROUNDS}; least {cpus[0]:.2f}"
    )
    print(f"  wall             {wall_ms:8.2f} ms    with PostgreSQL's part, median")

    pool = await open_pool(dsn, max_size=2)
    pages = site(pool, authenticate=_nobody, cookie_key=bytes(32))
    following = asyncio.create_task(pages.follow(dsn))
    kept = await serve(pages.pages["/"], lambda: asyncio.sleep(0.5))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await pool.close()
    peer = await serve(constant(bytes(int(kept[2]))), lambda: asyncio.sleep(0))
    for name, (per_s, per_cpu_s, size) in (("kept page", kept), ("bare constant", peer)):
        print(f"  {name:15s}  {per_s:8,.0f} req/s  {per_cpu_s:8,.0f} per CPU-s  {size:,.0f} bytes")
    print(f"  ratio            {kept[1] / peer[1]:8.2f}")
    return statements <= STATEMENTS_ALLOWED and cpu_ms <= CPU_MS_ALLOWED


async def _nobody(_: str) -> None:
    return None


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--database-url", help="an administrator's DSN; a database is made and dropped"
    )
    given = parser.parse_args().database_url or os.environ.get("VEDETTE_TEST_DATABASE_URL")
    async with AsyncExitStack() as stack:
        if given is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            running = await stack.enter_async_context(embedded(Path(folder)))
            given = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            words = {
                role: words[role] for role in ("vedette_owner", "vedette_app", "vedette_grafana")
            }
        else:
            words = dict.fromkeys(("vedette_owner", "vedette_app", "vedette_grafana"), "bench")
        await testing.make_template(given, words)
        name = await testing.clone(given)
        try:
            return 0 if await measure(testing.dsn_for(given, dbname=name)) else 1
        finally:
            await testing.drop(given, name)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
