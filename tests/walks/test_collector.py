"""Acceptance 3 of Watch: a collector between agent and server is killed; nothing is lost, states say why.

Two collectors in a row, a counting agent behind the second; everything is a real program.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import counting
import psycopg
import pytest
from kills import owner_dsn
from programs import Program, ask, ask_json, free_port, until

TARGETS = 5
AWAY_S = 8.0


@dataclass
class World:
    folder: Path
    http: int = field(default_factory=free_port)
    server: Program | None = None
    collectors: dict[str, Program] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    agent: Program | None = None
    stopped: list[tuple[float, float]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(owner_dsn(self.data)) as conn:
            return conn.execute(sql).fetchall()

    def token(self, *more: str) -> str:
        said = ask("agents", "token", *more, "--data-dir", self.data, cwd=self.folder)
        assert said.returncode == 0, said.stderr
        path = self.folder / f"join-{more[1]}"
        path.write_text(said.stdout)
        return str(path)

    def start_collector(self, name: str, *join: object) -> None:
        port = self.ports.setdefault(name, free_port())
        enrol = self.ports.setdefault(f"{name} enrol", free_port())
        self.collectors[name] = Program(
            "collector", "--listen", f"127.0.0.1:{port}", "--enrol", f"127.0.0.1:{enrol}",
            "--data-dir", self.folder / name, *join, cwd=self.folder,
        )  # fmt: skip
        seen = self.collectors[name]
        until(lambda: seen.says("agents 127"), within_s=30, what=f"{name} listens",
              seen=lambda: seen.errors[-5:])  # fmt: skip

    def states(self) -> set[tuple[str, str]]:
        return set(self.rows("SELECT state::text, reason FROM health.target_state"))

    def lost(self) -> list[str]:
        """Looks the agent made that are not stored; a look stored twice fails at once."""
        rows = self.rows(counting.STORED)
        return counting.account(self.folder, TARGETS, rows, self.stopped).lost

    def stop_agent(self) -> None:
        assert self.agent
        begun = time.time()
        self.agent.interrupt(within_s=30)
        self.stopped.append((begun, time.time()))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    counting.install(tmp_path, TARGETS + 1, service="Orders")
    made = World(tmp_path)
    made.server = Program(
        "up", "--no-agent", "-c", tmp_path / "vedette.yaml", "--data-dir", made.data,
        "--http", f"127.0.0.1:{made.http}", "--grpc", f"127.0.0.1:{free_port()}",
        "--grpc-clients", f"127.0.0.1:{free_port()}", cwd=tmp_path, PYTHONPATH=str(tmp_path / "plugins"),
    )  # fmt: skip
    try:
        until(lambda: (made.data / "endpoints.json").exists(), within_s=60, what="the server is up",
              seen=lambda: made.server and made.server.errors[-5:])  # fmt: skip
        yield made
    finally:
        programs = [made.agent, *made.collectors.values(), made.server]
        for program in programs:
            if program is not None and program.process.poll() is None:
                program.interrupt(within_s=30)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_collector_loses_nothing_and_says_why_all_is_grey(world):
    ends = json.loads((world.data / "endpoints.json").read_text())
    trust = ("--ca-fingerprint", ends["ca_fingerprint"])
    near = world.token("--name", "edge-1", "--collector")
    world.start_collector("edge-1", "--server", ends["grpc_clients"], *trust, "--join-file", near)
    far = world.token("--name", "edge-2", "--collector", "--via", "edge-1")
    door = f"127.0.0.1:{world.ports['edge-1 enrol']}"
    world.start_collector("edge-2", "--server", door, *trust, "--join-file", far)
    join = world.token("--name", "counter", "--via", "edge-2")

    # The token is good through its own collector alone.
    wrong = ask("agent", "--server", ends["grpc_clients"], *trust, "--join-file", join,
                "--data-dir", world.folder / "thief", cwd=world.folder)  # fmt: skip
    assert wrong.returncode == 5
    assert "edge-2" in wrong.stderr

    world.agent = Program(
        "agent", "--server", f"127.0.0.1:{world.ports['edge-2 enrol']}", *trust,
        "--join-file", join, "--data-dir", world.folder / "agent",
        cwd=world.folder, PYTHONPATH=str(world.folder / "plugins"),
    )  # fmt: skip
    until(lambda: world.states() == {("up", "")}, within_s=40, what="all is up",
          seen=lambda: (world.states(), world.agent.errors[-5:]))  # fmt: skip
    agents = ask_json("get", "agents", "--data-dir", world.data, cwd=world.folder)
    via = {agent["name"]: (agent["kind"], agent["via"]) for agent in agents}
    assert via == {
        "edge-1": ("collector", ""),
        "edge-2": ("collector", "edge-1"),
        "counter": ("agent", "edge-2"),
    }

    # A question goes down the chain of two, and its answer comes up. It looks, and no report tells of it.
    told = ask_json("ask", f"t{TARGETS}", "info", "--data-dir", world.data, cwd=world.folder)
    assert {"fact": "state", "value": "up"} in told

    for name in ("edge-2", "edge-1"):
        world.collectors[name].kill()
        killed = time.monotonic()
        grey = {("unknown", f"no report through collector {name}")}
        until(lambda grey=grey: world.states() == grey, within_s=30, what="all is grey, with why",
              seen=world.states)  # fmt: skip
        time.sleep(max(0.0, killed + AWAY_S - time.monotonic()))
        world.start_collector(name)
        until(lambda: world.states() == {("up", "")}, within_s=60, what="all is up again",
              seen=lambda: (world.states(), world.agent.errors[-3:]))  # fmt: skip

    world.stop_agent()
    until(lambda: world.lost() == [], within_s=30, what="every look is stored", seen=world.lost)
    red = world.rows("SELECT count(*) FROM health.transition WHERE now IN ('down', 'degraded')")
    assert red == [(0,)]
    assert world.rows("SELECT count(*) FROM health.gap") == [(0,)]
