"""What `vedette discover` hears at a port, and the settings it makes of it."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import grpc
import pytest
import yaml
from tests.connectors.certificates import TestAuthority
from tests.fakes.grpc_health_server import grpc_health_server
from tests.fakes.http_server import Reply, http_server
from tests.fakes.kubernetes_api import deployment, kubernetes_api

from vedette.agent import discover as discovering
from vedette.agent.discover import Listener, discover_host, knock_at, listening
from vedette.agent.discover_kubernetes import access_for, discover_cluster
from vedette.app.settings_file import settings_of
from vedette.app.tree import run

QUIET = [].append


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("vedette.agent.discover_knocks.ANSWER_S", 0.25)


@asynccontextmanager
async def speaker(answer):
    """A port that answers the first bytes of each visitor: answer(bytes) → bytes or None."""
    heard = []

    async def serve(reader, writer):
        try:
            if greeting := answer(b""):
                writer.write(greeting)
            first = await reader.read(4096)
            if first:
                heard.append(first)
                writer.write(answer(first) or b"")
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], heard
    server.close()


async def found_at(port):
    (found,) = await knock_at([Listener("127.0.0.1", port, "shopd")], QUIET)
    return found


GREETERS = {
    b'INFO {"server_id":"x"}\r\n': ("nats", {}),
    b"J\0\0\0\x0a10.11.6-MariaDB\0": ("mysql", {}),
    b"G\0\0\0\xff\x69\x04Host is blocked": ("mysql", {}),
    b"SSH-2.0-OpenSSH_9.2\r\n": ("tcp", {"expect": "SSH-"}),
    b"220 mail.shop.example ESMTP\r\n": ("tcp", {"expect": "220"}),
}


@pytest.mark.parametrize("greeting", GREETERS)
async def test_who_greets_is_known_by_the_greeting_and_asked_nothing(greeting):
    async with speaker(lambda first: b"" if first else greeting) as (port, heard):
        found = await found_at(port)
    connector, more = GREETERS[greeting]
    assert (found.connector, found.settings) == (
        connector,
        {"host": "127.0.0.1", "port": port, **more},
    )
    assert found.name == f"{connector}-{port}"
    assert heard == []


ANSWERERS = {
    "postgres": (b"\0\0\0\x08\x04\xd2\x16\x2f", b"N"),
    "redis": (b"PING\r\n", b"-NOAUTH Authentication required.\r\n"),
    "rabbitmq": (b"AMQP\0\0\x09\x01", b"\1\0\0\0\0\1\xf6\0\x0a\0\x0a"),
    "mqtt": (b"\x10\x0c\0\4MQTT", b"\x20\2\0\5"),
}


@pytest.mark.parametrize("connector", ANSWERERS)
async def test_who_waits_is_asked_politely(connector):
    question, said = ANSWERERS[connector]
    async with speaker(lambda first: said if first.startswith(question) else None) as (port, heard):
        found = await found_at(port)
    assert found.connector == connector
    assert found.settings == {"host": "127.0.0.1", "port": port}
    assert not any(b"AUTH" in first or b"uthorization" in first for first in heard)


WEB = {
    "/server_info": (b'{"state":"LIVE","hot_restart_version":"11.1"}', "envoy", ""),
    "/version": (b'{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}', "etcd", ""),
    "/_status/vars": (b"sql_restart_savepoint_count_internal 0\n", "cockroachdb", ""),
    "/metrics": (
        b"# HELP node_load1 x\n# TYPE node_load1 gauge\nnode_load1 1\n",
        "prometheus",
        "/metrics",
    ),
    "/": (b"<html>", "http", "/"),
}


@pytest.mark.parametrize("path", WEB)
async def test_web_servers_are_told_apart(path):
    body, connector, end = WEB[path]

    def reply(asked):
        return Reply(body=body) if asked.path == path else Reply(status=404, body=b"none")

    async with http_server(reply) as server:
        found = await found_at(server.port)
        assert (found.connector, found.settings) == (connector, {"url": f"{server.url}{end}"})
        assert not any("authorization" in asked.headers for asked in server.asked)


async def test_grpc_and_tls_are_heard(tmp_path):
    async with grpc_health_server(lambda _: b"") as server:
        assert (await found_at(server.port)).connector == "grpc"
    authority = TestAuthority(tmp_path)
    async with http_server(Reply(body=b"hi"), tls=authority.server("localhost")) as server:
        found = await found_at(server.port)
        assert found.settings == {"url": f"https://127.0.0.1:{server.port}/"}
    both = (tmp_path / "localhost--1-90.pem").read_bytes()
    secured = grpc.ssl_server_credentials([(both, both)])
    async with grpc_health_server(lambda _: b"", credentials=secured) as server:
        assert (await found_at(server.port)).connector == "tls"


@pytest.mark.parametrize("noise", [b"", b"\xff" * 500, b"HTTP/0.9", b"{}\n"])
async def test_whoever_is_unknown_is_a_tcp_port(noise):
    async with speaker(lambda first: noise if first else b"") as (port, _):
        found = await found_at(port)
    assert (found.connector, found.settings) == ("tcp", {"host": "127.0.0.1", "port": port})


@pytest.mark.needs("redis")
async def test_the_machines_redis_is_found():
    assert (await found_at(6379)).connector == "redis"


async def test_what_listens_is_seen_once_with_its_program():
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        found = [one for one in await asyncio.to_thread(listening) if one.port == port]
    assert len(found) == 1
    assert found[0].host == "127.0.0.1"
    assert found[0].program


async def test_progress_is_said(monkeypatch):
    monkeypatch.setattr(discovering, "listening", list)
    said = []
    assert await discover_host(said.append) == []
    assert said == ["0 ports listen on this host"]


@pytest.fixture
async def cluster(tmp_path):
    async with kubernetes_api(token="open") as api:
        await api.put("namespaces", "shop")
        await api.put("namespaces", "kube-system")
        web = deployment()
        web["spec"]["template"]["metadata"] = {"labels": {"app": "web"}}
        await api.put("deployments", "web", "shop", **web)
        db = {
            "metadata": {"labels": {"app": "db", "tier": "data"}},
            "spec": {"containers": [{"image": "registry.example/library/postgres:16@sha256:ab"}]},
        }
        await api.put("statefulsets", "db", "shop", spec={"template": db})
        ports = [{"port": 5432, "protocol": "TCP"}]
        await api.put("services", "db", "shop", spec={"ports": ports, "selector": {"app": "db"}})
        await api.put("services", "web", "shop", spec={"ports": ports, "selector": {"app": "web"}})
        file = tmp_path / "kubeconfig"
        file.write_text(
            yaml.safe_dump(
                {
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                    "clusters": [{"name": "k", "cluster": {"server": api.url}}],
                    "users": [{"name": "u", "user": {"tokenFile": "token"}}],
                }
            )
        )
        (tmp_path / "token").write_text("open\n")
        yield api, file


async def test_a_cluster_shows_namespaces_workloads_and_services(cluster):
    api, file = cluster
    api.forbidden.add(("list", "daemonsets"))
    inventory = await discover_cluster(access_for(file), file, QUIET)
    assert inventory.namespaces == ["kube-system", "shop"]
    images = {f"{one.kind} {one.namespace}/{one.name}": one.images for one in inventory.workloads}
    assert images["deployment shop/web"] == ("shop/x:1",)
    assert images["statefulset shop/db"] == ("registry.example/library/postgres:16@sha256:ab",)
    assert list(inventory.hidden) == ["daemonsets"]
    itself, db = inventory.targets
    assert itself.settings == {"kubeconfig_file": "kubeconfig"}
    assert (db.name, db.connector) == ("shop-db", "postgres")
    assert db.settings == {"host": "db.shop.svc", "port": 5432}


async def discovered(monkeypatch, capsys, *arguments):
    code = await asyncio.to_thread(run, ["discover", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


async def test_what_is_printed_is_accepted_as_settings(cluster, monkeypatch, capsys):
    _, file = cluster
    async with (
        http_server(Reply(body=b"hi")) as one,
        http_server(Reply(body=b"hi")) as two,
    ):
        listeners = [Listener("127.0.0.1", one.port, "shop\x1bd"), Listener("::1", two.port)]
        monkeypatch.setattr(discovering, "listening", lambda: listeners)
        code, out, err = await discovered(monkeypatch, capsys, "--kubeconfig", str(file))
    assert code == 0
    settings = settings_of(out)
    assert [target.connector for target in settings.targets] == [
        "http", "tcp", "kubernetes", "postgres",
    ]  # fmt: skip
    assert "# statefulset shop/db: registry.example/library/postgres:16" in out
    assert "\x1b" not in out
    assert "2 ports listen on this host" in err


async def test_json_and_table_say_the_same(cluster, monkeypatch, capsys):
    _, file = cluster
    arguments = ["--no-host", "--kubeconfig", str(file)]
    code, out, _ = await discovered(monkeypatch, capsys, *arguments, "-o", "json")
    document = json.loads(out)
    assert code == 0
    assert [one["name"] for one in document["targets"]] == ["kubernetes", "shop-db"]
    assert document["kubernetes"]["namespaces"] == ["kube-system", "shop"]
    _, out, _ = await discovered(monkeypatch, capsys, *arguments, "-o", "table")
    assert out.splitlines()[0].split() == ["NAME", "CONNECTOR", "WHERE", "PROGRAM", "NOTE"]


async def test_without_anything_to_look_at_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    code, _, err = await discovered(monkeypatch, capsys, "--no-host")
    assert code == 2
    assert "--kubeconfig FILE names a cluster" in err


async def test_a_cluster_that_does_not_answer_is_unavailable(cluster, monkeypatch, capsys):
    api, file = cluster
    api.server.close()
    code, _, err = await discovered(monkeypatch, capsys, "--no-host", "--kubeconfig", str(file))
    assert code == 8
    assert "connection refused" in err
