"""What a scrape costs: parsing, and the whole path from exporter to durable, beside Prometheus.

The same exporters are scraped in the same run by `vedette up` (agent, server and PostgreSQL counted
together) and by Debian's `prometheus`, where it is installed. Of each exporter's series a tenth has a
new value at every scrape. The figures to compare are samples per CPU-second: load, both systems and
whatever else runs share the machine's cores.

    python bench/prometheus.py [--seconds 60] [--targets 20] [--series 5000] [--every 5] [--parse-only]
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg

from vedette.agent.exposition.grammar import Dialect
from vedette.agent.exposition.page import Bounds, Page
from vedette.db.create import OWNER
from vedette.db.embedded import embedded
from vedette.db.pool import connect

CHANGED = 0.1
VARIANTS = 7


def body_of(series: int, *, seed: int) -> list[str]:
    """Lines as exporters write them: families of 50, help and type, five labels each."""
    rng = random.Random(seed)
    lines = []
    for number in range(series):
        family = f"bench_{number // 50:04d}_seconds_total"
        if number % 50 == 0:
            lines.append(f"# HELP {family} Seconds something took, of family {number // 50}.")
            lines.append(f"# TYPE {family} counter")
        labels = f'code="{number % 5}00",handler="/api/v1/{number % 50}",method="get",node="n{seed}",zone="eu-1"'
        lines.append(f"{family}{{{labels}}} {rng.randrange(10**9) / 1000}")
    return lines


def bodies(series: int, *, seed: int, changed: float = CHANGED) -> list[str]:
    """A few bodies, each with a tenth of the values changed against the one before."""
    rng = random.Random(seed)
    lines = body_of(series, seed=seed)
    samples = [at for at, line in enumerate(lines) if not line.startswith("#")]
    made = []
    for _ in range(VARIANTS):
        for at in rng.sample(samples, int(len(samples) * changed)):
            head, _, _ = lines[at].rpartition(" ")
            lines[at] = f"{head} {rng.randrange(10**9) / 1000}"
        made.append("\n".join(lines) + "\n")
    return made


def parsing(series: int) -> None:
    print("parsing, million samples per CPU-second:")
    for changed in (0.0, 0.1, 0.3, 1.0):
        texts = bodies(series, seed=1, changed=changed)
        page = Page(Bounds())
        page.read(texts[-1], Dialect.TEXT)
        rounds, begun = 0, time.process_time()
        while time.process_time() - begun < 2:
            for text in texts:
                page.read(text, Dialect.TEXT)
            rounds += len(texts)
        rate = rounds * series / (time.process_time() - begun) / 1e6
        print(f"  {changed:4.0%} changed  {rate:6.2f}")
    from prometheus_client.parser import text_string_to_metric_families as reference

    begun = time.process_time()
    total = sum(len(family.samples) for family in reference(texts[0]))
    print(f"  peer: prometheus_client.parser  {total / (time.process_time() - begun) / 1e6:6.3f}")


async def expose(targets: int, series: int) -> None:
    """Serve every target's bodies in turn, until stdin closes; print the ports."""
    servers = []

    def serving(seed: int):
        made = [
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(text), text.encode())
            for text in bodies(series, seed=seed)
        ]
        turns: dict[bytes, int] = {}

        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            # Each scraper sees its own walk through the variants: a tenth changes at every scrape.
            who = b"vedette" if b"vedette" in head.lower() else b"other"
            turns[who] = turns.get(who, 0) + 1
            writer.write(made[turns[who] % len(made)])
            await writer.drain()
            writer.close()

        return serve

    for seed in range(targets):
        servers.append(await asyncio.start_server(serving(seed), "127.0.0.1", 0))
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def cpu_of_tree(pid: int) -> dict[int, tuple[str, float]]:
    """CPU-seconds of a process and all below it, by process."""
    root = psutil.Process(pid)
    found = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            words = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = (_role(words), times.user + times.system)
    return found


def _role(words: str) -> str:
    if "postgres" in words:
        return "postgres"
    return "agent" if "vedette.agent" in words else "server"


def spent(before: dict, after: dict) -> dict[str, float]:
    total: dict[str, float] = {}
    for pid, (role, seconds) in after.items():
        total[role] = total.get(role, 0.0) + seconds - before.get(pid, (role, 0.0))[1]
    return total


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def postgres_trees(folder: Path) -> list[int]:
    """The postmaster of this data directory; it stands beside `vedette up`, under its keeper."""
    return [int((folder / "pg" / "postmaster.pid").read_text().split()[0])]


