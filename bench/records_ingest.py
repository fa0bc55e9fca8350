"""What it costs to store what scanners found, beside a plain binary COPY of the same rows, in the same run.

    python bench/records_ingest.py [--findings 100000] [--only WORD]

Statements, CPU seconds of this process and of PostgreSQL, and wall time, from the bytes of a document to the commit:
as one server does it, without HTTP. It starts a PostgreSQL of its own and throws it away.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

# Found either way: `python -m bench.records_ingest` and `python bench/records_ingest.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.records_stage import Cost, Place, counted, gauges, manifest, metered, place

from vedette.records.intake import apply_read, close_and_note, fill_read
from vedette.records.intake_read import Asked, collector_at_rest, read_body
from vedette.records.model import Finding
from vedette.records.outcome import Outcome
from vedette.records.repeated import body_key, is_large, recall
from vedette.records.snapshots import open_snapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MAX_BYTES = 1 << 30
KIND = "imagemanifestvuln"
TURNS = 5
"""Of what is measured beside COPY, one after the other: the machine does not give the same time twice."""
IMAGES, DAYS = 200, 30
"""Of the image-days whose size on disk is told."""

Conn = AsyncConnection[Any]


async def stored(
    conn: Conn, at: Place, body: bytes, *, kind: str = KIND, now: datetime = NOW
) -> tuple[Cost, Outcome]:
    """Apply one document, read and stored in one go."""
    asked = Asked(kind=kind, cluster="c1")
    gc.collect()
    with metered(at) as cost, collector_at_rest():
        with cost.step("read"):
            key = body_key(body, asked, max_bytes=MAX_BYTES) if is_large(body) else b""
            read = await recall(conn, key, now=now) if key else None
            key = b"" if read else key
            read = read or read_body(body, asked, now=now, max_bytes=MAX_BYTES)
        with cost.step("store"):
            outcome = await apply_read(
                conn, read, asked, by="bench", now=now, complete=False, key=key
            )
    return cost, outcome


async def collected(
    conn: Conn, at: Place, bodies: list[bytes], *, now: datetime
) -> tuple[Cost, Outcome]:
    """Post documents into a snapshot one by one and close it, as Dash.DB's collectors do."""
    asked = Asked(kind=KIND, cluster="c1")
    with metered(at) as cost:
        snapshot = await open_snapshot(conn, KIND, by="bench", now=now)
        for body in bodies:
            read = read_body(body, asked, now=now, max_bytes=MAX_BYTES)
            await fill_read(conn, snapshot.token, KIND, read)
        outcome = await close_and_note(conn, snapshot.token, KIND, by="bench", now=now)
    return cost, outcome


async def copied(at: Place, body: bytes) -> Cost:
    """Write the same findings by binary COPY into one table without keys, as durable as ours.

    Reading the document is not counted. A temporary table would not be logged: a peer that loses all in a crash.
    """
    read = read_body(body, Asked(kind=KIND, cluster="c1"), now=NOW, max_bytes=MAX_BYTES)
    findings = read.parts[KIND][0].records[0].findings
    async with counted(at.owner) as conn:
        await conn.execute(
            "CREATE TABLE records.peer (image int, package text, version text, type text, name text, feed text,"
            " description text, link text, severity smallint, word text, fixed_in text, seen timestamptz)"
        )
        with metered(at) as cost:
            await _copy_peer(conn, findings)
        # Else it would be looked after by autovacuum while ours is measured.
        await conn.execute("DROP TABLE records.peer")
    return cost


