"""Thirty days of one measurement at a step of a minute, among few and many others: ms in PostgreSQL.

    python -m bench.range [--large]

The same 43,200 points are asked for beside 100 and beside 400 other targets (with --large 1,600 too)
of 20 measurements each, all with the same thirty days; what a graph costs must not depend on what
else is kept. Beside it the physical limit: the rows of the index, their arrays unnested, nothing more.
It starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from psycopg import AsyncConnection

from vedette.db import testing
from vedette.db.embedded import embedded
from vedette.db.pool import connect

BESIDE = (100, 400)
LARGE = 1_600
MEASUREMENTS, DAYS = 20, 30
ROUNDS = 5
ALLOWED_MS = 50.0
FLAT = 1.5
"""So many times the pages of the smallest world may be touched in the largest (an index a level deeper
is a page more for each stored array); time is too noisy for this."""

FIRST, UNTIL = "2026-10-01 00:00:00+00", "2026-10-31 00:00:00+00"

TARGETS = """
INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
SELECT 't' || n, 't' || n, 'postgres', 10000, 5000, 'bench'
FROM generate_series(%(first)s::integer, %(last)s) n"""

SERIES = """
INSERT INTO health.series (target_id, measurement, entity, unit)
SELECT t.id, 'm' || m, '', ''
FROM fleet.target t CROSS JOIN generate_series(1, %(measurements)s) m
WHERE substr(t.name, 2)::integer BETWEEN %(first)s AND %(last)s
ORDER BY t.id, m"""

# Compacted days of the first target, six samples a minute: values walk about in steps of a tenth, and
# least, mean, greatest and last of a minute differ now and then.
WALKS = """
INSERT INTO health.minutes (target_id, series_id, starts_at, counts, mins, avgs, maxs, lasts)
SELECT s.target_id, s.id, d.day, array_fill(6::smallint, ARRAY[1440]),
       array_agg(w.level - w.spread ORDER BY w.n), array_agg(w.level ORDER BY w.n),
       array_agg(w.level + w.spread ORDER BY w.n), array_agg(w.level ORDER BY w.n)
FROM health.series s
CROSS JOIN generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 day', interval '1 day') d (day)
CROSS JOIN LATERAL (
    SELECT g.n, round((sum(g.step) OVER (ORDER BY g.n))::numeric, 1)::double precision + s.id AS level, g.spread
    FROM (
        SELECT n, CASE WHEN random() < 0.1 THEN (random() - 0.5) * 2 ELSE 0 END AS step,
               CASE WHEN random() < 0.1 THEN 0.1 ELSE 0 END AS spread
        FROM generate_series(1, 1440) n
        -- Named so that each series and day walks its own way.
        WHERE s.id IS NOT NULL AND d.day IS NOT NULL
    ) g
) w
GROUP BY s.target_id, s.id, d.day"""

# The others get the same days: arrays are copied as they are stored, compressed.
COPIES = """
INSERT INTO health.minutes (target_id, series_id, starts_at, counts, mins, avgs, maxs, lasts)
SELECT o.target_id, o.id, m.starts_at, m.counts, m.mins, m.avgs, m.maxs, m.lasts
FROM health.minutes m
JOIN health.series s ON s.id = m.series_id
JOIN fleet.target t ON t.id = s.target_id AND t.name = 't1'
JOIN health.series o ON o.measurement = s.measurement
JOIN fleet.target x ON x.id = o.target_id
WHERE substr(x.name, 2)::integer BETWEEN %(first)s AND %(last)s
ORDER BY m.starts_at, o.target_id"""

ASKED = f"SELECT * FROM grafana.measurements('t1', 'm1', '{FIRST}', '{UNTIL}', '1 minute')"

ROWS = f"""
FROM health.series s
JOIN fleet.target t ON t.id = s.target_id AND t.name = 't1'
JOIN health.minutes m ON m.target_id = s.target_id AND m.series_id = s.id
CROSS JOIN LATERAL unnest({{arrays}}) WITH ORDINALITY AS v
WHERE s.measurement = 'm1' AND m.starts_at >= '{FIRST}' AND m.starts_at < '{UNTIL}'"""
ONE_ARRAY = "SELECT m.starts_at, v.*" + ROWS.format(arrays="m.avgs")
FIVE_ARRAYS = "SELECT m.starts_at, v.*" + ROWS.format(
    arrays="m.counts, m.mins, m.avgs, m.maxs, m.lasts"
)

SIZE = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'health.minutes'::regclass"


async def value(conn: AsyncConnection[Any], sql: str) -> Any:
    row = await (await conn.execute(sql)).fetchone()
    return row[0] if row else None


async def cost(conn: AsyncConnection[Any], sql: str) -> tuple[float, int]:
    """The median ms of the rounds as EXPLAIN says it, and pages touched; the first round, which warms, is not counted."""
    took, pages = [], 0
    for _ in range(ROUNDS + 1):
        [plan] = await value(conn, f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) {sql}")
        took.append(plan["Execution Time"])
        pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return float(median(took[1:])), pages


async def fill(conn: AsyncConnection[Any], first: int, last: int) -> None:
    """Give the targets of those numbers their thirty days."""
    numbers = {"first": first, "last": last}
    await conn.execute(TARGETS, numbers)
    await conn.execute(SERIES, {**numbers, "measurements": MEASUREMENTS})
    if first == 1:
        await conn.execute("SELECT health.make_minutes_partition(%s::date)", (FIRST[:10],))
        await conn.execute("INSERT INTO health.rolled (until) VALUES (%s)", (UNTIL,))
        await conn.execute(WALKS, {"since": FIRST, "until": UNTIL})
    else:
        await conn.execute(COPIES, numbers)
    await conn.execute("VACUUM (ANALYZE) health.minutes, health.series, fleet.target")


async def measure(dsn: str, beside: tuple[int, ...]) -> bool:
    """Print a line for each size of the world; return whether it is fast enough and flat."""
    took, touched = [], []
    async with await connect(dsn) as conn:
        await fill(conn, 1, 1)
        points = await value(conn, f"SELECT count(*) FROM ({ASKED}) p")
        print(
            f"{points:,} points: {DAYS} days of one measurement, step 1 minute; median of {ROUNDS}"
        )
        print("  beside            stored    asked (≤ 50)  pages   bare, 1 array   bare, 5 arrays")
        there = 1
        for others in beside:
            await fill(conn, there + 1, others + 1)
            there = others + 1
            stored = int(await value(conn, SIZE))
            ms, pages = await cost(conn, ASKED)
            (one, _), (five, _) = await cost(conn, ONE_ARRAY), await cost(conn, FIVE_ARRAYS)
            took.append(ms)
            touched.append(pages)
            print(
                f"  {others:5d} targets {stored / 1e6:7,.0f} MB {ms:9.1f} ms {pages:8d} {one:12.1f} ms {five:13.1f} ms"
                f"   {stored / (there * MEASUREMENTS * DAYS * 1440):.2f} bytes a minute",
                flush=True,
            )
    is_flat = max(touched) <= FLAT * min(touched)
    return points == DAYS * 1440 and max(took) <= ALLOWED_MS and is_flat


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="beside 1,600 targets too")
    beside = (*BESIDE, LARGE) if parser.parse_args().large else BESIDE
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        testing.write_unsafe_settings(Path(folder))
        async with embedded(Path(folder)) as running:
            admin = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            roles = ("vedette_owner", "vedette_app", "vedette_grafana")
            await testing.make_template(admin, {role: words[role] for role in roles})
            name = await testing.clone(admin)
            return 0 if await measure(testing.dsn_for(admin, dbname=name), beside) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
