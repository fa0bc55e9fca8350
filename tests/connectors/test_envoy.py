"""A real Envoy before two backends, and istiod as its metrics describe it."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from tests.connectors.conftest import accepting
from tests.connectors.looks import a_look, entities, free_port, look_at, make, names, value, verdict
from tests.connectors.test_connector_commands import answer
from tests.fakes.envoy_binary import envoy_binary
from tests.fakes.http_server import Reply, http_server

from vedette.agent.connectors.envoy_reading import read_clusters, read_info, read_stats
from vedette.agent.connectors.envoy_verdict import fault_of_clusters, fault_of_server, measured
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.rates import Gains
from vedette.health.model import State

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def settings_for(admin: int, front: int, backends: list[int]) -> dict:
    def at(port):
        return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}

    route = {"match": {"prefix": "/"}, "route": {"cluster": "shop.eu"}}
    manager = {
        "@type": HTTP,
        "stat_prefix": "front",
        "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    name = "envoy.filters.network.http_connection_manager"
    filters = [{"filters": [{"name": name, "typed_config": manager}]}]
    check = {
        "timeout": "0.5s", "interval": "0.1s", "no_traffic_interval": "0.1s",
        "unhealthy_threshold": 1, "healthy_threshold": 1, "http_health_check": {"path": "/"},
    }  # fmt: skip
    cluster = {
        "name": "shop.eu",
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "health_checks": [check],
        "circuit_breakers": {"thresholds": [{"max_requests": 1, "max_pending_requests": 1}]},
        "load_assignment": {
            "cluster_name": "shop.eu",
            "endpoints": [{"lb_endpoints": [{"endpoint": at(port)} for port in backends]}],
        },
    }
    return {
        "admin": at(admin),
        "static_resources": {
            "listeners": [{"name": "front", **at(front), "filter_chains": filters}],
            "clusters": [cluster],
        },
    }


class Running:
    def __init__(self, process, admin, front, backends):
        self.process, self.admin, self.front, self.backends = process, admin, front, backends
        self.connector = make("envoy", url=f"http://127.0.0.1:{admin}")

    async def look(self):
        return await self.connector.probe(a_look())

    async def settled(self, said):
        """Look until it says so."""
        async with asyncio.timeout(15):
            while verdict(report := await self.look()) != said:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return report

    async def ask(self, port, path="/", method="GET"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .encode()
        )  # fmt: skip
        answer = await reader.read()
        writer.close()
        return int(answer.split()[1])


@pytest.fixture
async def envoy(tmp_path):
    binary = envoy_binary()
    async with AsyncExitStack() as stack:

        def reply(asked):
            return Reply(status=500 if asked.path == "/bad" else 200, hang=asked.path == "/hang")

        backends = [await stack.enter_async_context(http_server(reply)) for _ in range(2)]
        admin, front = free_port(), free_port()
        file = tmp_path / "envoy.json"
        file.write_text(json.dumps(settings_for(admin, front, [b.port for b in backends])))
        process = await asyncio.create_subprocess_exec(
            str(binary), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id",
            "-l", "critical",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await accepting(admin)
            yield Running(process, admin, front, backends)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_it_is_up_and_says_what_goes_through_it(envoy):
    await envoy.settled(("up", ""))
    for _ in range(3):
        assert await envoy.ask(envoy.front) == 200
    report = await envoy.look()
    assert verdict(report) == ("up", "")
    assert report.rtt is not None
    assert report.facts["version"].startswith("1.")
    assert entities(report) == {"cluster:shop.eu"}
    assert value(report, "healthy_ratio") == 1
    assert value(report, "hosts", "cluster:shop.eu") == 2
    assert value(report, "requests_per_s") > 0
    assert value(report, "error_ratio", "cluster:shop.eu") == 0
    assert value(report, "memory_bytes") > 1e6
    assert "certificate_days_left" not in names(report)  # 4294967295 means none


async def test_errors_and_overflow_past_their_limits_are_degraded_with_the_reason(envoy):
    await envoy.settled(("up", ""))
    for _ in range(4):
        assert await envoy.ask(envoy.front, "/bad") == 500
    report = await envoy.look()
    assert verdict(report) == ("degraded", "threshold")
    assert "error_ratio is 1, above 0.05" in report.message

    # One request may be under way, so the second one finds the circuit open.
    await envoy.look()
    hanging = asyncio.create_task(envoy.ask(envoy.front, "/hang"))
    report = await envoy.settled(("degraded", "threshold"))
    assert "circuit_breakers_open of cluster:shop.eu is 1, above 0" in report.message
    assert await envoy.ask(envoy.front) == 503
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_ailing_hosts_degrade_it_though_discovery_calls_them_healthy(envoy):
    await envoy.settled(("up", ""))
    reply = envoy.backends[0].reply
    envoy.backends[0].reply = lambda _asked: Reply(status=503)
    report = await envoy.settled(("degraded", "node_down"))
    assert "1 of 2 hosts of cluster shop.eu are not healthy (its health check" in report.message
    assert value(report, "state", "cluster:shop.eu") == State.DEGRADED
    envoy.backends[1].reply = envoy.backends[0].reply
    report = await envoy.settled(("degraded", "unhealthy"))
    assert value(report, "state", "cluster:shop.eu") == State.DOWN
    envoy.backends[0].reply = envoy.backends[1].reply = reply
    await envoy.settled(("up", ""))


async def test_draining_is_said_and_stopped_is_down(envoy):
    await envoy.settled(("up", ""))
    await envoy.ask(envoy.admin, "/healthcheck/fail", "POST")
    await envoy.settled(("draining", "stopping"))
    await envoy.ask(envoy.admin, "/healthcheck/ok", "POST")
    await envoy.settled(("up", ""))
    envoy.process.terminate()
    await envoy.process.wait()
    assert verdict(await envoy.look()) == ("down", "refused")


ISTIOD = b"""# TYPE pilot_xds gauge
pilot_xds{version="1.27"} %d
pilot_services 40
pilot_xds_pushes{type="cds"} %d
pilot_xds_pushes{type="eds"} 7
pilot_total_xds_rejects{type="cds"} %d
pilot_proxy_convergence_time_bucket{le="0.1"} %d
pilot_proxy_convergence_time_bucket{le="0.5"} %d
pilot_proxy_convergence_time_bucket{le="+Inf"} %d
citadel_server_root_cert_expiry_timestamp %d
"""


async def test_istiod_is_ready_counts_pushes_and_is_degraded_by_rejects():
    body = [ISTIOD % (3, 10, 0, 10, 10, 10, 4_102_444_800)]
    status = [200]

    def reply(asked):
        return Reply(status=status[0]) if asked.path == "/ready" else Reply(body=body[0])

    async with http_server(reply) as server:
        settings = {"kind": "istiod", "url": server.url, "ready_url": f"{server.url}/ready"}
        connector = make("envoy", **settings)
        report = await connector.probe(a_look())
        assert verdict(report) == ("up", "")
        assert value(report, "proxies") == 3
        assert value(report, "root_certificate_days_left") > 365
        body[0] = ISTIOD % (3, 12, 0, 10, 20, 20, 4_102_444_800)
        report = await connector.probe(a_look())
        assert verdict(report) == ("up", "")
        assert value(report, "pushes_per_s") > 0
        assert 0.1 < value(report, "convergence_p99_s") <= 0.5
        body[0] = ISTIOD % (3, 12, 1, 10, 20, 20, 4_102_444_800)
        assert verdict(await connector.probe(a_look())) == ("degraded", "threshold")
        body[0] = ISTIOD % (3, 12, 1, 10, 20, 20, 1)
        assert verdict(await connector.probe(a_look())) == ("degraded", "expiring")
        status[0] = 503
        assert verdict(await connector.probe(a_look())) == ("initialising", "starting")
        body[0] = b"node_load1 3\n"
        assert verdict(await connector.probe(a_look())) == ("down", "protocol")


def test_numbers_come_as_texts_and_are_absent_when_zero():
    stats = read_stats(
        b'{"stats":[{"name":"cluster.a.b.upstream_rq_completed","value":"18446744073709551615"},'
        b'{"name":"cluster.a.b.upstream_rq_5xx"},{"name":"server.uptime","value":"x"},'
        b'{"name":"server.days_until_first_cert_expiring","value":4294967295},'
        b'{"histograms":{"computed_quantiles":[]}}]}'
    )
    assert stats.clusters == {"a.b": {"upstream_rq_completed": 2.0**64, "upstream_rq_5xx": 0.0}}
    assert stats.server == {}


def test_a_control_plane_lost_and_refused_configuration_are_degraded():
    stats = read_stats(b'{"stats":[{"name":"control_plane.connected_state","value":0}]}')
    assert fault_of_clusters({}, stats).message == "it has lost its control plane"
    stats = read_stats(b'{"stats":[{"name":"listener_manager.lds.update_rejected","value":3}]}')
    gains = Gains({"listener_manager.lds.update_rejected": 1.0}, 10.0)
    found = {m.name: m.value for m in measured({}, stats, gains)}
    assert found["rejected_updates_per_s"] == 0.1


@pytest.mark.parametrize(
    ("state", "ours"),
    [("INITIALIZING", "initialising"), ("PRE_INITIALIZING", "initialising"), ("?", "down")],
)
def test_states_that_are_not_live(state, ours):
    assert fault_of_server(state).state.word == ours


def test_many_clusters_are_counted_and_the_ailing_ones_shown():
    sick = {"failed_active_health_check": True}
    document = {
        "cluster_statuses": [
            {"name": f"c{n}", "host_statuses": [{"health_status": sick if n > 990 else {}}]}
            for n in range(1000)
        ]
    }
    clusters = read_clusters(json.dumps(document).encode())
    found = measured(clusters, read_stats(b'{"stats":[]}'), Gains({}, 0.0))
    shown = {m.entity for m in found if m.entity}
    assert len(shown) == 200
    assert {f"cluster:c{n}" for n in range(991, 1000)} <= shown
    assert "and 6 clusters more" in fault_of_clusters(clusters, read_stats(b'{"stats":[]}')).message


HOSTILE = [
    b"", b"[]", b"null", b'"LIVE"', b"{", b'{"state": 5}', b'{"state":"LIVE","node":[]}',
    b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b'{"state":"LIVE"}',
    b'{"stats":[{"name":1}]}', b'{"state":"LIVE","cluster_statuses":{}}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_bodies_are_clean_reports(body):
    async with http_server(Reply(body=body)) as server:
        report = await look_at("envoy", url=server.url)
        assert verdict(report) == ("down", "protocol")
        istiod = {"kind": "istiod", "url": server.url, "ready_url": server.url}
        assert verdict(await look_at("envoy", **istiod)) == ("down", "protocol")


async def test_a_body_without_end_ends_with_the_time():
    async def babble(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (ConnectionError, EOFError):
            pass
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    report = await look_at("envoy", url=f"http://127.0.0.1:{port}", timeout_s=0.5)
    assert verdict(report) == ("down", "timeout")
    server.close()


def test_facts_are_short_texts():
    state, facts = read_info(b'{"state":"LIVE","version":"abc/1.40.0/Clean","node":{"id":"a"}}')
    assert (state, facts) == ("LIVE", {"state": "LIVE", "version": "1.40.0", "node id": "a"})


async def test_it_tells_the_hosts_of_its_clusters_and_where_it_listens(envoy):
    await envoy.settled(("up", ""))
    assert await envoy.ask(envoy.front) == 200
    url = f"http://127.0.0.1:{envoy.admin}"
    hosts = await answer("envoy", "clusters", url=url)
    assert {row["host"] for row in hosts} == {f"127.0.0.1:{b.port}" for b in envoy.backends}
    assert all(row["is_healthy"] and row["cluster"] == "shop.eu" for row in hosts)
    assert sum(row["requests"] for row in hosts) >= 1
    [listener] = await answer("envoy", "listeners", url=url)
    assert listener == {"name": "front", "address": f"127.0.0.1:{envoy.front}"}


async def test_hosts_that_ail_come_first_and_nonsense_is_no_crash():
    sick = {"failed_active_health_check": True, "eds_health_status": "HEALTHY"}
    clusters = [
        {"name": "a", "host_statuses": [{"address": {"pipe": {"path": "/run/a"}}}, 7]},
        {"name": "b", "host_statuses": [{"health_status": sick, "stats": [{"name": "rq_total"}]}]},
        {"name": "c", "host_statuses": [{"health_status": 7}]},
        {"name": "d"},
    ]
    body = json.dumps({"cluster_statuses": clusters}).encode()
    async with http_server(lambda _: Reply(body=body)) as server:
        rows = await answer("envoy", "clusters", url=server.url)
    assert [(row["cluster"], row["is_healthy"]) for row in rows] == [
        ("b", False), ("a", True), ("c", True), ("d", None),
    ]  # fmt: skip
    assert rows[0]["reason"] == "its health check fails"
    assert rows[0]["requests"] == 0
    assert rows[1]["host"] == "/run/a"
    async with http_server(lambda _: Reply(body=b"[")) as server:
        with pytest.raises(Fault, match="admin door"):
            await answer("envoy", "listeners", url=server.url)
