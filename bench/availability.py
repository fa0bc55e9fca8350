"""The table of availability: 100 components over 12 months, among 2,000 and 20,000 incidents: ms until it is there.

    python -m bench.availability

The whole of what a reader of the page waits for is measured: one statement for components, categories and the months
published for good, its way, and the exact shares in Python. It may take 50 ms among 2,000 incidents, and four times that
among ten times as many. Beside it the CPU of PostgreSQL and of Python, which is what it costs without whatever else the
machine does, and the compatible formula as it is done naively: what the first Status Dashboard read and summed in
Python, a statement a component. Linux only.
It starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from psycopg import AsyncConnection

from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect
from vedette.incidents import availability
from vedette.incidents.availability import table
from vedette.incidents.availability_ask import Question, question
from vedette.incidents.availability_freeze import run_once
from vedette.incidents.availability_rules import Reporting, month_bounds

COMPONENTS, MONTHS = 100, 12
AMONG = (2_000, 20_000)
ROUNDS = 15
ALLOWED_MS = 50.0
GROWTH = 4.0
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

WORLD = """
INSERT INTO fleet.region (name, slug) SELECT 'R' || n, 'r' || n FROM generate_series(1, 4) n;
INSERT INTO fleet.service (name, slug, category)
SELECT 'S' || n, 's' || n, 'C' || n % 5 FROM generate_series(1, 25) n;
INSERT INTO fleet.component (slug, service_id, region_id, made_at)
SELECT s.slug || '-' || r.slug, s.id, r.id, '2025-01-01Z' FROM fleet.service s CROSS JOIN fleet.region r;
"""

# Each affects one to three components for a quarter of an hour to two days, in the last 400 days.
INCIDENTS = """
WITH made AS (
    INSERT INTO incidents.incident (
        kind, title, impact, status, origin, starts_at, ends_at, published_at, made_at, made_by, changed_at)
    SELECT 'incident', 'i', 1 + n %% 3, 'resolved', 'person', s, s + '15 minutes' + random() * random() * interval '2 days',
           s, s, 'bench', s
    FROM generate_series(1, %(number)s) n
    CROSS JOIN LATERAL (SELECT %(now)s::timestamptz - interval '2 days' - random() * interval '400 days' + n * interval '0') AS x (s)
    RETURNING id, impact
), weighed AS (
    INSERT INTO incidents.gravity (incident_id, since, impact) SELECT id, '-infinity', impact FROM made
)
INSERT INTO incidents.affected (incident_id, component_id)
SELECT DISTINCT m.id, 1 + floor(random() * 100)::integer FROM made m CROSS JOIN generate_series(1, 3) n WHERE n = 1 OR random() < 0.3
"""
SETTLE = "SELECT incidents.settle((SELECT array_agg(id) FROM incidents.incident))"

NAIVE = """
SELECT i.impact, i.starts_at, i.ends_at FROM incidents.incident i JOIN incidents.affected a ON a.incident_id = i.id
WHERE a.component_id = %s"""


async def naive(conn: AsyncConnection[Any], asked: Question) -> dict[tuple[int, int], float]:
    """Sum as the original does: every incident of each component, in Python."""
    found = {}
    bounds = month_bounds(asked.first, asked.months, "UTC")
    for component in range(1, COMPONENTS + 1):
        rows = await (await conn.execute(NAIVE, (component,))).fetchall()
        for nth, (opens, closes) in enumerate(pairwise(bounds), 1):
            ended = [
                (max(start, opens), end)
                for impact, start, end in rows
                if impact == 3 and end is not None and opens <= end < closes
            ]
            whole = (min(closes, NOW) - opens).total_seconds()
            lost = sum((end - start).total_seconds() for start, end in ended)
            found[component, nth] = (whole - lost) / whole
    return found


async def cost(conn: AsyncConnection[Any], asked: Question) -> tuple[float, float, float]:
    """The medians of a table's whole time, of its CPU in PostgreSQL and in Python, after a round that warms; ms."""
    busy = Path(f"/proc/{conn.info.backend_pid}/schedstat")
    found = []
    for _ in range(ROUNDS + 1):
        there, here = int(busy.read_text().split()[0]), time.process_time()
        began = time.perf_counter()
        await table(conn, asked, now=NOW)
        whole = time.perf_counter() - began
        here, there = time.process_time() - here, int(busy.read_text().split()[0]) - there
        found.append((whole * 1e3, there / 1e6, here * 1e3))
    whole, there, here = map(median, zip(*found[1:], strict=True))
    return whole, there, here


async def measure(dsn: str) -> bool:
    """Print a line for each number of incidents; return whether both are fast enough."""
    took, there, is_same = [], 0, True
    async with await connect(dsn) as conn:
        await conn.execute(WORLD)
        print(f"{COMPONENTS} components × {MONTHS} months; ms, median of {ROUNDS}")
        print(
            "  incidents   whole (≤ 50; ≤ 4×)   CPU PostgreSQL   CPU Python   whole with compatible   naive"
        )
        for number in AMONG:
            await conn.execute(INCIDENTS, {"number": number - there, "now": NOW})
            there = number
            await conn.execute(SETTLE)
            await run_once(conn, now=NOW, reporting=Reporting())
            await conn.execute(
                "VACUUM (ANALYZE) incidents.incident, incidents.affected, incidents.span, incidents.monthly"
            )
            words = {"by": "region,category", "months": str(MONTHS)}
            whole, there_ms, here_ms = await cost(conn, question(words, Reporting(), now=NOW))
            both = question({**words, "beside": "compatible"}, Reporting(), now=NOW)
            beside, *_ = await cost(conn, both)
            began = time.perf_counter()
            theirs = await naive(conn, both)
            slow = (time.perf_counter() - began) * 1000
            took.append(whole)
            print(
                f"  {number:9,d} {whole:20.1f} {there_ms:16.1f} {here_ms:12.1f} {beside:23.1f} {slow:7.1f}",
                flush=True,
            )
            is_same = is_same and agree(await table(conn, both, now=NOW), theirs)
    return is_same and took[0] <= ALLOWED_MS and took[1] <= GROWTH * ALLOWED_MS


def agree(found: availability.Table, theirs: dict[tuple[int, int], float]) -> bool:
    """Say whether both sums of the compatible formula are the same."""
    cells = [cell.compatible for line in found.lines for cell in line.cells]
    ours = sorted(share.numerator / share.denominator if share else 0.0 for share in cells)
    return all(abs(a - b) < 1e-9 for a, b in zip(ours, sorted(theirs.values()), strict=True))


async def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        testing.write_unsafe_settings(Path(folder))
        async with embedded(Path(folder)) as running:
            admin = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            roles = ("vedette_owner", "vedette_app", "vedette_grafana")
            await testing.make_template(admin, {role: words[role] for role in roles})
            name = await testing.clone(admin)
            return 0 if await measure(testing.dsn_for(admin, dbname=name)) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
