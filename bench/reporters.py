"""Reporters at the server: 1,000 posts at once for 100 components, then 100 posts a second.

    python -m bench.reporters [--seconds 30]

The steady posts are what monitoring repeats every minute while trouble lasts; each is timed from when it
was due, so that a server that stalls is not spared. Beside it, in the same run: the same framework with
a handler that reads the body and asks no database. It starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from joserfc import jwt
from joserfc.jwk import OctKey

from vedette.db.pool import connect

# Found either way: `python -m bench.reporters` and `python bench/reporters.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stage import Stage, cpu_s, stage

HERE = Path(__file__).parent
COMPONENTS, AT_ONCE, PER_S = 100, 1_000, 100
SECRET = b"thirty-two bytes or more of bench secret"
KEPT = 32
"""Connections the steady posts share."""

P99_ALLOWED_MS = 60.0
STORM_ALLOWED_S = 2.0

FILL = """
WITH region AS (INSERT INTO fleet.region (name, slug) VALUES ('EU-DE', 'eu-de') RETURNING id),
service AS (
    INSERT INTO fleet.service (name, slug)
    SELECT 'Service ' || n, 'service-' || n FROM generate_series(0, %s - 1) n RETURNING id, slug)
INSERT INTO fleet.component (slug, service_id, region_id, origin)
SELECT service.slug, service.id, region.id, 'bench' FROM service, region"""

DOUBLE = """
SELECT
    (SELECT count(*) FROM incidents.incident WHERE is_open)
    - (SELECT count(DISTINCT impact) FROM incidents.incident WHERE is_open)
    + (SELECT count(*) - count(DISTINCT component_id) FROM incidents.affected WHERE exclusive)"""


def post_of(number: int, impact: int) -> bytes:
    """The bytes of one post, as the reporter's program writes them."""
    token = jwt.encode({"alg": "HS256"}, {"stackmon": "dummy"}, OctKey.import_key(SECRET))
    said = {
        "name": f"Service {number % COMPONENTS}",
        "impact": impact,
        "attributes": [{"name": "region", "value": "EU-DE"}],
    }
    body = json.dumps(said).encode()
    return (
        "POST /api/v1/component_status HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n"
        f"authorization: bearer {token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


class Line:
    """A kept connection that posts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, message: bytes) -> int:
        """Return the status of the answer."""
        self._writer.write(message)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(size)
        return int(head.split()[1])

    def close(self) -> None:
        self._writer.close()


async def lines(port: int, count: int) -> list[Line]:
    return [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]


async def storm(port: int) -> tuple[Counter[int], float]:
    """Post everything at once; return the statuses and how long it took."""
    crowd = await lines(port, AT_ONCE)
    messages = [post_of(number, 1 + number // COMPONENTS % 3) for number in range(AT_ONCE)]
    began = time.perf_counter()
    answers = await asyncio.gather(
        *(line.post(message) for line, message in zip(crowd, messages, strict=True))
    )
    took = time.perf_counter() - began
    for line in crowd:
        line.close()
    return Counter(answers), took


async def steady(port: int, seconds: float) -> tuple[Counter[int], list[float]]:
    """Post at a fixed rate; return the statuses and the ms of each in order of size, from when it was due."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in await lines(port, KEPT):
        free.put_nowait(line)
    messages = [post_of(number, 3) for number in range(COMPONENTS)]
    took: list[float] = []
    statuses: Counter[int] = Counter()
    begin = time.perf_counter() + 0.5

    async def one(number: int) -> None:
        due = begin + number / PER_S
        await asyncio.sleep(due - time.perf_counter())
        line = await free.get()
        statuses[await line.post(messages[number % COMPONENTS])] += 1
        took.append(1e3 * (time.perf_counter() - due))
        free.put_nowait(line)

    await asyncio.gather(*(one(number) for number in range(int(PER_S * seconds))))
    while not free.empty():
        free.get_nowait().close()
    return statuses, sorted(took)


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of ours until the end of the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VEDETTE_")}
    process = subprocess.Popen(
        [sys.executable, *command],
        env=kept | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


async def answering(port: int) -> None:
    """Wait until somebody answers there: a server that starts takes connections long before."""
    while True:
        try:
            (line,) = await lines(port, 1)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            await line.post(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            line.close()
            return


def spent_s(stage: Stage, server: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Return the CPU seconds of the server and of PostgreSQL so far."""
    postmaster = int((stage.folder / "pg" / "postmaster.pid").read_text().split()[0])
    theirs = 0.0
    for backend in psutil.Process(postmaster).children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            theirs += cpu_s(backend)
    return cpu_s(psutil.Process(server.pid)), theirs


def per_post(before: tuple[float, float], after: tuple[float, float], posts: int) -> str:
    """Say what a post costs in CPU, which other work on the machine does not change much."""
    ours, theirs = (1e3 * (b - a) / posts for a, b in zip(before, after, strict=True))
    return f"CPU of a post: {ours:.1f} ms server, {theirs:.1f} ms PostgreSQL"


async def measure(stage: Stage, seconds: float, ports: tuple[int, int]) -> bool:
    async with await connect(stage.owner) as conn:
        await conn.execute(FILL, (COMPONENTS,))
        await conn.execute("ANALYZE")
    server = (
        *("-m", "vedette.app.main", "serve", f"--http=127.0.0.1:{ports[0]}", "--grpc=127.0.0.1:0"),
        f"--seal-key-file={stage.seal_file}",
    )
    with running(
        *server, VEDETTE_DATABASE_URL=stage.dsn, VEDETTE_REPORTER_SECRET=SECRET.decode()
    ) as process:
        await answering(ports[0])
        begun = spent_s(stage, process)
        statuses, storm_s = await storm(ports[0])
        stormed = spent_s(stage, process)
        doubles = await stage.value(DOUBLE)
        print(f"{AT_ONCE:,} posts at once for {COMPONENTS} components: {storm_s:.1f} s")
        print(f"  answers {dict(sorted(statuses.items()))}, doubles {doubles}")
        print(f"  {per_post(begun, stormed, AT_ONCE)}")
        said, ours = await steady(ports[0], seconds)
        after = spent_s(stage, process)
    with running(str(HERE / "reporters_bare.py"), str(ports[1])):
        await answering(ports[1])
        _, bare = await steady(ports[1], seconds)
    print(f"{PER_S} posts/s for {seconds:g} s: answers {dict(sorted(said.items()))}")
    print(f"  {per_post(stormed, after, len(ours))}")
    for name, took in (("vedette", ours), ("bare handler", bare)):
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        print(f"  {name:13s} p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   worst {took[-1]:7.1f} ms")
    is_whole = set(statuses) <= {201, 409} and set(said) <= {201, 409} and doubles == 0
    p99 = ours[int(len(ours) * 0.99)]
    return is_whole and p99 <= P99_ALLOWED_MS and storm_s <= STORM_ALLOWED_S


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the steady posts")
    parser.add_argument("--ports", type=int, nargs=2, default=(18480, 18481))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with stage(Path(folder), agents=0) as made:
            return 0 if await measure(made, given.seconds, tuple(given.ports)) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
