"""RabbitMQ as it is: the machine's over AMQP, one of our own with its API; the rest by its words."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest
from tests.connectors.looks import a_look, entities, free_port, look_at, make, names, value, verdict
from tests.connectors.servers import installed, running
from tests.connectors.test_connector_commands import answer
from tests.fakes.amqp_broker import amqp_broker, close
from tests.fakes.http_server import Asked, Reply, http_server

from vedette.agent.connectors.rabbitmq_broker import Broker, counters, measured
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import ERROR_CLASS
from vedette.errors import Invalid
from vedette.health.model import State

MACHINE = {"host": "127.0.0.1", "port": 5672}


class Own:
    """A RabbitMQ with management and Prometheus plugins."""

    def __init__(self, folder: Path) -> None:
        sbin = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
        if not sbin:
            pytest.skip("rabbitmq-server is not installed")
        self.sbin = sbin[-1]
        self.folder = folder
        self.port, self.api, self.metrics, self.epmd = (free_port() for _ in range(4))
        self.node = f"vedette{self.port}@localhost"
        plugins = folder / "enabled_plugins"
        plugins.write_text("[rabbitmq_management,rabbitmq_prometheus].")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.api}\n"
            f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {self.metrics}\n"
        )
        self.env = os.environ | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self.epmd),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +A 1",
        }

    @property
    def settings(self) -> dict:
        return {
            "management_url": f"http://127.0.0.1:{self.api}",
            "metrics_url": f"http://127.0.0.1:{self.metrics}",
            "amqp": True,
            "port": self.port,
        }

    async def control(self, *arguments: str) -> None:
        await self._run(self.sbin / "rabbitmqctl", "-q", "-n", self.node, *arguments)

    async def end_epmd(self) -> None:
        # It refuses while it still holds the node for a living one.
        epmd = installed("epmd")
        async with asyncio.timeout(10):
            while _listens(self.epmd):
                await self._run(epmd, "-port", str(self.epmd), "-kill")

    async def _run(self, *command: str | Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *map(str, command), env=self.env, stdout=asyncio.subprocess.DEVNULL
        )
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
async def own(tmp_path_factory):
    broker = Own(tmp_path_factory.mktemp("rabbit"))
    server = broker.sbin / "rabbitmq-server"
    log = broker.folder / "out"
    try:
        async with running(
            [server], broker.metrics, log=log, env=broker.env, within_s=60
        ) as program:
            broker.program = program
            async with asyncio.timeout(30):
                while (await look_at("rabbitmq", **broker.settings)).state is State.DOWN:
                    pass
            yield broker
    finally:
        await broker.end_epmd()


@pytest.mark.needs("rabbitmq")
async def test_the_machines_rabbitmq_takes_a_client_without_any_plugin():
    connector = make("rabbitmq", **MACHINE)
    for _ in range(3):
        report = await connector.probe(a_look())
        assert verdict(report) == ("up", "")
        assert names(report) == {"channel_s"}
    assert report.facts["version"].startswith("RabbitMQ 3.")
    await connector.aclose()


@pytest.mark.needs("rabbitmq")
async def test_wrong_credentials_and_absent_hosts_are_our_own_fault():
    wrong = await look_at("rabbitmq", password="hunter2", **MACHINE)
    assert verdict(wrong) == ("unknown", "auth")
    assert "ACCESS_REFUSED" in wrong.message
    assert "hunter2" not in repr(wrong)
    absent = await look_at("rabbitmq", vhost="no-such", **MACHINE)
    assert verdict(absent) == ("unknown", "auth")


async def test_a_real_broker_shows_its_queues_and_connections(own):
    way = {"management_url": own.settings["management_url"]}
    assert isinstance(await answer("rabbitmq", "queues", **way), list)
    assert isinstance(await answer("rabbitmq", "connections", **way), list)


@pytest.mark.slow
@pytest.mark.needs("rabbitmq")
async def test_a_broker_of_our_own_from_up_to_overloaded_to_down(own):
    connector = make("rabbitmq", **own.settings)
    report = await connector.probe(a_look())
    assert verdict(report) == ("up", "")
    node = f"node:{own.node}"
    assert value(report, "state", node) == State.UP
    assert 0 < value(report, "memory_ratio", node) < 0.9
    assert value(report, "uptime_s", node) > 0
    assert value(report, "messages_ready") == 0
    assert report.facts["version"].startswith("RabbitMQ 3.")

    by_metrics = await look_at("rabbitmq", metrics_url=own.settings["metrics_url"])
    assert verdict(by_metrics) == ("up", "")
    assert entities(by_metrics) == {node}
    assert value(by_metrics, "queues") == 0

    # More free disk than any host has: the alarm, and publishers are held.
    await own.control("set_disk_free_limit", "900000GB")
    async with asyncio.timeout(15):
        while (report := await connector.probe(a_look())).state is State.UP:
            pass
    assert verdict(report) == ("degraded", "limit")
    assert "alarm" in report.message
    await own.control("set_disk_free_limit", "50MB")
    async with asyncio.timeout(15):
        while (report := await connector.probe(a_look())).state is not State.UP:
            pass

    missing = await look_at("rabbitmq", checks=["port-listener/9"], **own.settings)
    assert verdict(missing) == ("down", "unhealthy")
    assert "No active listener" in missing.message
    refused = await look_at("rabbitmq", **{**own.settings, "amqp": False}, password="hunter2")
    assert verdict(refused) == ("unknown", "auth")

    await own.program.stop()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")
    await connector.aclose()


@pytest.mark.parametrize(
    ("turned_away", "seen"),
    [
        ({}, ("up", "")),
        ({"after_start_ok": close(403, "ACCESS_REFUSED - Login was refused")}, ("unknown", "auth")),
        ({"after_open": close(530, "NOT_ALLOWED - vhost x not found")}, ("unknown", "auth")),
        (
            {"after_open": close(530, "NOT_ALLOWED - vhost connection limit (1) is reached")},
            ("degraded", "full"),
        ),
        ({"after_open": close(541, "INTERNAL_ERROR - vhost '/' is down")}, ("down", "unhealthy")),
        ({"after_open": close(320, "CONNECTION_FORCED - shutdown")}, ("draining", "stopping")),
        ({"greeting": b"AMQP\x01\x01\x00\x09"}, ("down", "protocol")),
        ({"greeting": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, ("down", "protocol")),
        ({"greeting": b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a\x00"}, ("down", "protocol")),
    ],
)
async def test_what_a_broker_says_at_its_door(turned_away, seen):
    async with amqp_broker(**turned_away) as port:
        assert verdict(await look_at("rabbitmq", port=port)) == seen


OVERVIEW = {
    "rabbitmq_version": "3.12.0",
    "object_totals": {"queues": 1, "connections": 2},
    "queue_totals": {"messages_ready": 7, "messages_unacknowledged": 0},
    "message_stats": {},
    "churn_rates": {"connection_created": 10},
}
NODE = {"name": "rabbit@a", "running": True, "mem_used": 10, "mem_limit": 100, "partitions": []}
QUEUE = {"name": "orders", "vhost": "shop", "state": "running", "messages": 7, "consumers": 0}


def management(*, overview=None, node=None, queue=None, **checks: Reply):
    """A fake API: all is well but for what is given."""
    pages = {
        "/api/overview": OVERVIEW | (overview or {}),
        "/api/nodes": [NODE | (node or {})],
        "/api/queues": {"items": [QUEUE | (queue or {})]},
    }

    def answer(asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if path.startswith("/api/health/checks/"):
            check = path.removeprefix("/api/health/checks/").partition("/")[0].replace("-", "_")
            return checks.get(check, Reply(body=b'{"status":"ok"}'))
        return Reply(body=json.dumps(pages[path]).encode())

    return http_server(answer)


def failing(reason: str) -> Reply:
    return Reply(503, json.dumps({"status": "failed", "reason": reason}).encode())


@pytest.mark.parametrize(
    ("given", "seen", "words"),
    [
        ({}, ("up", ""), ""),
        ({"alarms": failing("There are alarms in effect")}, ("degraded", "limit"), "in effect"),
        ({"virtual_hosts": failing("Some are down")}, ("degraded", "unhealthy"), "Some are down"),
        ({"node_is_quorum_critical": failing("3 queues")}, ("degraded", "node_down"), "3 queues"),
        ({"certificate_expiration": failing("soon")}, ("degraded", "expiring"), "soon"),
        ({"port_listener": failing("No active listener")}, ("down", "unhealthy"), "listener"),
        ({"alarms": Reply(404)}, ("up", ""), ""),
        ({"node": {"running": False}}, ("degraded", "node_down"), "rabbit@a is not running"),
        ({"node": {"partitions": ["rabbit@b"]}}, ("degraded", "node_down"), "from rabbit@b"),
        ({"node": {"mem_alarm": True}}, ("degraded", "limit"), "memory alarm"),
        ({"node": {"disk_free_alarm": True}}, ("degraded", "limit"), "disk alarm"),
        ({"node": {"being_drained": True}}, ("draining", "stopping"), "maintenance"),
        ({"node": {"mem_used": 99}}, ("degraded", ERROR_CLASS), "memory_ratio of node:rabbit@a"),
        ({"queue": {"state": "crashed"}}, ("degraded", "unhealthy"), "shop/orders is crashed"),
        ({"queue": {"state": "minority"}}, ("degraded", "unhealthy"), "minority"),
        ({"queue": {"state": "idle"}}, ("up", ""), ""),
    ],
)
async def test_what_the_api_says_and_what_it_means(given, seen, words):
    checks = ["certificate-expiration/2/weeks", "port-listener/5671"]
    async with management(**given) as server:
        report = await look_at("rabbitmq", management_url=server.url, checks=checks)
    assert verdict(report) == seen
    assert words in report.message


async def test_queues_are_asked_for_by_columns_and_page():
    async with management() as server:
        report = await look_at("rabbitmq", management_url=server.url, queues=7)
        asked = next(a.path for a in server.asked if a.path.startswith("/api/queues"))
    assert "page=1&page_size=7&sort=messages&sort_reverse=true&columns=name,vhost" in asked
    assert "queue:shop/orders" in entities(report)
    assert value(report, "queues_unconsumed") == 1
    assert value(report, "messages_ready") == 7


async def test_a_broker_with_too_many_queues_is_not_asked_to_list_them():
    async with management(overview={"object_totals": {"queues": 50_000}}) as server:
        report = await look_at("rabbitmq", management_url=server.url)
        assert not [a for a in server.asked if a.path.startswith("/api/queues")]
    assert verdict(report) == ("up", "")
    assert "50000 are too many" in report.facts["no queues"]


def test_what_has_not_happened_yet_counts_as_nought():
    assert counters(OVERVIEW)["published_per_s"] == 0
    assert counters(OVERVIEW)["connections_opened_per_s"] == 10
    assert counters({"message_stats": {"publish": 3}})["published_per_s"] == 3
    assert counters({})["published_per_s"] is None


def test_totals_are_nought_without_queues_and_absent_where_they_are_disabled():
    def ready(**overview):
        found = measured(Broker(overview=overview), Gains({}, 0.0))
        return [m.value for m in found if m.name == "messages_ready"]

    assert ready(object_totals={"queues": 0}, queue_totals={}) == [0]
    assert ready(object_totals={"queues": 5}) == []


def test_4_0_counts_no_sockets_and_a_disk_may_be_unknown():
    node = {"name": "a", "running": True, "disk_free": "NaN", "fd_used": 1, "fd_total": 2}
    found = {m.name for m in measured(Broker(nodes=[node]), Gains({}, 0.0)) if m.entity}
    assert found == {"state", "fds_ratio"}


async def test_alarms_are_seen_in_the_metrics_too():
    body = (
        b'rabbitmq_build_info{rabbitmq_version="3.13.1"} 1\n'
        b'rabbitmq_identity_info{rabbitmq_node="rabbit@a",rabbitmq_cluster="shop"} 1\n'
        b"rabbitmq_alarms_memory_used_watermark 1\nrabbitmq_queue_messages_ready 3\n"
        b'rabbitmq_global_messages_received_total{protocol="amqp091"} 5\n'
        b'rabbitmq_global_messages_received_total{protocol="mqtt50"} 6\n'
    )
    async with http_server(Reply(body=body)) as server:
        report = await look_at("rabbitmq", metrics_url=server.url)
    assert verdict(report) == ("degraded", "limit")
    assert "memory alarm" in report.message
    assert report.facts["cluster"] == "shop"
    assert value(report, "messages_ready") == 3


async def test_other_metrics_are_not_taken_for_rabbitmqs():
    async with http_server(Reply(body=b"etcd_server_has_leader 1\n")) as server:
        report = await look_at("rabbitmq", metrics_url=server.url)
    assert verdict(report) == ("down", "protocol")


async def test_amqp_alone_shows_no_queues():
    with pytest.raises(Invalid, match="management_url"):
        await answer("rabbitmq", "queues", **MACHINE)


async def test_queues_and_connections_are_a_page_of_the_api():
    pages = {
        "queues": [
            {"vhost": "/", "name": "mail", "state": "running", "messages_ready": 7, "memory": 9e3},
            {"vhost": "/", "name": "new", "messages_ready": "?", "consumers": None},
        ],
        "connections": [
            {"peer_host": "10.0.0.9", "peer_port": 5012, "user": "shop", "state": "blocked",
             "connected_at": 1_700_000_000_000, "client_properties": {"connection_name": "cart"}},
            {"connected_at": 1e300, "client_properties": []},
        ],
    }  # fmt: skip
    asked = []

    def reply(question: Asked) -> Reply:
        asked.append(question.path)
        name = question.path.partition("?")[0].rpartition("/")[2]
        return Reply(body=json.dumps({"items": [*pages[name], 7]}).encode())

    async with http_server(reply) as server:
        way = {"management_url": server.url.rstrip("/")}
        queues = await answer("rabbitmq", "queues", params={"order": "memory", "limit": 5}, **way)
        assert [(row["queue"], row["ready"], row["memory_bytes"]) for row in queues] == [
            ("mail", 7, 9000),
            ("new", None, None),
        ]
        first, second = await answer("rabbitmq", "connections", **way)
        assert (first["address"], first["name"]) == ("10.0.0.9:5012", "cart")
        assert first["connected_at"] == "2023-11-14T22:13:20Z"
        assert second["connected_at"] is None
    assert "page_size=5&sort=memory" in asked[0]
