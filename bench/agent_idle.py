"""An agent with 50 targets at 10 s: resident memory and CPU, beside the limits of the issue.

20 http, 10 tcp, 10 redis, 5 postgres, 5 tls; http, tcp and tls servers are made here, Redis and
PostgreSQL are those of this machine (`--redis HOST:PORT`, `--postgres HOST:PORT`). The agent runs as
a process of its own against a real gRPC server over mutual TLS.

    python bench/agent_idle.py [--seconds 60] [--every-ms 10000]
"""

import argparse
import asyncio
import os
import ssl
import sys
import tempfile
from pathlib import Path

import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / place) for place in ("agent", "link")]
from agent_world import FakeServer, enrolled, target  # noqa: E402 - found by the line above

from vedette.agent.program import Options  # noqa: E402 - tests must be found first
from vedette.app.commands.agent import FRUGAL  # noqa: E402 - tests must be found first
from vedette.link import vedette_pb2 as pb  # noqa: E402 - tests must be found first

LIMIT_MB = 60
LIMIT_CORE = 0.02
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n"


async def answer(reader, writer):
    """Answer every request of a connection until it is closed."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def servers(server, directory):
    """Start what is watched; return the targets."""
    http = await asyncio.start_server(answer, "127.0.0.1", 0)
    chain, key = server.authority.issue_server(["127.0.0.1", "localhost"])
    (directory / "tls.pem").write_bytes(chain + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.pem")
    tls = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    return http, tls


def targets(options, http_port, tls_port):
    """Return the fifty targets."""
    wanted = []

    def add(count, connector, **settings):
        for _ in range(count):
            number = len(wanted) + 1
            wanted.append(
                target(number, f"t{number}", connector, options.every_ms, 5000, **settings)
            )

    redis_host, _, redis_port = options.redis.rpartition(":")
    pg_host, _, pg_port = options.postgres.rpartition(":")
    add(20, "http", url=f"http://127.0.0.1:{http_port}/")
    add(10, "tcp", host="127.0.0.1", port=http_port)
    add(10, "redis", host=redis_host, port=int(redis_port))
    add(5, "postgres", host=pg_host, port=int(pg_port), user="postgres", database="postgres")
    add(5, "tls", host="127.0.0.1", port=tls_port)
    return wanted


async def main(options):
    """Run the agent and print what it took."""
    server = FakeServer()
    server.credits = 16
    await server.start()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        http, tls = await servers(server, directory)
        ports = [each.sockets[0].getsockname()[1] for each in (http, tls)]
        server.configuration = pb.Configuration(revision=1, targets=targets(options, *ports))
        started = Options(data_dir=enrolled(server, directory / "agent"))
        agent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vedette.agent",
            started.to_json(),
            env={**os.environ, **FRUGAL},
        )
        process = psutil.Process(agent.pid)
        # Two rounds first: imports, connections and prepared statements are not idling.
        await asyncio.sleep(max(options.every_ms / 1000 * 2, 20.0) + 2)
        if agent.returncode is not None:
            raise SystemExit(f"the agent ended with exit code {agent.returncode}")
        before, rows = process.cpu_times(), sum(batch.rows for batch in server.stored)
        await asyncio.sleep(options.seconds)
        after, more = process.cpu_times(), sum(batch.rows for batch in server.stored)
        resident = process.memory_info().rss / 1e6
        private = process.memory_full_info().uss / 1e6
        agent.terminate()
        await agent.wait()
        classes = {c.name for define in server.definitions for c in define.error_classes}
    await server.stop()
    core = (after.user + after.system - before.user - before.system) / options.seconds
    print(f"reports in {options.seconds} s: {more - rows}; error classes: {classes or 'none'}")
    print(f"resident {resident:.1f} MB (limit {LIMIT_MB} MB), of its own {private:.1f} MB")
    print(f"CPU {core * 100:.2f} % of a core (limit {LIMIT_CORE * 100:.0f} %)")
    return resident <= LIMIT_MB and core <= LIMIT_CORE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--every-ms", type=int, default=10_000)
    parser.add_argument("--redis", default="127.0.0.1:6379")
    parser.add_argument("--postgres", default="127.0.0.1:5432")
    sys.exit(0 if asyncio.run(main(parser.parse_args())) else 1)
