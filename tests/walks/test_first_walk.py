"""The first walk, as a stranger takes it: real programs, real services, real Ctrl-C.

One `vedette up` serves all of it, so the tests stand in the order of the walk, and later ones lean
on what earlier ones made.
"""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.walks.programs import Program, Redis, ask, ask_json, free_port, http_server, until

pytestmark = [
    pytest.mark.needs("postgres", "redis"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]

EVERY_S = 1
BUSY_S = 10
"""How late a machine that is busy with other tests may look and tell; what counts is counted in looks."""
SETTINGS = """\
clusters:
  - {{name: shop-eu, region: EU-DE}}
services:
  - {{name: Orders, category: Shop, regions: [EU-DE]}}
  - {{name: Sessions, category: Shop, regions: [EU-DE]}}
  - {{name: Website, category: Public}}
  - {{name: Docs, category: Public}}
  - {{name: Edge, category: Public}}
targets:
  - name: orders-db
    connector: postgres
    cluster: shop-eu
    every: 1s
    component: {{service: Orders, region: EU-DE}}
    settings: {{host: 127.0.0.1, port: 5432, user: postgres, database: postgres}}
  - name: sessions
    connector: redis
    every: 1s
    component: {{service: Sessions, region: EU-DE}}
    settings: {{host: 127.0.0.1, port: {redis}}}
  - name: website
    connector: http
    every: 1s
    component: {{service: Website}}
    settings: {{url: 'http://127.0.0.1:{web}/'}}
  - name: docs
    connector: http
    every: 1s
    component: {{service: Docs}}
    settings: {{url: 'http://127.0.0.1:{docs}/'}}
  - name: seen-from-the-edge
    connector: tcp
    every: 1s
    agents: ['tag:role=edge']
    component: {{service: Edge}}
    settings: {{host: 127.0.0.1, port: {web}}}
"""


@dataclass
class Walk:
    """What the walk has under its feet."""

    folder: Path
    redis: Redis
    http: int
    up: Program
    watch: Program
    edge: Program | None = None
    before: dict[str, Any] = field(default_factory=dict)
    first_start_s: float = 0.0

    @property
    def data_dir(self) -> Path:
        return self.folder / "vedette-data"

    def endpoints(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "endpoints.json").read_text())

    def get(self, path: str) -> str:
        """What the server answers to who holds the admin token."""
        token = (self.data_dir / "admin.token").read_text().strip()
        return self.page(path, Authorization=f"Bearer {token}")

    def components(self) -> dict[str, str]:
        """Service → state, as the REST interface says now."""
        return {
            item["service"]: item["state"] for item in json.loads(self.get("/api/v1/components"))
        }

    def looks_believed(self, target: str) -> int:
        """How many looks in a row said what the target's state is until it was believed."""
        held = json.loads(self.get(f"/api/v1/targets/{target}"))
        looks = json.loads(self.get(f"/api/v1/targets/{target}/reports"))
        states = [look["state"] for look in looks if look["at"] <= held["since"]]
        return next(
            (nth for nth, state in enumerate(states) if state != held["state"]), len(states)
        )

    def page(self, path: str = "/", **headers: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()

    def seen(self, component: str) -> list[str]:
        """The states of a component that `vedette watch -o json` has printed, in their order."""
        told = [json.loads(line) for line in self.watch.lines]
        return [
            one["now"] for one in told if (one["subject"], one["name"]) == ("component", component)
        ]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    (folder / "index.html").write_text("here")
    redis = Redis(folder)
    redis.start()
    http = free_port()
    with http_server(folder) as web, http_server(folder) as docs:
        (folder / "vedette.yaml").write_text(SETTINGS.format(redis=redis.port, web=web, docs=docs))
        up = Program(
            "up", "-c", "vedette.yaml", "--data-dir", "vedette-data",
            "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{free_port()}",
            cwd=folder,
        )  # fmt: skip
        walk, begun = Walk(folder, redis, http, up, watch=up), time.monotonic()
        try:
            until(
                lambda: _ready(walk), within_s=40, what="the page comes up", seen=lambda: up.errors
            )
            walk.first_start_s = time.monotonic() - begun
            walk.watch = Program("watch", "-o", "json", cwd=folder)
            yield walk
        finally:
            for program in (walk.watch, walk.edge, up):
                if program is not None:
                    program.kill()
            redis.stop()


def _ready(walk: Walk) -> bool:
    if walk.up.process.poll() is not None:
        pytest.fail(f"vedette up ended: {walk.up.errors[-10:]}")
    try:
        walk.page("/readyz")
    except (urllib.error.URLError, OSError):
        return False
    return True


def test_the_terminal_tells_the_address_of_the_page(walk):
    until(lambda: walk.up.says(f"http://127.0.0.1:{walk.http}"), within_s=30, what="the address")


def test_what_runs_becomes_green(walk):
    watched = {"Orders", "Sessions", "Website", "Docs"}

    def all_up() -> bool:
        states = walk.components()
        return all(states.get(service) == "up" for service in watched)

    until(all_up, within_s=60, what="everything is up", seen=lambda: walk.get("/api/v1/targets"))
    page = walk.page()
    assert all(service in page for service in watched)
    assert "<script" not in page


def test_a_stopped_redis_is_red_within_three_looks_and_green_again_after_two(walk):
    walk.redis.stop()
    until(
        lambda: walk.components()["Sessions"] == "down",
        within_s=3 * EVERY_S + BUSY_S, what="Sessions turns red",
    )  # fmt: skip
    assert walk.looks_believed("sessions") == 3
    assert ask("status", cwd=walk.folder).returncode == 3
    walk.redis.start()
    until(
        lambda: walk.components()["Sessions"] == "up",
        within_s=2 * EVERY_S + BUSY_S, what="Sessions turns green",
    )  # fmt: skip
    assert walk.looks_believed("sessions") == 2


def test_watch_shows_each_change_as_it_happens(walk):
    until(
        lambda: walk.seen("sessions-eu-de")[-2:] == ["down", "up"],
        within_s=30, what="watch shows down and up", seen=lambda: walk.watch.lines,
    )  # fmt: skip


def test_a_second_agent_enrols_with_a_join_token_and_the_token_opens_no_second_time(walk):
    token = ask("agents", "token", "--name", "edge", "--tag", "role=edge", cwd=walk.folder)
    assert token.returncode == 0, token.stderr
    known = walk.endpoints()
    door = (
        "--server", known["grpc_clients"],
        "--ca-fingerprint", known["ca_fingerprint"],
        "--join", token.stdout.strip(),
    )  # fmt: skip
    walk.edge = Program("agent", *door, "--data-dir", walk.folder / "edge", cwd=walk.folder)
    until(
        lambda: walk.components().get("Edge") == "up",
        within_s=60, what="the edge looks", seen=lambda: walk.edge and walk.edge.errors,
    )  # fmt: skip
    agents = ask_json("get", "agents", cwd=walk.folder)
    assert {agent["name"] for agent in agents} == {"local", "edge"}

    again = ask("agent", *door, "--data-dir", walk.folder / "thief", cwd=walk.folder)
    assert again.returncode != 0
    assert again.stderr.count("\n") == 1
    assert again.stderr.startswith("vedette: ")


def test_a_killed_agent_is_grey_within_three_intervals_and_never_red(walk):
    assert walk.edge is not None
    walk.edge.kill()
    until(
        lambda: walk.components()["Edge"] == "unknown",
        within_s=3 * EVERY_S + BUSY_S, what="Edge turns grey",
    )  # fmt: skip
    until(
        lambda: walk.seen("edge")[-2:] == ["up", "unknown"], within_s=30, what="watch tells of it"
    )
    assert "down" not in walk.seen("edge")


def test_the_local_agent_is_started_again_when_it_is_killed(walk):
    def pid() -> int:
        agents = ask_json("get", "agents", cwd=walk.folder)
        return next(agent["pid"] for agent in agents if agent["name"] == "local")

    first = pid()
    os.kill(first, signal.SIGKILL)
    until(lambda: pid() != first, within_s=60, what="another local agent")
    until(lambda: walk.components()["Website"] == "up", within_s=60, what="it looks")
    assert not any("down" in walk.seen(one) for one in ("website", "docs", "orders-eu-de"))


def test_reports_can_be_read_as_json_and_as_pages(walk):
    reports = ask_json("get", "reports", "sessions", cwd=walk.folder)
    assert {"at", "agent", "state", "rtt_s", "measurements"} <= reports[0].keys()
    assert "<svg" in walk.get("/targets/sessions")


def test_grafana_may_run_its_functions_and_nothing_else(walk):
    said = ask("db", "grafana", cwd=walk.folder)
    assert said.returncode == 0, said.stderr
    dsn = said.stdout.strip().splitlines()[0]
    with psycopg.connect(dsn, autocommit=True) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("vedette_grafana",)
        assert conn.execute("SELECT * FROM grafana.target_states()").fetchall()
        for forbidden in (
            "SELECT * FROM fleet.agent",
            "SELECT * FROM access.token",
            "SELECT health.make_partitions(current_date, current_date)",
            "INSERT INTO fleet.region (name, slug) VALUES ('x', 'x')",
            "CREATE TABLE public.mine ()",
            "CREATE TEMPORARY TABLE mine ()",
            "SET ROLE vedette_owner",
        ):
            with pytest.raises(psycopg.Error):
                conn.execute(forbidden)


def test_ctrl_c_stops_everything_and_a_later_start_still_knows(walk):
    walk.before = walk.components()
    code = walk.up.interrupt(within_s=60)
    assert code in {0, 130}, walk.up.errors[-5:]
    assert not (walk.data_dir / "pg" / "postmaster.pid").exists()
    begun = time.monotonic()
    walk.up = Program(
        "up", "-c", "vedette.yaml", "--data-dir", "vedette-data", "--no-agent",
        "--http", f"127.0.0.1:{walk.http}", "--grpc", "127.0.0.1:0", cwd=walk.folder,
    )  # fmt: skip
    try:
        until(lambda: _ready(walk), within_s=60, what="the second start")
        # The first one made the database; both met the same machine.
        assert time.monotonic() - begun < walk.first_start_s + BUSY_S
        assert walk.components().keys() == walk.before.keys()
        assert "down" not in walk.components().values()
    finally:
        assert walk.up.interrupt(within_s=60) in {0, 130}, walk.up.errors