async def _copy_peer(conn: Conn, findings: tuple[Finding, ...]) -> None:
    async with (
        conn.cursor() as cursor,
        cursor.copy("COPY records.peer FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(["int4", *["text"] * 7, "int2", "text", "text", "timestamptz"])
        for one in findings:
            package, advisory = one.package, one.advisory
            row = (1, package.name, package.version, package.type, advisory.name, advisory.feed,
                   advisory.description, advisory.links[0], int(one.severity), one.word, one.fixed_in[0], NOW)  # fmt: skip
            await copy.write_row(row)


async def small(conn: Conn, at: Place) -> list[bool]:
    """One manifest, whatever its size; a chunk of checks; a hundred manifests."""
    held = []
    await stored(
        conn, at, manifest(1), now=NOW - 2 * DAY
    )  # the first of a connection looks names up
    for vulnerabilities in (VULNERABLE, 100 * VULNERABLE):
        body = manifest(
            10 + vulnerabilities, packages=vulnerabilities, vulnerabilities=vulnerabilities
        )
        cost, outcome = await stored(conn, at, body)
        print(cost.line(f"a manifest, {outcome.opened:,} findings", "asked: ≤ 15 statements"))
        held.append(cost.statements <= 15)
    cost, outcome = await stored(conn, at, gauges(1_000), kind="deploymentvalidation")
    print(
        cost.line(
            f"a DVO chunk, {outcome.opened + outcome.changed:,} of 1,000 new",
            "asked: ≤ 10 statements",
        )
    )
    held.append(cost.statements <= 10)
    bodies = [manifest(1_000 + number) for number in range(100)]
    for what in ("100 manifests, 15,000 rows of Dash.DB's", "  the same again"):
        cost, outcome = await collected(conn, at, bodies, now=NOW + len(held) * DAY)
        print(cost.line(what, "asked: CPU ≤ 0.9 s"))
        held.append(cost.cpu_s <= 0.9)
    return held


VULNERABLE = 48


async def large(
    conn: Conn, at: Place, count: int, *, shared: int, cpu_s: float, times: float
) -> list[bool]:
    """So many findings in one image, new; beside COPY, in turns; then the last of them again.

    The first turn is not counted: in it PostgreSQL touches its memory for the first time, which no running server does.
    """
    peers: list[Cost] = []
    costs: list[Cost] = []
    for turn in range(1 + TURNS):
        number = 7_000 + 100 * shared + turn
        body = manifest(number, packages=count, vulnerabilities=count, shared=shared)
        peers.append(await copied(at, body))
        cost, outcome = await stored(conn, at, body, now=NOW + 40 * DAY)
        costs.append(cost)
    again, unchanged = await stored(conn, at, body, now=NOW + 41 * DAY)
    peer, cost = middle(peers[1:]), middle(costs[1:])
    ratios = [ours.cpu_s / theirs.cpu_s for ours, theirs in zip(costs, peers, strict=True)]
    ratio, share = cost.cpu_s / peer.cpu_s, again.cpu_s / cost.cpu_s
    kinds = f"{shared:,} advisories" if shared else "all distinct"
    print(peer.line(f"COPY of {count:,} rows, {len(body) >> 20} MiB"))
    print(
        cost.line(
            f"{outcome.opened:,} findings, {kinds}", f"asked: ≤ {cpu_s:g} s, ≤ {times:g}× COPY"
        )
    )
    print(
        f"{'':44} {ratio:.1f}× COPY's CPU: the middle of {TURNS} turns of {min(ratios[1:]):.1f}–{max(ratios[1:]):.1f}×,"
        f" {ratios[0]:.1f}× in the first; {cost.wall_s / peer.wall_s:.1f}× its wall time"
    )
    print(
        again.line(
            f"  the same again: {unchanged.unchanged} unchanged",
            f"{share:.0%} of it, asked: ≤ 20 %",
        )
    )
    return [cost.cpu_s <= cpu_s, ratio <= times, share <= 0.2]


def middle(costs: list[Cost]) -> Cost:
    """Return the one of these whose CPU time is the median."""
    return sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2]


async def idle_days(conn: Conn, at: Place) -> list[bool]:
    """How much a day of an image costs on disk where nothing changes."""
    bodies = [manifest(100_000 + number) for number in range(IMAGES)]
    for day in (48, 49, 50):  # what a snapshot needs while it is open is used again by the next
        await collected(conn, at, bodies, now=NOW + day * DAY)
    before = await _bytes(at)
    for day in range(51, 51 + DAYS):
        await collected(conn, at, bodies, now=NOW + day * DAY)
    each = {
        name: (size - before.get(name, 0)) / (IMAGES * DAYS)
        for name, size in (await _bytes(at)).items()
    }
    total = sum(each.values())
    told = ", ".join(
        f"{name} {size:.0f}" for name, size in sorted(each.items()) if abs(size) >= 0.5
    )
    print(f"an image-day without change: {total:.0f} bytes on disk, asked ≤ 100: {told}")
    return [total <= 100]


async def _bytes(at: Place) -> dict[str, int]:
    """Return the size of every table of records with its indexes, partitions under their parent's name."""
    async with counted(at.owner) as conn:
        await conn.execute("VACUUM")
        rows = await conn.execute(
            "SELECT regexp_replace(relname, '_\\d{6}$', ''), sum(pg_total_relation_size(oid))::bigint"
            " FROM pg_class WHERE relnamespace = 'records'::regnamespace AND relkind = 'r' GROUP BY 1"
        )
        return dict(await rows.fetchall())


async def measure(folder: Path, count: int, only: str) -> bool:
    held: list[bool] = []
    async with place(folder) as at, counted(at.dsn) as conn:
        if only in ("", "small"):
            held += await small(conn, at)
        if only in ("", "distinct"):
            held += await large(conn, at, count, shared=0, cpu_s=5.0, times=10.0)
        if only in ("", "shared"):
            held += await large(conn, at, count, shared=2_000, cpu_s=2.5, times=5.0)
        if only in ("", "days"):
            held += await idle_days(conn, at)
    return all(held)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000, help="of the large documents")
    parser.add_argument("--only", choices=("small", "distinct", "shared", "days"), default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return 0 if await measure(Path(folder), given.findings, given.only) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
