"""Hot reload: one of 1,000 targets changes; how many probes do the other 999 miss?

A real agent in a process of its own, over mutual TLS; each target is a TCP port of this process,
every 5 s. The configuration changes three times, in the middle of looks.

    python bench/reload.py [--targets 1000] [--every-ms 5000] [--rounds 6]
"""

import argparse
import asyncio
import os
import sys
import tempfile
from array import array
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / place) for place in ("agent", "link")]
from agent_world import FakeServer, enrolled, target  # noqa: E402 - found by the line above

from vedette.agent.program import Options  # noqa: E402 - tests must be found first
from vedette.app.commands.agent import FRUGAL  # noqa: E402 - tests must be found first
from vedette.link import vedette_pb2 as pb  # noqa: E402 - tests must be found first

CHANGED = 500
"""The target that changes; its connector is made anew each time."""
RELOADS = 3
LATE = 0.5
"""A look that comes later than its beat by this part of the period was missed."""


def configuration(options, revision, port):
    """Return all targets; the changed one has another timeout in each revision."""
    return pb.Configuration(
        revision=revision,
        targets=[
            target(
                number,
                f"t{number}",
                "tcp",
                options.every_ms,
                2000 + (revision if number == CHANGED else 0),
                host="127.0.0.1",
                port=port,
            )
            for number in range(1, options.targets + 1)
        ],
    )


def looks_of(batches):
    """Return target → instants of its looks in µs, in their order."""
    looks = defaultdict(list)
    for batch in batches:
        for number, at in zip(array("I", batch.target), array("q", batch.at), strict=True):
            looks[number].append(at)
    return {number: sorted(instants) for number, instants in looks.items()}


def missed(looks, every_ms, since_us, until_us):
    """Return how many beats passed without a look, and the longest wait in periods."""
    every_us, count, longest = every_ms * 1000, 0, 0.0
    for number, instants in looks.items():
        if number == CHANGED:
            continue
        seen = [at for at in instants if at >= since_us] + [until_us]
        for before, after in pairwise(seen):
            longest = max(longest, (after - before) / every_us)
            count += max(int((after - before) / every_us - LATE), 0)
    return count, longest


async def main(options):
    """Run the agent, reload it, and count."""
    server = FakeServer()
    server.credits = 64
    await server.start()
    door = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, backlog=512)
    port, every_s = door.sockets[0].getsockname()[1], options.every_ms / 1000
    server.configuration = configuration(options, 1, port)
    with tempfile.TemporaryDirectory() as folder:
        started = Options(data_dir=enrolled(server, Path(folder) / "agent"))
        agent = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette.agent", started.to_json(), env={**os.environ, **FRUGAL}
        )
        # Until every target is on its own beat: the first looks come early.
        await asyncio.sleep(3 * every_s)
        begun = len(server.stored)
        for revision in range(2, 2 + RELOADS):
            await asyncio.sleep(options.rounds / RELOADS * every_s * 0.7)
            await server.configure(configuration(options, revision, port))
        await asyncio.sleep(options.rounds * every_s * 0.3)
        agent.terminate()
        await agent.wait()
    await server.stop()
    door.close()
    looks = looks_of(server.stored)
    since_us = min(array("q", server.stored[begun].at))
    until_us = max(at for instants in looks.values() for at in instants)
    count, longest = missed(looks, options.every_ms, since_us, until_us)
    total = sum(len(instants) for instants in looks.values())
    print(
        f"{total} looks at {len(looks)} targets every {every_s:g} s, {RELOADS} reloads of one target"
    )
    print(f"missed probes on the other {len(looks) - 1}: {count} (limit 0)")
    print(f"longest wait between two looks: {longest:.2f} periods")
    return count == 0 and len(looks) == options.targets


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--every-ms", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=6)
    sys.exit(0 if asyncio.run(main(parser.parse_args())) else 1)
