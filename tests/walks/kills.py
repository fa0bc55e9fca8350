"""Kill agents, servers and PostgreSQL at any moment under load, and count every report afterwards.

The load is a connector of our own that counts (`counting.py`), so the truth is known: every look is stored
once, none twice, and nothing of ours may ever have shown red.

    python tests/walks/kills.py --kills 100 [--seed 7] [--outage 600] [--faults 120]

Then the server stays away for ten minutes while the agent goes on looking: nothing may be lost. At last two
servers lose what is around them (`faults.py`).
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import counting
import psycopg
from programs import Program, ask, free_port, until

from vedette.db.place import prepare

TARGETS = 40


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


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A server and an enrolled agent, both running."""
    counting.install(folder, TARGETS, service="Orders", region="EU-DE")
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
    found = counting.account(made.folder, TARGETS, made.rows(counting.STORED), ends)
    assert not found.lost, f"lost: {found.lost[:5]}; its agent ended at {ends}"
    red = made.rows("SELECT count(*) FROM health.transition WHERE now IN ('down', 'degraded')")[0][
        0
    ]
    assert red == 0, f"{red} transitions to red for a fault of ours"
    return (
        f"{len(made.killed)} kills ({dict(Counter(what for what, _ in made.killed))}): {found.counted} looks, "
        f"{found.stored} stored once, {found.unspooled} cut off before they were on disk, "
        f"{found.cut_off} by their own limit, none lost, none red"
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
    parser.add_argument(
        "--faults",
        type=float,
        default=120,
        help="seconds of faults of what is around servers; 0: none",
    )
    options = parser.parse_args()
    chance = random.Random(options.seed)
    order = [chance.choice(["agent", "server", "postgres"]) for _ in range(options.kills)]
    with tempfile.TemporaryDirectory(prefix="vedette-soak-") as folder:
        print(run(Path(folder), order, seed=options.seed))
    if options.outage:
        with tempfile.TemporaryDirectory(prefix="vedette-soak-") as folder:
            print(outage(Path(folder), options.outage))
    if options.faults:
        faults = [sys.executable, Path(__file__).with_name("faults.py")]
        subprocess.run([*faults, "--seconds", str(options.faults)], check=True)


if __name__ == "__main__":
    main()
