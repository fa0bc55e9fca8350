"""How long the embedded PostgreSQL takes to start, stop and recover, beside bare initdb and pg_ctl.

    python bench/start_database.py --rounds 3

The limit `vedette up` leaves it: 5 s the first time, 1.2 s later, both with the schema up to date.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psycopg

from vedette.db.binaries import find_binaries
from vedette.db.embedded import Running, embedded
from vedette.db.identity import choose_identity
from vedette.db.migrate import upgrade

Figures = dict[str, list[float]]
ROWS = 1_000_000


async def measure(folder: Path, figures: Figures) -> None:
    """Start it for the first time, again, and after a crash."""
    for name in ("first start, with all tables", "later start, with the check"):
        began = time.perf_counter()
        async with embedded(folder) as running:
            await upgrade(running.dsn("vedette_owner"))
            figures[name].append(time.perf_counter() - began)
            began = time.perf_counter()
        figures["clean stop"].append(time.perf_counter() - began)
    async with embedded(folder) as running:
        await recover(running, figures)


async def recover(running: Running, figures: Figures) -> None:
    """Kill the server after a million rows and wait until it answers again."""
    dsn = running.dsn("vedette_owner")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"CREATE TABLE public.kept AS SELECT generate_series(1, {ROWS}) AS n")
    pid = int((running.place.pgdata / "postmaster.pid").read_text().split()[0])
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    while True:
        try:
            with psycopg.connect(dsn) as conn:
                assert conn.execute("SELECT count(*) FROM public.kept").fetchone() == (ROWS,)
            break
        except psycopg.OperationalError:
            await asyncio.sleep(0.01)
    figures[f"recovery after kill -9, {ROWS:,} rows"].append(time.perf_counter() - began)


def peer(folder: Path, figures: Figures) -> None:
    """Do the same with PostgreSQL's own programs and nothing around them."""
    binaries = find_binaries()
    become = choose_identity(binaries.program("postgres"), folder / "pg").becomes()

    def run(name: str, *arguments: str) -> None:
        began = time.perf_counter()
        subprocess.run(
            [binaries.program(name), "-D", folder / "pg", *arguments],
            preexec_fn=become,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        figures[f"bare {name} {arguments[-1]}"].append(time.perf_counter() - began)

    run("initdb", "-A", "trust", "-U", "postgres")
    quiet = f"-c listen_addresses= -c unix_socket_directories={folder}"
    for _ in range(2):
        run("pg_ctl", "-w", "-o", quiet, "-l", str(folder / "log"), "start")
        run("pg_ctl", "-w", "-m", "fast", "stop")


def main() -> None:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    figures: Figures = defaultdict(list)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
            asyncio.run(measure(Path(folder, "ours"), figures))
            Path(folder, "peer").mkdir()
            peer(Path(folder, "peer"), figures)
    for name, seconds in figures.items():
        print(f"{name:45} {statistics.median(seconds):6.2f} s  best {min(seconds):5.2f} s")


if __name__ == "__main__":
    main()
