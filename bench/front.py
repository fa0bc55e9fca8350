"""The front of a server: what it answers from kept bytes beside nginx, and what a page costs when it is not kept.

    python -m bench.front [--database-url URL]

nginx (if it is installed) serves the same bytes in the same run, one worker. 100 components, 2,000
incidents. Without a URL it starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from vedette import clock
from vedette.app.addresses import Address, listen_on
from vedette.app.front import front
from vedette.app.httpd import httpd, serving
from vedette.app.options import Options
from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect, open_pool
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.web.kept import Keeper
from vedette.web.site import site

# Found either way: `python -m bench.front` and `python bench/front.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.front_load import ask_for
from bench.status_page import Counting, cpu_s
from tests.web import world

COMPONENTS, INCIDENTS, DAYS = 100, 2_000, 90
LOAD_S = 4.0
ROUNDS = 60
PAGES = (
    "/",
    "/history",
    "/incidents/7",
    "/availability",
    "/feeds/all.atom",
    "/api/v2/summary.json",
)
HELD = ("/", "/history", "/incidents/7")
"""Those that people open in trouble: they are held to what is allowed, the others only shown."""
TAILS = 5
"""Rounds of each in turn, so that what else the machine does meets both alike."""
TAIL_OF_NGINX = 3.0
PER_SECOND, OF_NGINX, STATEMENTS, CPU_MS = 10_000, 0.3, 3, 10.0


async def fill(dsn: str) -> list[int]:
    """Fill a database; return the numbers of the components."""
    now, dice = clock.now(), random.Random(7)
    async with await connect(dsn) as conn, conn.transaction():
        ids = await world.fill_page(conn, now=now, components=COMPONENTS, days=DAYS)
        for nth in range(INCIDENTS):
            starts_at = now - timedelta(hours=nth + 2)
            ends_at = starts_at + timedelta(minutes=40)
            await tell(conn, dice.sample(ids, 2), now, starts_at=starts_at, ends_at=ends_at)
    async with await connect(dsn) as conn:
        await conn.execute("ANALYZE")
    return ids


async def tell(conn: Any, ids: list[int], now: Any, **times: Any) -> None:
    """Open an incident; one that has an end is resolved."""
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Orders are slow",
        impact=Impact.MINOR,
        status=Status.RESOLVED if times.get("ends_at") else Status.ANALYZING,
        published_at=now,
        components=tuple(ids),
        **times,
    )
    await open_incident(conn, draft, by="bench", now=now, text="We look at the *disks*.")


async def cost(pages: Any, pool: Any, path: str) -> tuple[float, float, int]:
    """Return statements, median CPU in ms, and bytes of a page made anew."""
    name = path.rpartition("/")[2] if path.startswith("/incidents/") else ""
    template = "/incidents/{name}" if name else path
    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"status.example")], "path_params": {"name": name},
    }  # fmt: skip
    size, used = 0, []

    async def send(message: Any) -> None:
        nonlocal size
        size += len(message.get("body", b""))

    async with pool.connection() as conn:
        conn.cursor_factory = Counting
    Counting.statements = 0
    for _ in range(ROUNDS):
        size, before = 0, cpu_s()
        await pages[template](dict(scope), None, send)
        used.append(cpu_s() - before)
    return Counting.statements / ROUNDS, 1e3 * sorted(used)[ROUNDS // 2], size


async def loaded(port: int, per_second: float = 0.0) -> tuple[float, float, list[float]]:
    """Return requests a second, bytes of one, and the seconds each took in order, as another process sees them."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked = pool.apply_async(ask_for, (port, "/", LOAD_S, per_second))
        while not asked.ready():
            await asyncio.sleep(0.02)
        requests, size, took = asked.get()
    return requests / LOAD_S, size, sorted(took)


class Nginx:
    """Serves bytes from a file, packed beforehand, with one worker."""

    def __init__(self, folder: Path, packed: bytes) -> None:
        (folder / "html").mkdir()
        (folder / "html" / "index.html").write_bytes(packed)
        self.port = _free_port()
        (folder / "nginx.conf").write_text(
            f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 512; }}
            http {{ access_log off; keepalive_requests 100000000; open_file_cache max=8;
              server {{ listen 127.0.0.1:{self.port}; root {folder}/html;
                add_header Content-Encoding gzip; }} }}"""
        )
        # Its workers would otherwise be nobody, whom the folder does not let in.
        for each in (folder, folder.parent):
            each.chmod(0o755)
        self.process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-p", folder])

    def cpu_s(self) -> float:
        """CPU seconds of its worker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        ticks = 0
        for child in children.split():
            words = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def _free_port() -> int:
    with listen_on(Address("127.0.0.1", 0), flag="bench") as free:
        return int(free.getsockname()[1])


async def write(dsn: str, ids: list[int]) -> None:
    """Open an incident a second, for ever."""
    async with await connect(dsn) as conn:
        while True:
            now = clock.now()
            async with conn.transaction():
                await tell(conn, ids[:1], now, starts_at=now)
            await asyncio.sleep(1)


