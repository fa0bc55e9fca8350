"""dbmon's users come over: their clients, as they are, against `vedette up --dbmon-port`.

The client is generated at test time from dbmon's own table of names and numbers, and imports nothing
of ours; the CockroachDB is the one that `vedette lab` plays, behind a real agent.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.http_server import Reply
from tests.link.dbmon_contract import proto_text
from tests.walks.programs import Program, ask, ask_json, free_port, until

from vedette.lab.cockroachdb import Cluster, cluster_of, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HERE = Path(__file__).parent
SETTINGS = """\
clusters:
  - {{name: shop-eu}}
targets:
  - name: roachy
    connector: cockroachdb
    cluster: shop-eu
    every: 1s
    settings: {{urls: {urls}}}
"""
GONE = Reply(500, b"gone\n")
INTEGERS = [
    "ID",
    "Ranges",
    "Replicas",
    "CapacityUsage",
    "CapacityReserved",
    "CapacityAvailable",
    "Capacity",
    "TotalSystemMemory",
    "MemoryUsage",
    "MemoryReserved",
    "MemoryAvailable",
    "Latency99",
    "ClockOffset",
]
BOOLEANS = ("Up", "Init", "Out", "Dead")


class Fake:
    """A CockroachDB in a thread of its own, since walks wait by sleeping."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    async def _serve(self) -> None:
        async with serving(self.cluster):
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> "Fake":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@dataclass
class Walk:
    """What the walk has under its feet; `clients` is the folder of the generated client."""

    folder: Path
    clients: Path
    up: Program
    cluster: Cluster

    @property
    def endpoints(self) -> dict[str, str]:
        return json.loads((self.folder / "vedette-data" / "endpoints.json").read_text())

    def client(self, cluster: str, *flags: object, at: str = "dbmon", seconds: float = 0):
        """Start a client; `at` names the address it goes to."""
        return subprocess.Popen(
            [sys.executable, str(self.clients / "dbmon_client.py"), self.endpoints[at], cluster,
             str(seconds), *map(str, flags)],
            cwd=self.clients, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def pull(self, cluster: str, *flags: object, at: str = "dbmon") -> list[dict]:
        return ended(self.client(cluster, *flags, at=at))


def ended(client: subprocess.Popen) -> list[dict]:
    out, err = client.communicate(timeout=30)
    assert client.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder, clients = tmp_path_factory.mktemp("walk"), tmp_path_factory.mktemp("clients")
    (clients / "dbmon.proto").write_text(proto_text())
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.",
         "--grpc_python_out=.", "dbmon.proto"],
        check=True, cwd=clients,
    )  # fmt: skip
    shutil.copy(HERE / "dbmon_client.py", clients)
    cluster = cluster_of(3)
    with Fake(cluster):
        (folder / "vedette.yaml").write_text(SETTINGS.format(urls=json.dumps(cluster.urls)))
        up = Program(
            "up", "-c", "vedette.yaml", "--data-dir", "vedette-data", "--dbmon-port", free_port(),
            "--http", f"127.0.0.1:{free_port()}", "--grpc", f"127.0.0.1:{free_port()}", cwd=folder,
        )  # fmt: skip
        walk = Walk(folder, clients, up, cluster)
        try:
            until(
                lambda: _is_watched(walk), within_s=60, what="a report", seen=lambda: up.errors[-9:]
            )
            yield walk
        finally:
            up.kill()


def _is_watched(walk: Walk) -> bool:
    if walk.up.process.poll() is not None:
        pytest.fail(f"vedette up ended: {walk.up.errors[-10:]}")
    if not (walk.folder / "vedette-data" / "endpoints.json").exists():
        return False
    targets = ask_json("get", "targets", cwd=walk.folder)
    return [it["state"] for it in targets] == ["up"]


def test_the_log_says_that_it_is_in_the_clear(walk):
    assert walk.up.says("in the clear")
    assert walk.endpoints["dbmon"].startswith("127.0.0.1:")


