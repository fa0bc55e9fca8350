"""How fast a year of findings answers: statements, milliseconds and what the plans touch, as the year grows.

    python bench/records_reads.py [--findings 100000 1000000 10000000] [--folder DIR]

Each question is asked as the interface asks it, by the application's role, `--times` times after a first; each size has
a PostgreSQL of its own, which is thrown away unless a folder is given.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, AsyncCursor

# Found either way: `python -m bench.records_reads` and `python bench/records_reads.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.records_stage import Counting, Place, counted, metered, place
from bench.records_year import make_year

from vedette import clock
from vedette.db.testing import write_unsafe_settings
from vedette.records import dashdotdb_metrics, dashdotdb_reads, find, reads, top

Conn = AsyncConnection[Any]
Ask = Callable[[Conn], Awaitable[int]]

COMMON, USUAL, RARE = "CVE-2026-10000", "CVE-2026-10500", "CVE-2026-14900"
LARGE = ("finding", "scan", "subject", "presence", "report", "exposure")
"""Tables that grow; reading one from end to end is told."""


@dataclass(frozen=True)
class Question:
    name: str
    allowed_ms: float
    ask: Ask


async def get(conn: Conn) -> int:
    """What `vedette get imagemanifestvuln -c c1 -n ns-7` asks, all its pages."""
    wanted = reads.Wanted(cluster="c1", namespace="ns-7")
    return len(await reads.vulnerabilities(conn, wanted, limit=100_000))


async def page(conn: Conn) -> int:
    """The first page of it, as a browser or a script asks."""
    wanted = reads.Wanted(cluster="c1", namespace="ns-7")
    return len(await reads.vulnerabilities(conn, wanted, limit=101))


async def dashdotdb(conn: Conn) -> int:
    """GET /api/v1/imagemanifestvuln/…: all of a namespace."""
    return len(await dashdotdb_reads.vulnerabilities(conn, "c1", "ns-7"))


async def metrics(conn: Conn) -> int:
    """GET /api/v1/imagemanifestvuln/metrics."""
    return len(
        dashdotdb_metrics.exposed(await dashdotdb_metrics.vulnerabilities(conn)).splitlines()
    )


async def function(conn: Conn) -> int:
    """What Grafana's table asks."""
    async with conn.cursor() as cursor:
        await cursor.execute("SELECT * FROM grafana.get_vulnerabilities('c1', 'ns-7')")
        return len(await cursor.fetchall())


async def first_exposures(conn: Conn) -> int:
    """What a dashboard asks of all that stands open."""
    async with conn.cursor() as cursor:
        await cursor.execute("SELECT * FROM grafana.exposures_v2()")
        return len(await cursor.fetchall())


def finding(name: str) -> Ask:
    """`vedette find CVE`: the first page, with the count."""

    async def ask(conn: Conn) -> int:
        names, about = await find.named(conn, name)
        numbers = [one.id for one in about]
        await find.found(conn, numbers, "open", now=clock.now(), limit=101)
        count, _ = await find.standing(conn, names, numbers, "open", now=clock.now())
        return count

    return ask


async def top_of_all(conn: Conn) -> int:
    return len(await top.top(conn, top.Wanted(), now=clock.now(), limit=101))


async def top_of_cluster(conn: Conn) -> int:
    return len(await top.top(conn, top.Wanted(cluster="c1"), now=clock.now(), limit=101))


async def top_of_team(conn: Conn) -> int:
    return len(await top.top(conn, top.Wanted(team="team-7"), now=clock.now(), limit=101))


QUESTIONS = (
    Question("get, a namespace", 50, get),
    Question("get, a page of it", 50, page),
    Question("Dash.DB's GET of it", 50, dashdotdb),
    Question("metrics", 50, metrics),
    Question("get_vulnerabilities()", 50, function),
    Question("exposures_v2()", 100, first_exposures),
    Question("find, in every image", 100, finding(COMMON)),
    Question("find, in some", 100, finding(USUAL)),
    Question("find, in few", 100, finding(RARE)),
    Question("top", 100, top_of_all),
    Question("top of a cluster", 100, top_of_cluster),
    Question("top of a team", 100, top_of_team),
)


EXPLAIN = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


class Explaining(Counting):
    """A cursor that asks how each statement was answered, too."""

    plans: list[dict[str, Any]] = []  # noqa: RUF012 - of all cursors

    async def execute(self, query: Any, params: Any = None, **named: Any) -> Any:
        asked = query.encode() if isinstance(query, str) else query
        if asked.lstrip().upper().startswith((b"SELECT", b"WITH")):
            other = AsyncCursor(self.connection)
            await other.execute(EXPLAIN + asked, params, **named)
            (told,) = await other.fetchone() or ([],)
            Explaining.plans += told
        return await super().execute(query, params, **named)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plans(at: Place, question: Question) -> str:
    """Say what the plans of a question touch: pages, and tables that are read from end to end."""
    Explaining.plans.clear()
    async with counted(at.owner) as conn:
        conn.cursor_factory = Explaining
        await question.ask(conn)
    pages, whole, slowest = 0, set(), 0.0
    for plan in Explaining.plans:
        pages += plan["Plan"].get("Shared Hit Blocks", 0) + plan["Plan"].get(
            "Shared Read Blocks", 0
        )
        slowest = max(slowest, plan["Execution Time"])
        whole |= {
            node["Relation Name"]
            for node in nodes(plan["Plan"])
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
        }
    read = f", reads the whole of {', '.join(sorted(whole))}" if whole else ""
    return f"{pages:,} pages{read}"


async def measure(at: Place, times: int) -> bool:
    held = True
    for question in QUESTIONS:
        took = []
        async with counted(at.dsn) as conn:
            rows = await question.ask(conn)
            with metered(at) as cost:
                for _ in range(times):
                    began = time.perf_counter()
                    await question.ask(conn)
                    took.append(1e3 * (time.perf_counter() - began))
        median = statistics.median(took)
        held &= median <= question.allowed_ms
        print(
            f"  {question.name:24} {cost.statements // times:2} statements {median:8.1f} ms (best {min(took):.1f};"
            f" CPU app {1e3 * cost.app_s / times:.1f}, PostgreSQL {1e3 * cost.database_s / times:.1f};"
            f" asked {question.allowed_ms:.0f})  {rows:,} rows, {await plans(at, question)}",
            flush=True,
        )
    return held


async def year(folder: Path, findings: int, times: int) -> bool:
    """Make a year of that size, unless the folder has it, and ask everything of it."""
    is_new = not (folder / "pg").exists()
    if is_new:
        write_unsafe_settings(folder)
    async with place(folder) as at:
        if is_new:
            await make_year(at, findings)
        print(f"{findings:,} findings:")
        return await measure(at, times)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="keep the databases here")
    parser.add_argument("--times", type=int, default=7)
    given = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        for findings in given.findings:
            folder = (given.folder or Path(made)) / str(findings)
            held &= await year(folder, findings, given.times)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
