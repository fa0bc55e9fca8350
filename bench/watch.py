"""Fan-out: subscribers over TLS who hear of every change, from its commit to their hands.

    python bench/watch.py [--subscribers 200] [--changes 1000] [--seconds 8] [--stalled 1]

Three parts of so many seconds: everybody reads; besides, some never read; and a bare grpc.aio server
that writes ready-made bytes of the same length as often, to as many streams: the peer, and the limit.
The bar: p99 below 250 ms from the commit, the server's memory flat, the stalled no cost to others.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from vedette.db.pool import connect

# Found either way: `python -m bench.watch` and `python bench/watch.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stage import HERE, Server, Stage, cpu_s, free_port, pss_bytes, stage

TARGETS = 1_000
COMMITS_PER_S = 20
MARK = "#"
CHANGE = """
    WITH moved AS (
        SELECT id FROM fleet.target WHERE id %% %(of)s = %(part)s
    ), told AS (
        INSERT INTO health.transition (target_id, was, now, at, reason)
        SELECT id, %(was)s, %(now)s, now(), %(mark)s FROM moved
        RETURNING id
    )
    SELECT pg_notify('vedette_transition', max(id)::text) FROM told"""


@contextmanager
def helper(stage: Stage, role: str, spec: dict) -> Iterator[subprocess.Popen]:
    """A process of `watch_crowd.py` in that role."""
    file = stage.folder / f"{role}.json"
    file.write_text(json.dumps(spec))
    process = subprocess.Popen(
        [sys.executable, str(HERE / "watch_crowd.py"), role, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"GRPC_VERBOSITY": "NONE"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def said(process: subprocess.Popen) -> str:
    line = await asyncio.to_thread(process.stdout.readline)
    if not line:
        raise RuntimeError("a helper ended")
    return line


async def changes(stage: Stage, per_s: int, seconds: float, run: int) -> dict[str, float]:
    """Commit changes at that rate; return mark → the instant its commit had returned."""
    committed, parts = {}, TARGETS * COMMITS_PER_S // per_s
    async with await connect(stage.owner) as conn:
        begun = time.monotonic()
        for number in range(int(seconds * COMMITS_PER_S)):
            await asyncio.sleep(max(0.0, begun + number / COMMITS_PER_S - time.monotonic()))
            is_down = (number // parts + run) % 2 == 0
            mark = f"{MARK}{run}.{number}"
            states = ("up", "down") if is_down else ("down", "up")
            await conn.execute(
                CHANGE,
                {"of": parts, "part": number % parts, "was": states[0], "now": states[1], "mark": mark},
            )  # fmt: skip
            committed[mark] = time.monotonic()
    return committed


def percentiles(latencies: list[float]) -> str:
    ordered = sorted(latencies)
    at = {it: ordered[min(len(ordered) - 1, int(len(ordered) * it / 100))] for it in (50, 99, 100)}
    return "  ".join(f"p{it} {1000 * value:6.1f} ms" for it, value in at.items())


def told_of(crowd: subprocess.Popen) -> dict:
    out, _ = crowd.communicate(timeout=60)
    return json.loads(out)


async def house(stage: Stage, server: Server, asked: argparse.Namespace, stalled: int, run: int):
    """One part against Vedette; print its figures, return the bytes of an average moment."""
    known = json.loads((server.directory / "endpoints.json").read_text())
    spec = {
        "address": known["grpc_clients"],
        "ca": stage.secrets.authority.pem.decode(),
        "token": (server.directory / "admin.token").read_text().strip(),
        "readers": asked.subscribers,
        "stalled": stalled,
    }
    with helper(stage, "crowd", spec) as crowd:
        await said(crowd)
        await changes(stage, asked.changes, 1, run)  # warm
        before, memory, began = cpu_s(server.process), pss_bytes(server.process), time.monotonic()
        committed = await changes(stage, asked.changes, asked.seconds, run + 1)
        await asyncio.sleep(1)
        used, span = cpu_s(server.process) - before, time.monotonic() - began
        grown = pss_bytes(server.process) - memory
        answer = told_of(crowd)
    latencies = [at - committed[mark] for mark, at in answer["told"] if mark in committed]
    whole = len(committed) * asked.subscribers
    print(
        f"vedette, {stalled} stalled:  {percentiles(latencies)}   told {len(latencies)} of {whole}"
        f"   server {100 * used / span:.0f} % of a core, {memory / 2**20:.0f} MiB"
        f" {grown / 2**20:+.1f}   crowd {answer['cpu_s']:.1f} CPU-s",
        flush=True,
    )


async def peer(stage: Stage, asked: argparse.Namespace) -> None:
    """The same crowd before a server that only writes."""
    chain, key = stage.secrets.authority.issue_server()
    for name, content in (("chain", chain), ("key", key)):
        (stage.folder / f"bare.{name}").write_bytes(content)
    spec = {"bytes": 70 * asked.changes // 10, "every_s": 0.1}
    spec |= {name: str(stage.folder / f"bare.{name}") for name in ("chain", "key")}
    with helper(stage, "bare", spec) as bare:
        port = int(await said(bare))
        process = psutil.Process(bare.pid)
        reading = {
            "address": f"127.0.0.1:{port}",
            "ca": stage.secrets.authority.pem.decode(),
            "token": "none",
            "readers": asked.subscribers,
            "stalled": 0,
        }
        with helper(stage, "crowd", reading) as crowd:
            await said(crowd)
            before, began = cpu_s(process), time.monotonic()
            await asyncio.sleep(asked.seconds)
            used, span = cpu_s(process) - before, time.monotonic() - began
            answer = told_of(crowd)
    latencies = [at - float(mark.removeprefix(MARK)) for mark, at in answer["told"]]
    print(
        f"bare grpc.aio:       {percentiles(latencies)}   {len(latencies) / span:.0f} messages/s"
        f"   server {100 * used / span:.0f} % of a core   crowd {answer['cpu_s']:.1f} CPU-s"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--changes", type=int, default=1_000, help="a second")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--stalled", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        async with stage(Path(folder), 0) as it:
            async with await connect(it.owner) as conn:
                await conn.execute(
                    """
                    INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
                    SELECT 't' || n, 't' || n, 'bench', 3600000, 5000, 'bench'
                    FROM generate_series(1, %s) AS n""",
                    (TARGETS,),
                )
            server = Server(it, port=free_port())
            try:
                await server.ready()
                print(
                    f"{asked.subscribers} subscribers, {asked.changes} changes/s of {TARGETS} targets"
                )
                await house(it, server, asked, 0, 0)
                await house(it, server, asked, asked.stalled, 2)
            finally:
                server.end()
            await peer(it, asked)


if __name__ == "__main__":
    asyncio.run(main())
