"""Kill agents, servers and PostgreSQL at any moment under load, and count every report afterwards.

The load is a connector of our own that counts: each look writes its number to a file before it
returns, so the truth is known. A number may be missing only if the agent was killed before it could
spool it; no number may be there twice; nothing of ours may ever have shown red.

    python tests/walks/kills.py --kills 100 [--seed 7] [--outage 600]

Then the server stays away for ten minutes while the agent goes on looking: nothing may be lost.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import yaml
from programs import Program, ask, free_port, until

from vedette.db.place import prepare

TARGETS = 40
UNSPOOLED_S = 1.5
"""A report younger than this when its agent was killed may not have reached the disk."""

CONNECTOR = """
import asyncio, os, time
from pathlib import Path
from vedette.agent.connector import Description, Measures, Setting
from vedette.health.model import Measurement, Report, State

class Counted:
    description = Description(
        name="counted", help="Counts its looks.",
        settings=(Setting("path", "str", "Where to count.", required=True),),
        measures=(Measures("number", "count", "The number of this look."),),
    )

    def __init__(self, settings):
        self.path = Path(settings["path"])

    async def probe(self, look):
        try:
            last = self.path.read_text().rstrip().rpartition("\\n")[2]
            number = int(last.split()[0]) + 1
        except (FileNotFoundError, IndexError, ValueError):
            number = 1
        with self.path.open("a") as file:
            file.write(f"{number} {time.time():.6f}\\n")
        return Report(state=State.UP, measurements=(Measurement("number", number),))

    async def aclose(self):
        pass
"""


@dataclass
class World:
    """The programs and the truth."""

    folder: Path
    http: int = field(default_factory=free_port)
    grpc: int = field(default_factory=free_port)
    clients: int = field(default_factory=free_port)
    server: Program | None = None
    agent: Program | None = None
    killed: list[tuple[str, float]] = field(default_factory=list)
    stopped: list[tuple[float, float]] = field(default_factory=list)
    """When the agent was asked to stop, and when it was gone: a look under way then has counted, and
    nobody was left to hear what it says."""

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder / "plugins")}

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def numbers(self, target: int) -> dict[int, float]:
        """Every look of a target: its number, and when it was."""
        path = self.folder / "numbers" / f"{target}"
        lines = path.read_text().splitlines() if path.exists() else []
        return {int(line.split()[0]): float(line.split()[1]) for line in lines if " " in line}

    def start_server(self) -> None:
        self.server = Program(
            "up", "--no-agent", "-c", self.folder / "vedette.yaml", "--data-dir", self.data,
            "--http", f"127.0.0.1:{self.http}", "--grpc", f"127.0.0.1:{self.grpc}",
            "--grpc-clients", f"127.0.0.1:{self.clients}",
            cwd=self.folder, **self.environment,
        )  # fmt: skip

    def start_agent(self, *join: str) -> None:
        self.agent = Program(
            "agent", *join, "--data-dir", self.folder / "agent",
            cwd=self.folder, **self.environment,
        )  # fmt: skip

    def stop_agent(self) -> None:
        """Ask the agent to stop and wait until it has."""
        assert self.agent
        begun = time.time()
        self.agent.interrupt(within_s=30)
        self.stopped.append((begun, time.time()))

    def kill(self, what: str) -> None:
        """kill -9 one of the three and start it again."""
        if what == "agent":
            assert self.agent
            self.killed.append((what, time.time()))
            self.agent.kill()
            self.start_agent()
        elif what == "server":
            assert self.server
            self.server.kill()
            self.killed.append((what, time.time()))
            self.start_server()
        else:
            kill_postmaster(self.data)
            self.killed.append((what, time.time()))

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(owner_dsn(self.data)) as conn:
            return conn.execute(sql).fetchall()


def kill_postmaster(data: Path) -> None:
    """kill -9 the embedded PostgreSQL; it may be dead already from the kill before."""
    with suppress(FileNotFoundError, IndexError, ValueError, ProcessLookupError):
        pid = int((data / "pg" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)


def owner_dsn(data: Path) -> str:
    from vedette.db.embedded import Running

    return Running(prepare(data), None, "").dsn("vedette_owner")  # type: ignore[arg-type]


def make_files(folder: Path) -> None:
    """Write the counting connector as an installed package, and the settings that use it."""
    plugins = folder / "plugins"
    info = plugins / "vedette_counted-1.dist-info"
    info.mkdir(parents=True)
    (plugins / "vedette_counted.py").write_text(CONNECTOR)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vedette-counted\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[vedette.connectors]\ncounted = vedette_counted:Counted\n"
    )
    (folder / "numbers").mkdir()
    settings = {
        "services": [{"name": "Orders", "regions": ["EU-DE"]}],
        "targets": [
            {
                "name": f"t{number}",
                "connector": "counted",
                "agents": ["counter"],
                "every": "1s",
                "timeout": "1s",
                "component": {"service": "Orders", "region": "EU-DE"},
                "settings": {"path": str(folder / "numbers" / str(number))},
            }
            for number in range(TARGETS)
        ],
    }
    (folder / "vedette.yaml").write_text(yaml.safe_dump(settings))


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A server and an enrolled agent, both running."""
    make_files(folder)
    made = World(folder)
    made.start_server()
    try:
        until(lambda: (made.data / "endpoints.json").exists(), within_s=60, what="the server is up")
        token = ask("agents", "token", "--name", "counter", "--data-dir", made.data, cwd=folder)
        assert token.returncode == 0, token.stderr
        from json import loads

        ends = loads((made.data / "endpoints.json").read_text())
        (folder / "join").write_text(token.stdout.split()[0])
        made.start_agent(
            "--server", ends["grpc_clients"], "--join-file", str(folder / "join"),
            "--ca-fingerprint", ends["ca_fingerprint"],
        )  # fmt: skip
        until(lambda: state(made) == "up", within_s=40, what="the component is up")
        yield made
    finally:
        for program in (made.agent, made.server):
            if program is not None and program.process.poll() is None:
                program.interrupt(within_s=30)


