"""Asking a target, end to end: psql makes a lock, `vedette ask` shows it; real programs only."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.walks.programs import Program, ask, ask_json, free_port, until

pytestmark = [
    pytest.mark.needs("postgres", "redis"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]

POSTGRES = "host=127.0.0.1 port=5432 user=postgres dbname=postgres"
SETTINGS = """\
targets:
  - name: orders-db
    connector: postgres
    settings: {host: 127.0.0.1, port: 5432, user: postgres, database: postgres}
  - {name: sessions, connector: redis, settings: {host: 127.0.0.1, port: 6379}}
  - {name: nobodys, connector: tcp, agents: ['tag:role=none'], settings: {host: 127.0.0.1, port: 1}}
"""


@dataclass
class Walk:
    folder: Path
    up: Program

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return ask("ask", *words, cwd=self.folder)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("ask")
    (folder / "vedette.yaml").write_text(SETTINGS)
    up = Program("up", "-c", "vedette.yaml", "--data-dir", "vedette-data",
        "--http", f"127.0.0.1:{free_port()}", "--grpc", f"127.0.0.1:{free_port()}", cwd=folder,
    )  # fmt: skip
    walk = Walk(folder, up)
    try:
        until(
            lambda: walk.ask("orders-db", "info").returncode == 0,
            within_s=60,
            what="orders-db can be asked",
            seen=lambda: (walk.ask("orders-db", "info").stderr, up.errors[-5:]),
        )
        yield walk
    finally:
        if up.process.poll() is None:
            up.interrupt(within_s=60)
        up.kill()


@pytest.fixture
def locked() -> Iterator[tuple[int, int]]:
    """A lock made with psql, and a second psql that waits for it: (waiting pid, blocking pid)."""
    assert shutil.which("psql"), "psql is not installed"
    with psycopg.connect(POSTGRES, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS ask_orders")
        conn.execute("CREATE TABLE ask_orders (id int)")
        holder, waiter = _psql(), _psql()
        try:
            _say(holder, "BEGIN; LOCK TABLE ask_orders;")
            blocking = _pid_of(holder)
            waiting = _pid_of(waiter)
            _say(waiter, "SELECT count(*) FROM ask_orders;")
            until(
                lambda: (
                    conn.execute("SELECT pg_blocking_pids(%s)", (waiting,)).fetchone()
                    == ([blocking],)
                ),
                within_s=30,
                what="the second psql waits",
            )
            yield waiting, blocking
        finally:
            for session in (holder, waiter):
                session.kill()
                session.wait()
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ask walk'"
            )
            conn.execute("DROP TABLE ask_orders")


def _psql() -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["psql", "-XAtq", f"{POSTGRES} application_name='ask walk'"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _say(session: subprocess.Popen[str], words: str) -> None:
    assert session.stdin is not None
    session.stdin.write(words + "\n")
    session.stdin.flush()


def _pid_of(session: subprocess.Popen[str]) -> int:
    _say(session, "SELECT pg_backend_pid();")
    assert session.stdout is not None
    return int(session.stdout.readline())


def test_a_lock_made_with_psql_is_shown(walk: Walk, locked: tuple[int, int]) -> None:
    waiting, blocking = locked
    found = ask_json("ask", "orders-db", "locks", cwd=walk.folder)
    [row] = [row for row in found if row["waiting_pid"] == waiting]
    assert (row["blocking_pid"], row["of"]) == (blocking, "ask_orders")
    assert (row["blocking_state"], row["lock"]) == ("idle in transaction", "AccessShareLock")
    assert row["waiting_query"] == "SELECT count(*) FROM ask_orders;"
    table = walk.ask("orders-db", "locks")
    assert table.stdout.splitlines()[0].split()[:2] == ["WAITING", "PID"]
    assert "ask_orders" in table.stdout
    assert table.stderr == ""


def test_the_one_who_asked_stands_in_the_audit_log(walk: Walk) -> None:
    assert walk.ask("orders-db", "tables", "limit=1").returncode == 0
    sql = (
        "SELECT actor, object, detail->>'command' AS command, detail->'parameters' AS parameters"
        " FROM access.audit WHERE action = 'target.ask' ORDER BY id DESC LIMIT 1"
    )
    said = ask("db", "sql", sql, cwd=walk.folder).stdout
    assert all(word in said for word in ("admin", "target:orders-db", "tables", '"limit": 1')), said


def test_what_a_target_can_be_asked_is_listed(walk: Walk) -> None:
    listed = ask_json("ask", "sessions", cwd=walk.folder)
    names = {command["name"] for command in listed}
    assert {"health", "info", "slow-log", "clients", "memory"} <= names


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("orders-db", "lock"), 6, "did you mean 'locks'?"),
        (("orders-db", "locks", "limit=none"), 2, "'limit' must be a integer"),
        (("orders-db", "locks", "lmit=1"), 2, "did you mean 'limit'?"),
        (("orders-db", "locks", "limit"), 2, "write name=value"),
        (("orders-db", "locks", "--within", "2m"), 2, "up to 60 s"),
        (("nowhere", "locks"), 6, "there is no target 'nowhere'"),
        (("nobodys", "health"), 8, "no agent looks at 'nobodys'"),
        (("orders-db", "locks", "--agent", "other"), 6, "there are: local"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_an_exit_code(
    walk: Walk, words: tuple[str, ...], code: int, said: str
) -> None:
    done = walk.ask(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_same_over_rest_as_lines_of_json(walk: Walk) -> None:
    ends = json.loads((walk.folder / "vedette-data" / "endpoints.json").read_text())
    token = (walk.folder / "vedette-data" / "admin.token").read_text().strip()
    said = subprocess.run(
        ["curl", "-sN", "-H", f"Authorization: Bearer {token}", "-H", "Accept: application/jsonl",
         "-H", "Content-Type: application/json", "-d", '{"command": "info"}',
         f"{ends['http']}/api/v1/targets/sessions/ask"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["asked", "end"]
    assert lines[-1]["outcome"] == "answered"
    assert {"fact": "state", "value": "up"} in [line.get("row") for line in lines]