def test_two_clients_at_once_each_see_every_report(walk):
    both = [walk.client("roachy", seconds=3) for _ in range(2)]
    one, other = ([it["at"] for it in ended(client)] for client in both)
    assert one == sorted(set(one))
    assert other == sorted(set(other))
    end = min(one[-1], other[-1])
    assert len(one) >= 4
    assert [at for at in one if at <= end] == [at for at in other if at <= end]


def test_a_report_decodes_in_a_decoder_that_takes_no_fraction(walk):
    last = walk.pull("roachy")[-1]
    assert (last["status"], last["cluster"]) == ("200", "roachy")
    assert [node["ID"] for node in last["nodes"]] == [1, 2, 3]
    for node in last["nodes"]:
        assert all(type(node[key]) is int and node[key] >= 0 for key in INTEGERS)
        assert all(type(node[key]) is bool for key in BOOLEANS)
        assert node["Up"] is True
        assert node["ClockOffset"] == 14326
        assert node["TotalSystemMemory"] == 34359738368
        assert node["MemoryAvailable"] == 34359738368 - node["MemoryUsage"] > 0
        assert node["QueriesPerSecond"] >= 0


def test_a_clusters_name_is_all_its_cockroaches(walk):
    assert walk.pull("shop-eu")[-1]["nodes"][0]["Target"] == "roachy"


def test_hostile_numbers_and_names_leave_the_server_standing(walk):
    for count in (1_000_000, -1, -(2**31)):
        assert walk.pull("roachy", f"--count={count}")
    stranger = walk.client("nosuch")
    _, said = stranger.communicate(timeout=30)
    assert said.strip() == "NOT_FOUND: Cluster was not found : 'nosuch'"
    assert walk.pull("roachy", "--count=1")


def test_over_tls_it_takes_a_token(walk):
    made = ask("tokens", "create", "legacy", "--scope", "read", cwd=walk.folder)
    (walk.folder / "ca.pem").write_text(_authority(walk))
    token = made.stdout.strip()
    flags = ("--ca", walk.folder / "ca.pem", "--token", token)
    first = walk.pull("roachy", *flags, at="grpc_clients")
    again = walk.pull("roachy", *flags, at="grpc_clients")
    assert first
    assert not {it["at"] for it in first} & {it["at"] for it in again}  # its cursor outlives it
    nobody = walk.client("roachy", "--ca", walk.folder / "ca.pem", at="grpc_clients")
    assert "UNAUTHENTICATED" in nobody.communicate(timeout=30)[1]


def _authority(walk: Walk) -> str:
    made = ask("clients", "cert", "legacy", cwd=walk.folder)
    assert made.returncode == 0, made.stderr
    return (walk.folder / "legacy.ca.crt").read_text()


def test_over_tls_it_takes_a_clients_certificate(walk):
    made = ask("clients", "cert", "grafana", cwd=walk.folder)
    assert made.stdout.splitlines() == ["grafana.key", "grafana.crt", "grafana.ca.crt"]
    key = walk.folder / "grafana.key"
    assert key.stat().st_mode & 0o777 == 0o600
    files = ("--ca", walk.folder / "grafana.ca.crt", "--cert", walk.folder / "grafana.crt")
    assert walk.pull("roachy", *files, "--key", key, at="grpc")
    watched = ask(
        "watch", "--once", "--cert", "grafana.crt", "--cluster", "shop-eu", "-o", "json",
        cwd=walk.folder,
    )  # fmt: skip
    assert [json.loads(line)["name"] for line in watched.stdout.splitlines()] == ["roachy"]
    first = key.read_bytes()
    assert ask("clients", "cert", "grafana", "--expires", "1h", cwd=walk.folder).returncode == 0
    assert key.read_bytes() == first  # certified again


def test_nothing_else_is_served_in_the_clear(walk):
    import grpc

    with grpc.insecure_channel(walk.endpoints["dbmon"]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/vedette.v1.Reports/Latest")(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_cluster_that_is_gone_is_reported_so(walk):
    for node in walk.cluster.nodes:
        node.doors = dict.fromkeys(("/health", "/_status/vars", "/metrics"), GONE)
    walk.cluster.json = GONE
    until(lambda: walk.pull("roachy")[-1]["status"] == "503", within_s=60, what="a failed probe")
    assert walk.pull("roachy")[-1]["nodes"] == []