def state(made: World) -> str:
    """The component's state; "" while the database is away."""
    try:
        found = made.rows("SELECT state::text FROM health.component_state")
    except psycopg.Error:
        return ""
    return found[0][0] if found else ""


def verify(made: World) -> str:
    """Compare what is stored with what was counted; raise AssertionError, or return one line."""
    ends = [(at, at) for what, at in made.killed if what == "agent"] + made.stopped
    stored: dict[int, Counter[int]] = {number: Counter() for number in range(TARGETS)}
    rows = made.rows(
        """SELECT substr(t.name, 2)::int, r."values"[1]::bigint
        FROM health.report r JOIN fleet.target t ON t.id = r.target_id WHERE cardinality(r."values") = 1"""
    )
    for target, number in rows:
        stored[target][number] += 1
    twice = {(t, n): c for t, counted in stored.items() for n, c in counted.items() if c > 1}
    assert not twice, f"stored twice: {list(twice)[:5]}"
    counted = unspooled = 0
    for target, numbers in stored.items():
        truth = made.numbers(target)
        counted += len(truth)
        for number in truth.keys() - numbers.keys():
            at = truth[number]
            assert any(begun - UNSPOOLED_S < at <= gone for begun, gone in ends), (
                f"report {number} of t{target}, looked at {at}, is lost; its agent ended at {ends}"
            )
            unspooled += 1
    red = made.rows("SELECT count(*) FROM health.transition WHERE now IN ('down', 'degraded')")[0][
        0
    ]
    assert red == 0, f"{red} transitions to red for a fault of ours"
    return (
        f"{len(made.killed)} kills ({dict(Counter(what for what, _ in made.killed))}): {counted} looks, "
        f"{len(rows)} stored once, {unspooled} cut off before they were on disk, none lost, none red"
    )


def settle(made: World) -> None:
    """Wait until the agent has delivered everything it has."""
    deliver(made)
    until(lambda: state(made) == "up", within_s=150, what="all is up again")
    # Stopped cleanly, it delivers the rest; what it could not is still on its disk and comes now.
    made.stop_agent()
    made.start_agent()
    deliver(made)
    made.stop_agent()


def deliver(made: World) -> None:
    """Wait until an agent that is there now says that hardly anything waits on its disk."""
    # What it said before the server was gone, or itself, says nothing of what waits since.
    begun = datetime.now(UTC)

    def is_delivered() -> bool:
        try:
            found = made.rows(
                "SELECT spooled_reports FROM fleet.stream"
                f" WHERE disconnected_at IS NULL AND heartbeat_at > '{begun.isoformat()}'"
            )
        except psycopg.Error:
            return False
        return bool(found) and found[0][0] <= TARGETS

    until(is_delivered, within_s=150, what="the spool is delivered")


def run(folder: Path, kills: list[str], *, seed: int) -> str:
    """Kill in that order at random moments; return one line, or raise."""
    chance = random.Random(seed)
    with world(folder) as made:
        for number, what in enumerate(kills, start=1):
            time.sleep(chance.uniform(0.3, 5.0))
            made.kill(what)
            print(f"\r{number} of {len(kills)} kills", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        try:
            settle(made)
            return verify(made)
        except BaseException:
            tell(made)
            raise


def outage(folder: Path, seconds: float) -> str:
    """Stop the server for so long while the agent goes on looking; return one line, or raise."""
    with world(folder) as made:
        assert made.server
        time.sleep(3)
        made.server.interrupt(within_s=60)
        time.sleep(seconds)
        made.start_server()
        try:
            settle(made)
            return f"server away for {seconds:g} s, " + verify(made)
        except BaseException:
            tell(made)
            raise


def tell(made: World) -> None:
    """Say on stderr what the programs said last and what the server holds, for whoever must find out."""
    assert made.agent and made.server
    for name, program in (("agent", made.agent), ("server", made.server)):
        print(
            f"--- {name}, {program.process.poll()}",
            *program.errors[-12:],
            sep="\n",
            file=sys.stderr,
        )
    print(made.rows("SELECT * FROM fleet.stream"), state(made), file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--outage", type=float, default=600, help="seconds; 0 for none")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    order = [chance.choice(["agent", "server", "postgres"]) for _ in range(options.kills)]
    with tempfile.TemporaryDirectory(prefix="vedette-soak-") as folder:
        print(run(Path(folder), order, seed=options.seed))
    if options.outage:
        with tempfile.TemporaryDirectory(prefix="vedette-soak-") as folder:
            print(outage(Path(folder), options.outage))


if __name__ == "__main__":
    main()