async def whole_path(args: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="vedette-bench-"))
    exporters = subprocess.Popen(
        [sys.executable, __file__, "--expose", "--targets", str(args.targets), "--series", str(args.series)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    running = [exporters]
    try:
        ports = json.loads(exporters.stdout.readline())
        up = start_vedette(folder, ports, args.every)
        running.append(up)
        peer = start_prometheus(folder, ports, args.every)
        if peer is not None:
            running.append(peer[0])
        await measure(folder, up, peer, args)
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def start_vedette(folder: Path, ports: list[int], every: int) -> subprocess.Popen:
    targets = [
        {
            "name": f"exporter-{port}",
            "connector": "prometheus",
            "every": f"{every}s",
            "settings": {"url": f"http://127.0.0.1:{port}/metrics"},
        }
        for port in ports
    ]
    (folder / "vedette.yaml").write_text(json.dumps({"targets": targets}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VEDETTE_")}
    return subprocess.Popen(
        [
            sys.executable, "-m", "vedette.app.main", "up", "-c", str(folder / "vedette.yaml"),
            "--data-dir", str(folder / "data"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
        ],
        env=environment, stdout=subprocess.DEVNULL, stderr=(folder / "up.log").open("wb"),
    )  # fmt: skip


def start_prometheus(folder: Path, ports: list[int], every: int):
    program = shutil.which("prometheus")
    if program is None:
        print("peer: prometheus is not installed here")
        return None
    port = free_port()
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": f"{every}s"},
                "scrape_configs": [
                    {
                        "job_name": "bench",
                        "static_configs": [{"targets": [f"127.0.0.1:{p}" for p in ports]}],
                    }
                ],
            }
        )
    )
    process = subprocess.Popen(
        [
            program, f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return process, port


def appended(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("prometheus_tsdb_head_samples_appended_total"):
                return float(line.rpartition(" ")[2])
    return 0.0


async def warm(dsn: str, up: subprocess.Popen, samples: int) -> None:
    """Wait until everybody was scraped a few times."""
    while up.poll() is None:
        try:
            if await stored(dsn) >= samples:
                return
        except psycopg.errors.UndefinedTable:
            pass  # it is still making its tables
        await asyncio.sleep(0.5)
    raise RuntimeError("vedette up has ended; its log is up.log")


async def stored(dsn: str) -> int:
    async with await connect(dsn) as conn:
        row = await (
            await conn.execute('SELECT coalesce(sum(cardinality("values")), 0) FROM health.report')
        ).fetchone()
        return int(row[0])


async def measure(folder: Path, up: subprocess.Popen, peer, args: argparse.Namespace) -> None:
    while not (folder / "data" / "pg" / "postmaster.pid").exists() and up.poll() is None:
        await asyncio.sleep(0.2)
    async with embedded(folder / "data") as running_database:
        await measured(folder, up, peer, args, running_database.dsn(OWNER))


async def measured(folder: Path, up, peer, args: argparse.Namespace, dsn: str) -> None:
    await warm(dsn, up, 3 * args.targets * args.series)
    samples, theirs = await stored(dsn), appended(peer[1]) if peer else 0.0
    before = trees(folder, up)
    peer_before = psutil.Process(peer[0].pid).cpu_times() if peer else None
    await asyncio.sleep(args.seconds)
    after = trees(folder, up)
    peer_after = psutil.Process(peer[0].pid).cpu_times() if peer else None
    theirs_after = appended(peer[1]) if peer else 0.0
    samples = await stored(dsn) - samples
    cost = spent(before, after)
    total = sum(cost.values())
    print(f"whole path, {args.targets} exporters of {args.series} series, every {args.every} s:")
    print(f"  vedette     {samples / total / 1e3:7.0f} thousand samples per CPU-second "
          f"({samples} samples; " + ", ".join(f"{k} {v:.1f} s" for k, v in sorted(cost.items())) + ")")  # fmt: skip
    if peer:
        spent_s = sum(peer_after[:2]) - sum(peer_before[:2])
        scraped = theirs_after - theirs
        print(f"  prometheus  {scraped / spent_s / 1e3:7.0f} thousand samples per CPU-second "
              f"({scraped:.0f} samples; {spent_s:.1f} s)")  # fmt: skip


def trees(folder: Path, up: subprocess.Popen) -> dict[int, tuple[str, float]]:
    found = cpu_of_tree(up.pid)
    for pid in postgres_trees(folder / "data"):
        found |= cpu_of_tree(pid)
    return found


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--seconds", type=int, default=60)
    flags.add_argument("--targets", type=int, default=20)
    flags.add_argument("--series", type=int, default=5_000)
    flags.add_argument("--every", type=int, default=5)
    flags.add_argument("--parse-only", action="store_true")
    flags.add_argument("--expose", action="store_true", help=argparse.SUPPRESS)
    args = flags.parse_args()
    if args.expose:
        asyncio.run(expose(args.targets, args.series))
        return
    parsing(args.series)
    if not args.parse_only:
        asyncio.run(whole_path(args))


if __name__ == "__main__":
    main()