@contextmanager
def writing(dsn: str, ids: list[int]) -> Iterator[None]:
    """An incident a second is written meanwhile."""
    process = multiprocessing.get_context("spawn").Process(target=write_alone, args=(dsn, ids))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def write_alone(dsn: str, ids: list[int]) -> None:
    """Write from a process of its own."""
    asyncio.run(write(dsn, ids))


async def measure(dsn: str, folder: Path) -> bool:
    """Measure and print; say whether all is as it should be."""
    ids = await fill(dsn)
    pool = await open_pool(dsn, min_size=1, max_size=1)
    bare = site(
        pool,
        authenticate=_nobody,
        cookie_key=bytes(32),
        keeper=Keeper(clock.now, kept_for=timedelta(0)),
    )
    print(f"{COMPONENTS} components, {INCIDENTS:,} incidents; not kept, median of {ROUNDS}:")
    fine = True
    for path in PAGES:
        statements, cpu_ms, size = await cost(bare.pages, pool, path)
        if path in HELD:
            fine = fine and statements <= STATEMENTS and cpu_ms <= CPU_MS
        print(f"  {path:24s} {statements:5.1f} statements {cpu_ms:8.2f} ms CPU {size:10,d} bytes")
    print(f"  {'allowed':24s} {STATEMENTS:5.1f}            {CPU_MS:8.2f}")

    keeper = Keeper(clock.now)
    pages = site(pool, authenticate=_nobody, cookie_key=bytes(32), keeper=keeper)
    following = asyncio.create_task(pages.follow(dsn))
    nowhere = Address("127.0.0.1", 0)
    options = Options(http=nowhere, grpc=nowhere, grpc_clients=nowhere, seal_key=folder / "seal")
    http_socket = listen_on(nowhere, flag="bench")
    port = http_socket.getsockname()[1]
    await asyncio.sleep(0.5)
    gc.freeze()  # as a server does once it serves
    async with serving(httpd(front(pages.pages, _nothing), options), http_socket):
        fine = await _compare(dsn, folder, ids, port) and fine
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await pool.close()
    return fine


async def _compare(dsn: str, folder: Path, ids: list[int], port: int) -> bool:
    before = cpu_s()
    ours, size, _ = await loaded(port)
    used = cpu_s() - before
    per_cpu = ours * LOAD_S / used
    print(f"kept, {size:,.0f} bytes an answer, 16 connections, who asks on the other core:")
    print(f"  ours   {ours:10,.0f} req/s {per_cpu:10,.0f} a CPU second   (≥ {PER_SECOND:,})")
    nginx = None
    if shutil.which("nginx"):
        nginx = Nginx(folder, os.urandom(int(size)))
        await asyncio.sleep(0.5)
        began = nginx.cpu_s()
        theirs, _, _ = await loaded(nginx.port)
        their_cpu = theirs * LOAD_S / max(nginx.cpu_s() - began, 0.01)
        print(f"  nginx  {theirs:10,.0f} req/s {their_cpu:10,.0f} a CPU second")
        print(
            f"  ours of nginx's          {per_cpu / their_cpu:10.0%} a CPU second   (aim ≥ {OF_NGINX:.0%})"
        )
    half = ours / 2
    print(f"at {half:,.0f} req/s while an incident a second is written, {TAILS} rounds in turn:")
    print("            p50       p99     p99.9 ms, medians of the rounds")
    with writing(dsn, ids):
        tails: dict[str, list[tuple[float, ...]]] = {"ours": [], "nginx": []}
        for _ in range(TAILS):
            for who, where in (("ours", port), ("nginx", nginx.port if nginx else 0)):
                if where:
                    _, _, took = await loaded(where, half)
                    tails[who].append(tuple(took[int(len(took) * q)] for q in (0.5, 0.99, 0.999)))
    found = {
        who: [median(each) for each in zip(*rounds, strict=True)]
        for who, rounds in tails.items()
        if rounds
    }
    for who, figures in found.items():
        rounds = " ".join(f"{1e3 * p99:.2f}" for _, p99, _ in tails[who])
        print(
            f"  {who:6s}"
            + "".join(f"{1e3 * s:9.2f} " for s in figures)
            + f"  p99 of each: {rounds}"
        )
    if nginx:
        print(
            f"  ours of nginx's p99 {found['ours'][1] / found['nginx'][1]:8.1f} ×   (aim ≤ {TAIL_OF_NGINX:g} ×)"
        )
        nginx.stop()
    return per_cpu >= PER_SECOND


async def _nobody(_: str) -> None:
    return None


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def main() -> int:
    """Run it on a database that is made and dropped; 1 when something costs more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", help="an administrator's DSN")
    given = parser.parse_args().database_url or os.environ.get("VEDETTE_TEST_DATABASE_URL")
    roles = ("vedette_owner", "vedette_app", "vedette_grafana")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        words = dict.fromkeys(roles, "bench")
        if given is None:
            running = await stack.enter_async_context(embedded(folder / "pg"))
            given = running.dsn("postgres", "postgres")
            kept = running.place.read_passwords()
            words = {role: kept[role] for role in roles}
        await testing.make_template(given, words)
        name = await testing.clone(given)
        try:
            (folder / "front").mkdir()
            return 0 if await measure(testing.dsn_for(given, dbname=name), folder / "front") else 1
        finally:
            await testing.drop(given, name)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
