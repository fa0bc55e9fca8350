"""A server with a large fleet is restarted: how long until all are back, and is a report lost?

Every agent goes on making reports while the server is away. Afterwards what was made is compared
with what PostgreSQL holds, row by row. The server is `vedette serve`, killed by default.

    python bench/reconnect.py [--agents 10000] [--every 60] [--gently]
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

# Found either way: `python -m bench.reconnect` and `python bench/reconnect.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stage import Herds, Server, Stage, cpu_s, free_port, herds, stage

LIMIT_S = 150.0
DRAIN_S = 60.0


async def bench(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        async with stage(Path(folder), options.agents) as it:
            await restarted(it, options)


async def restarted(it: Stage, options: argparse.Namespace) -> None:
    how = signal.SIGTERM if options.gently else signal.SIGKILL
    port = free_port()
    server = Server(it, port=port)
    await server.ready()
    with herds(it, server.address) as fleet:
        connect_s = await fleet.connect()
        print(
            f"{options.agents:,} agents, a report each {options.every:.0f} s, {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.1f}; connected in {connect_s:.1f} s",
            flush=True,
        )
        await fleet.say(f"report {options.every}")
        await asyncio.sleep(options.every)
        before = await fleet.say("stats")
        assert before["connected"] == options.agents, before
        server.end(how)
        down_at = time.time()
        server = Server(it, port=port)
        try:
            await server.ready()
            up_after_s, starting_cpu_s = time.time() - down_at, cpu_s(server.process)
            back = await all_back(fleet, before["connects"], down_at)
            reconnect_cpu_s = cpu_s(server.process) - starting_cpu_s
            await fleet.say("report 0")
            said = await drained(fleet)
        finally:
            server.end()
    stored = await it.value("SELECT count(*) FROM health.report")
    once = await it.value(
        "SELECT count(*) FROM (SELECT DISTINCT target_id, at FROM health.report) AS r"
    )
    refused = await it.value("SELECT count(*) FROM fleet.duplicate")
    print(
        f"  {how.name}, serving again after {up_after_s:.1f} s\n"
        f"  back after           half {back[0.5]:.1f} s, nine of ten {back[0.9]:.1f} s, all {back[1.0]:.1f} s"
        f" (at most {LIMIT_S:.0f})\n"
        f"  server CPU until all {reconnect_cpu_s:.1f} s, {reconnect_cpu_s / options.agents * 1e3:.1f} ms an agent\n"
        f"  reports              made {said['made']:,}, acknowledged {said['acked']:,}, stored {stored:,}, "
        f"lost {said['made'] - once:,}, twice {stored - once:,}\n"
        f"  taken for clones     {refused}; streams ended by: {said['faults']}"
    )
    assert said["made"] == stored == once, "a report was lost or stored twice"
    assert back[1.0] <= LIMIT_S, "not all were back in time"


async def all_back(fleet: Herds, connects: int, down_at: float) -> dict[float, float]:
    """Wait until everybody has connected once more; return when which share had."""
    shares = [0.5, 0.9, 1.0]
    when: dict[float, float] = {}
    while len(when) < len(shares):
        said = await fleet.say("stats")
        share = (said["connects"] - connects) / said["agents"]
        if said["connected"] < said["agents"]:
            share = min(share, 0.9999)
        for reached in shares:
            if share >= reached:
                when.setdefault(reached, time.time() - down_at)
        if time.time() - down_at > 2 * LIMIT_S:
            raise RuntimeError(f"not all came back: {said}")
        await asyncio.sleep(0.5)
    return when


async def drained(fleet: Herds) -> dict:
    """Wait until everything that was made is acknowledged."""
    deadline = time.monotonic() + DRAIN_S
    while True:
        said = await fleet.say("stats")
        if said["made"] == said["acked"] or time.monotonic() > deadline:
            return said
        await asyncio.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=60)
    parser.add_argument("--gently", action="store_true", help="SIGTERM in place of SIGKILL")
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
