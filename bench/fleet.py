"""What agents cost a server while nothing happens: connected, a heartbeat now and then, no reports.

The server is `vedette serve` with its loops and its database; the peer beside it is a bare grpc.aio
server over the same mutual TLS that reads the same heartbeats and does nothing. Memory is Pss above
the same process without agents. Load, servers and PostgreSQL share the machine's cores.

    python bench/fleet.py [--agents 1000 10000] [--seconds 60]
"""

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

# Found either way: `python -m bench.fleet` and `python bench/fleet.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stage import Server, Stage, bare_server, cpu_s, free_port, herds, pss_bytes, stage

SETTLE_S = 15
"""Heartbeats are spread by then, and what connecting needed is given back."""


@dataclass
class Figures:
    empty_bytes: int
    full_bytes: int
    connect_s: float
    connect_cpu_s: float
    idle_cores: float


async def measure(it: Stage, address: str, process: psutil.Process, seconds: float) -> Figures:
    """Connect everybody, let it settle, then look for so many seconds."""
    with herds(it, address) as fleet:
        empty, cpu = pss_bytes(process), cpu_s(process)
        connect_s = await fleet.connect()
        connect_cpu_s = cpu_s(process) - cpu
        await asyncio.sleep(SETTLE_S)
        cpu = cpu_s(process)
        await asyncio.sleep(seconds)
        idle = (cpu_s(process) - cpu) / seconds
        said = await fleet.say("stats")
        assert said["connected"] == said["connects"] == len(it.agents), said
        return Figures(empty, pss_bytes(process), connect_s, connect_cpu_s, idle)


def show(name: str, agents: int, its: Figures) -> None:
    each = (its.full_bytes - its.empty_bytes) / agents
    print(
        f"  {name:<14} Pss {its.full_bytes / 1e6:6.0f} MB (empty {its.empty_bytes / 1e6:.0f}), "
        f"{each / 1e3:6.1f} kB an agent; idle {its.idle_cores * 100:6.2f} % of a core, "
        f"{its.idle_cores / agents * 1e6:6.1f} µs/s an agent; "
        f"connecting {its.connect_s:.1f} s, {its.connect_cpu_s / agents * 1e3:.1f} ms CPU an agent"
    )


async def bench(agents: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        async with stage(Path(folder), agents) as it:
            print(
                f"{agents:,} agents connected and idle for {seconds:.0f} s, mutual TLS, "
                f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            )
            server = Server(it, port=free_port())
            try:
                await server.ready()
                ours = await measure(it, server.address, server.process, seconds)
            finally:
                server.end()
            show("vedette serve", agents, ours)
            with bare_server(it) as (address, process):
                peer = await measure(it, address, process, seconds)
            show("bare grpc.aio", agents, peer)
            memory = (ours.full_bytes - ours.empty_bytes) / (peer.full_bytes - peer.empty_bytes)
            print(
                f"  ours is {memory:.2f}× its memory, {ours.idle_cores / peer.idle_cores:.2f}× its CPU"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    for agents in options.agents:
        asyncio.run(bench(agents, options.seconds))


if __name__ == "__main__":
    main()
