"""How much a server takes in: agent → durable in PostgreSQL → acknowledgement, mutual TLS on.

Load, server and PostgreSQL share the machine's cores. The figures to compare are per CPU-second; the
physical limit beside them is PostgreSQL's own binary COPY of the same rows into an equal table, from
a file, in the same run.

    python bench/ingest.py [--seconds 60] [--measures 20] [--rows 2000] [--agents 8] [--targets 250]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psutil

from vedette import clock
from vedette.access.secrets import load_or_make_secrets
from vedette.db.create import OWNER
from vedette.db.embedded import embedded
from vedette.db.migrate import upgrade
from vedette.db.pool import connect
from vedette.trust.keys import key_fingerprint, make_csr, make_key
from vedette.trust.seal import Seal

HERE = Path(__file__).parent


async def prepare(owner: str, seal_file: Path, agents: int, targets: int) -> dict:
    """Declare agents with certificates and the targets each probes."""
    certificates = []
    async with await connect(owner) as conn, conn.transaction():
        secrets = await load_or_make_secrets(conn, Seal.from_file(seal_file))
        for number in range(agents):
            key = make_key()
            csr = make_csr(key, f"bench-{number}")
            issued = secrets.authority.issue_agent(csr, f"bench-{number}", now=clock.now())
            cursor = await conn.execute(
                "INSERT INTO fleet.agent (name, key_fingerprint) VALUES (%s, %s) RETURNING id",
                (f"bench-{number}", key_fingerprint(csr)),
            )
            agent_id = (await cursor.fetchone())[0]
            cursor = await conn.execute(
                """WITH made AS (
                    INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
                    SELECT format('t-%%s-%%s', %(agent)s::int, n), format('t-%%s-%%s', %(agent)s::int, n),
                           'bench', 10000, 5000, 'bench'
                    FROM generate_series(1, %(targets)s) n RETURNING id
                ), told AS (
                    INSERT INTO fleet.assignment (target_id, agent_id) SELECT id, %(agent)s FROM made
                )
                SELECT array_agg(id) FROM made""",
                {"agent": agent_id, "targets": targets},
            )
            ids = (await cursor.fetchone())[0]
            certificates.append(
                {
                    "key": key.decode(),
                    "cert": issued.pem.decode(),
                    "run": str(uuid4()),
                    "targets": ids,
                }
            )
        await conn.execute("SELECT health.make_partitions(current_date - 1, current_date + 2)")
    return {"agents": certificates, "ca": secrets.authority.pem.decode()}


def cpu_of(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            pass
    return total


def by_name(processes: list[psutil.Process]) -> dict[str, float]:
    """CPU-seconds of each process, named as PostgreSQL names it."""
    found: dict[str, float] = {}
    for process in processes:
        try:
            name = " ".join(process.cmdline())[:48]
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[f"{process.pid} {name}"] = times.user + times.system
    return found


def postgres_processes(data_dir: Path) -> list[psutil.Process]:
    pid = int((data_dir / "pg" / "postmaster.pid").read_text().split()[0])
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


async def peer(owner: str, data_dir: Path) -> tuple[int, float]:
    """Binary COPY of the stored rows into an equal table, by PostgreSQL alone: rows, its CPU-seconds."""
    async with await connect(owner) as conn:
        cursor = await conn.execute(
            "SELECT c.oid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE inhparent = 'health.report'::regclass ORDER BY pg_relation_size(c.oid) DESC LIMIT 1"
        )
        partition = (await cursor.fetchone())[0]
        await conn.execute("CREATE TABLE public.peer (LIKE health.report) PARTITION BY RANGE (at)")
        await conn.execute("CREATE TABLE public.peer_all PARTITION OF public.peer DEFAULT")
        await conn.execute('ALTER TABLE public.peer_all ALTER COLUMN "values" SET STORAGE MAIN')
        await conn.execute(
            "CREATE INDEX ON public.peer USING brin (at) WITH (pages_per_range = 32)"
        )
        chunks = []
        async with conn.cursor() as cursor:
            async with cursor.copy(
                f"COPY (SELECT * FROM {partition} LIMIT 1000000) TO STDOUT (FORMAT binary)"
            ) as copy:
                async for chunk in copy:
                    chunks.append(bytes(chunk))
            rows = cursor.rowcount
        content = b"".join(chunks)
        before = cpu_of(postgres_processes(data_dir))
        async with (
            conn.cursor() as cursor,
            cursor.copy("COPY public.peer FROM STDIN (FORMAT binary)") as copy,
        ):
            for start in range(0, len(content), 1 << 20):
                await copy.write(content[start : start + (1 << 20)])
        used = cpu_of(postgres_processes(data_dir)) - before
        await conn.execute("DROP TABLE public.peer")
    return rows, used


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--measures", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--targets", type=int, default=250)
    parser.add_argument("--verbose", action="store_true", help="PostgreSQL's CPU by process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        await bench(Path(folder), options)


async def bench(data_dir: Path, options: argparse.Namespace) -> None:
    seal_file = data_dir / "seal.key"
    Seal.make_file(seal_file)
    async with embedded(data_dir) as running:
        owner = running.dsn(OWNER)
        await upgrade(owner)
        spec = await prepare(owner, seal_file, options.agents, options.targets)
        server = subprocess.Popen(
            [sys.executable, str(HERE / "link_server.py"), running.dsn(), str(seal_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        port = json.loads(server.stdout.readline())["port"]
        spec |= {
            "port": port,
            "rows": options.rows,
            "measures": options.measures,
            "seconds": options.seconds,
        }
        spec_file = data_dir / "load.json"
        spec_file.write_text(json.dumps(spec))
        load = subprocess.Popen(
            [sys.executable, str(HERE / "link_load.py"), str(spec_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert load.stdout.readline().strip() == "ready"
        process = psutil.Process(server.pid)
        server_before, pg_before = cpu_of([process]), cpu_of(postgres_processes(data_dir))
        load.stdin.write("go\n")
        load.stdin.flush()
        result = json.loads(await asyncio.to_thread(load.stdout.readline))
        server_cpu = cpu_of([process]) - server_before
        if options.verbose:
            for name, used in sorted(
                by_name(postgres_processes(data_dir)).items(), key=lambda x: -x[1]
            ):
                print(f"    {used:8.2f} s  {name}")
        pg_cpu = cpu_of(postgres_processes(data_dir)) - pg_before
        rss = process.memory_info().rss / 1e6
        server.stdin.close()
        counts = json.loads(server.stdout.readline())
        server.wait()
        async with await connect(owner) as conn:
            stored, size = await (
                await conn.execute(
                    "SELECT (SELECT count(*) FROM health.report), sum(pg_total_relation_size(inhrelid)) "
                    "FROM pg_inherits WHERE inhparent = 'health.report'::regclass"
                )
            ).fetchone()
        peer_rows, peer_cpu = await peer(owner, data_dir)
        report(
            options, result, stored, int(size), server_cpu, pg_cpu, rss, counts, peer_rows, peer_cpu
        )


def report(
    options, result, stored, size, server_cpu, pg_cpu, rss, counts, peer_rows, peer_cpu
) -> None:
    reports, wall = result["reports"], result["wall_s"]
    samples = reports * options.measures
    assert stored == reports, f"{reports} reports were acknowledged, {stored} are stored"
    print(
        f"reports of {options.measures} measurements, {options.agents} agents × {options.targets} targets, "
        f"{options.rows} reports a batch, {wall:.1f} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"  wall                {reports / wall:>12,.0f} reports/s   {samples / wall:>13,.0f} samples/s"
    )
    print(
        f"  server CPU          {reports / server_cpu:>12,.0f} reports/CPU-s {samples / server_cpu:>11,.0f} samples/CPU-s"
    )
    print(f"  PostgreSQL CPU      {reports / pg_cpu:>12,.0f} reports/CPU-s")
    print(
        f"  COPY of same rows   {peer_rows / peer_cpu:>12,.0f} reports/CPU-s   PostgreSQL uses {(pg_cpu / reports) / (peer_cpu / peer_rows):.2f}× of it"
    )
    print(
        f"  load's own CPU      {result['cpu_s']:>12.1f} s; server {server_cpu:.1f} s, PostgreSQL {pg_cpu:.1f} s; server resident {rss:.0f} MB"
    )
    print(
        f"  wire                {result['bytes'] / samples:>12.2f} bytes/sample; disk {size / samples:.2f} bytes/sample"
    )
    print(
        f"  ack latency         p50 {result['p50_s'] * 1000:.0f} ms, p99 {result['p99_s'] * 1000:.0f} ms; {counts['commits']} commits of {reports / max(counts['commits'], 1):,.0f} reports"
    )
    print(f"  every one of the {reports:,} acknowledged reports is stored once")


if __name__ == "__main__":
    started = time.perf_counter()
    asyncio.run(main())
    print(f"  ({time.perf_counter() - started:.0f} s in all)")
