"""What the benches of records stand on: a database of their own, documents to store, and a meter of what that costs."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
from psycopg import AsyncConnection, AsyncCursor

from vedette.db.create import OWNER
from vedette.db.embedded import embedded
from vedette.db.migrate import upgrade
from vedette.db.pool import connect

PODS, PACKAGES, VULNERABILITIES = 12, 39, 48
"""Of one manifest, as many as in Dash.DB's example: 151 rows there."""
TEXT = (
    "A flaw was found in how bytes of a hostile peer are counted, which a remote attacker can use. "
    * 6
)


class Counting(AsyncCursor[Any]):
    """A cursor that counts what is asked; BEGIN, COMMIT and savepoints are the driver's own and stand beside it."""

    asked = 0

    async def execute(self, *given: Any, **named: Any) -> "Counting":
        Counting.asked += 1
        return await super().execute(*given, **named)

    def copy(self, *given: Any, **named: Any) -> Any:
        Counting.asked += 1
        return super().copy(*given, **named)


@dataclass(frozen=True)
class Place:
    """A migrated database: who may what, and the processes that work for it."""

    dsn: str
    owner: str
    postmaster: psutil.Process

    def cpu_s(self) -> float:
        """CPU seconds of PostgreSQL so far, of every process that is still there."""
        return sum(_cpu_s(each) for each in self.postmaster.children())


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Make a database in that folder, or use the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    async with embedded(folder) as running:
        owner = running.dsn(OWNER)
        await upgrade(owner)
        number = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        yield Place(running.dsn(), owner, psutil.Process(number))


@asynccontextmanager
async def counted(dsn: str) -> AsyncIterator[AsyncConnection[Any]]:
    """Connect so that statements are counted."""
    async with await connect(dsn) as conn:
        conn.cursor_factory = Counting
        yield conn


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


@dataclass
class Cost:
    """What a piece of work took. parts: seconds of its steps by name, of this process's CPU."""

    statements: int = 0
    app_s: float = 0.0
    database_s: float = 0.0
    wall_s: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        return self.app_s + self.database_s

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + time.process_time() - began

    def line(self, what: str, *notes: str) -> str:
        steps = ", ".join(f"{name} {taken:.2f}" for name, taken in self.parts.items())
        return (
            f"{what:44} {self.statements:5} statements  CPU {self.cpu_s:6.2f} s"
            f" (app {self.app_s:.2f}{': ' + steps if steps else ''}; PostgreSQL {self.database_s:.2f})"
            f"  wall {self.wall_s:6.2f} s{''.join('  ' + note for note in notes)}"
        )


@contextmanager
def metered(at: Place) -> Iterator[Cost]:
    """Measure the block."""
    cost = Cost()
    asked, began, ours, theirs = (
        Counting.asked, time.perf_counter(), time.process_time(), at.cpu_s(),
    )  # fmt: skip
    yield cost
    cost.wall_s = time.perf_counter() - began
    cost.app_s = time.process_time() - ours
    cost.database_s = at.cpu_s() - theirs
    cost.statements = Counting.asked - asked


def manifest(
    number: int,
    *,
    packages: int = PACKAGES,
    vulnerabilities: int = VULNERABILITIES,
    shared: int = 0,
) -> bytes:
    """A resource of Quay's operator whose names no other has. shared: of so many advisories and no more; 0 is each once."""
    features: list[dict[str, Any]] = [
        {"name": f"package-{number}-{one}", "version": f"1.{one}-{number}.el8", "versionformat": "rpm", "vulnerabilities": []}
        for one in range(packages)
    ]  # fmt: skip
    for one in range(vulnerabilities):
        cve = f"CVE-2031-{1_000_000 + number * 10_000_000 + one % (shared or vulnerabilities)}"
        features[one % packages]["vulnerabilities"].append(
            {
                "name": cve,
                "severity": ("High", "Medium", "Low")[one % 3],
                "namespaceName": "centos:8",
                "description": TEXT[: 200 + one % 200],
                "link": f"https://access.redhat.com/security/cve/{cve}",
                "fixedby": f"1.{one}-{number + 1}.el8",
            }
        )
    resource = {
        "kind": "ImageManifestVuln",
        "metadata": {"name": f"sha256.{number:064x}", "namespace": f"ns-{number % 20}"},
        "spec": {"image": f"quay.io/shop/app-{number}", "manifest": f"sha256:{number:064x}", "features": features},
        "status": {"affectedPods": {f"ns-{number % 20}/pod-{number}-{pod}": ["a"] for pod in range(PODS)}},
    }  # fmt: skip
    return msgspec.json.encode(resource)


def gauges(number: int) -> bytes:
    """An instant vector of the Deployment Validation Operator, a fifth of it failing."""
    vector = [
        {
            "metric": {
                "__name__": f"deployment_validation_operator_check_{one % 10}",
                "exported_namespace": f"ns-{one % 20}",
                "kind": "Deployment",
                "name": f"app-{one // 10}",
            },
            "value": [1_790_000_000, "1" if one % 5 == 0 else "0"],
        }
        for one in range(number)
    ]
    return msgspec.json.encode(
        {"status": "success", "data": {"resultType": "vector", "result": vector}}
    )


def folder_for(given: Path | None, made: str) -> Path:
    """Where a bench keeps its database: as said, or in the made folder."""
    return given or Path(made, f"vedette-{os.getpid()}")
