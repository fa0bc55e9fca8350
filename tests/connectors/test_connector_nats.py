"""NATS as it is: real servers with and without a monitor port, full, locked, draining; JetStream."""

import asyncio
import json
import signal

import pytest
from tests.connectors.looks import a_look, entities, free_port, look_at, make, names, value, verdict
from tests.connectors.servers import starter
from tests.connectors.test_connector_commands import answer
from tests.fakes.http_server import Reply, http_server

from vedette.agent.connectors.nats_monitor import Monitored, fault_in, measured, uptime_s
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import ERROR_CLASS
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import State


@pytest.fixture
async def nats_server(tmp_path):
    """Start throw-away servers: `program, monitor_url = await nats_server("--auth", "t")`."""
    async with starter() as begin:

        async def start(*options: str, port: int | None = None):
            port, monitor = port or free_port(), free_port()
            command = ["nats-server", "-a", "127.0.0.1", "-p", port, "-m", monitor, *options]
            program = await begin(command, port, log=tmp_path / "nats.log")
            return program, f"http://127.0.0.1:{monitor}"

        yield start


async def speak(port: int, text: str) -> asyncio.StreamWriter:
    """A client of the test's own, signed in; close it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(f'CONNECT {{"verbose":false}}\r\n{text}PING\r\n'.encode())
    while (await reader.readline()).strip() != b"PONG":
        pass
    return writer


def config(tmp_path, text: str) -> str:
    file = tmp_path / "nats.conf"
    file.write_text(text)
    return str(file)


@pytest.mark.needs("nats")
async def test_the_machines_nats_is_up_by_its_client_port_alone():
    report = await look_at("nats", host="127.0.0.1", port=4222)
    assert verdict(report) == ("up", "")
    assert names(report) == {"ping_s"}
    assert report.facts["version"].startswith("nats-server 2.")


async def test_the_monitor_port_gives_the_rest(nats_server):
    program, monitor = await nats_server()
    connector = make("nats", host="127.0.0.1", port=program.port, monitor_url=monitor)
    first = await connector.probe(a_look())
    writer = await speak(program.port, "PUB orders 2\r\nhi\r\n" * 100)
    second = await connector.probe(a_look())
    assert verdict(second) == ("up", "")
    assert "in_msgs_per_s" not in names(first)
    assert value(second, "in_msgs_per_s") > 10
    assert value(second, "connections") == 2
    assert abs(value(second, "clock_skew_s")) < 10
    assert 0 <= value(second, "uptime_s") < 60
    assert "js_streams" not in names(second)
    writer.close()
    await connector.aclose()


async def test_stopped_it_is_down_and_started_again_it_is_up(nats_server):
    program, _ = await nats_server()
    connector = make("nats", port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await program.stop()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")
    await nats_server(port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_full_server_is_degraded_seen_from_either_port(nats_server, tmp_path):
    file = config(tmp_path, "max_connections: 2")
    program, monitor = await nats_server("-c", file)
    holders = [await speak(program.port, "") for _ in range(2)]
    assert verdict(await look_at("nats", port=program.port)) == ("degraded", "full")
    report = await look_at("nats", monitor_url=monitor)
    assert verdict(report) == ("degraded", ERROR_CLASS)
    assert "connections_ratio is 1, above 0.9" in report.message
    for writer in holders:
        writer.close()


async def test_a_token_opens_and_its_lack_is_our_own_fault(nats_server):
    program, _ = await nats_server("--auth", "open-sesame")
    assert (await look_at("nats", port=program.port, token="open-sesame")).state is State.UP
    assert verdict(await look_at("nats", port=program.port)) == ("unknown", "auth")
    wrong = await look_at("nats", port=program.port, token="hunter2")
    assert verdict(wrong) == ("unknown", "auth")
    assert "hunter2" not in repr(wrong)


async def test_tls_is_begun_after_the_greeting(nats_server, authority):
    authority.server("127.0.0.1")
    pem = str(authority.folder / "127.0.0.1--1-90.pem")
    program, _ = await nats_server("--tls", "--tlscert", pem, "--tlskey", pem)
    ca_file = str(authority.ca_file)
    right = await look_at("nats", port=program.port, tls=True, ca_file=ca_file)
    assert verdict(right) == ("up", "")
    assert verdict(await look_at("nats", port=program.port, tls=True)) == ("down", "untrusted")
    assert verdict(await look_at("nats", port=program.port)) == ("unknown", "tls")


async def test_tls_that_is_not_offered_is_never_gone_without(nats_server):
    program, _ = await nats_server()
    report = await look_at("nats", port=program.port, tls=True, password="s3cret")
    assert (verdict(report), report.message.partition(": ")[2]) == (
        ("down", "tls"),
        "the server offers no TLS",
    )


async def test_a_frozen_server_times_out_and_thaws(nats_server):
    program, _ = await nats_server()
    connector = make("nats", port=program.port)
    await connector.probe(a_look())
    program.freeze()
    assert verdict(await connector.probe(a_look(timeout_s=0.3))) == ("down", "timeout")
    program.thaw()
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_in_lame_duck_mode_it_is_draining(nats_server, tmp_path):
    # It lets everyone stay for a while, tells them so, and takes nobody new.
    file = config(tmp_path, "lame_duck_duration: 30s\nlame_duck_grace_period: 20s")
    program, _ = await nats_server("-c", file)
    connector = make("nats", port=program.port)
    await connector.probe(a_look())
    program.process.send_signal(signal.SIGUSR2)
    async with asyncio.timeout(5):
        while (report := await connector.probe(a_look())).state is State.UP:
            pass
    assert verdict(report) == ("draining", "stopping")
    await connector.aclose()


async def test_jetstream_is_measured_and_missed_where_it_is_expected(nats_server, tmp_path):
    with_it, monitor = await nats_server("-js", "-sd", str(tmp_path / "js"))
    stream = json.dumps({"name": "ORDERS", "subjects": ["orders"], "storage": "memory"})
    consumer = json.dumps(
        {"stream_name": "ORDERS", "config": {"durable_name": "mail", "ack_policy": "explicit"}}
    )
    writer = await speak(
        with_it.port,
        f"PUB $JS.API.STREAM.CREATE.ORDERS {len(stream)}\r\n{stream}\r\n"
        f"PUB $JS.API.CONSUMER.DURABLE.CREATE.ORDERS.mail {len(consumer)}\r\n{consumer}\r\n"
        + "PUB orders 5\r\nhello\r\n"
        * 7,
    )
    settings = {"monitor_url": monitor, "jetstream": True, "consumers": True}
    async with asyncio.timeout(5):
        while not entities(report := await look_at("nats", **settings)):
            pass
    assert verdict(report) == ("up", "")
    assert value(report, "js_streams") == 1
    assert value(report, "js_memory_bytes") > 0
    assert entities(report) == {"consumer:$G/ORDERS/mail"}
    assert value(report, "pending", "consumer:$G/ORDERS/mail") == 7
    writer.close()
    _, without = await nats_server()
    assert verdict(await look_at("nats", monitor_url=without, jetstream=True)) == (
        "degraded",
        "unhealthy",
    )


async def test_a_server_that_calls_itself_ill_is_degraded_with_its_words():
    pages = {
        "/varz": Reply(body=b'{"version": "2.9.10", "connections": 1}'),
        "/jsz": Reply(body=b'{"disabled": true}'),
        "/healthz": Reply(503, b'{"status":"unavailable","error":"JetStream is not current"}'),
    }
    async with http_server(lambda asked: pages[asked.path]) as server:
        report = await look_at("nats", monitor_url=server.url)
    assert verdict(report) == ("degraded", "unhealthy")
    assert report.message == "JetStream is not current"
    assert value(report, "connections") == 1


async def test_an_old_server_without_healthz_is_not_ill():
    pages = {"/varz": Reply(body=b'{"version": "2.1.9"}')}
    async with http_server(lambda asked: pages.get(asked.path, Reply(404))) as server:
        assert (await look_at("nats", monitor_url=server.url)).state is State.UP


async def test_another_protocol_is_named_as_such():
    async with http_server(Reply(body=b"<html>")) as server:
        report = await look_at("nats", monitor_url=server.url)
        assert verdict(report) == ("down", "protocol")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("4s", 4), ("1m0s", 60), ("3h2m1s", 10_921), ("1d2h3m4s", 93_784), ("1y1d1h1m1s", 31_626_061)],
)
def test_uptime_is_a_text(text, seconds):
    assert uptime_s({"uptime": text}) == seconds


def test_uptime_by_the_servers_own_clock_needs_no_text():
    varz = {"start": "2026-11-22T03:07:44.860383374Z", "now": "2026-11-22T03:07:45.960383374Z"}
    assert uptime_s(varz) == 1.1
    assert uptime_s({"uptime": "soon"}) is None


def test_a_meta_group_without_a_leader_or_a_peer_is_degraded():
    def of(**meta):
        return fault_in(Monitored(at=now(), jsz={"meta_cluster": meta}), jetstream=True)

    assert of(leader="").error_class == "quorum_lost"
    peers = [{"name": "n2", "offline": True}, {"name": "n3"}]
    fault = of(leader="n1", replicas=peers)
    assert (fault.error_class, fault.message) == ("node_down", "JetStream peers offline: n2")
    assert of(leader="n1", replicas=peers[1:]) is None


def test_no_limit_makes_no_ratio():
    seen = Monitored(
        at=now(),
        varz={"connections": 3, "max_connections": -1},
        jsz={"memory": 9, "storage": 9, "config": {"max_memory": 0, "max_storage": -1}},
    )
    found = {m.name for m in measured(seen, Gains({}, 0.0))}
    assert not {name for name in found if name.endswith("_ratio")}
    assert {"connections", "js_memory_bytes"} <= found


async def test_it_tells_who_is_connected_and_its_streams(nats_server, tmp_path):
    program, monitor = await nats_server("-js", "-sd", str(tmp_path / "js"))
    create = json.dumps({"name": "ORDERS", "subjects": ["orders.*"], "storage": "file"})
    writer = await speak(
        program.port,
        f"PUB $JS.API.STREAM.CREATE.ORDERS reply {len(create)}\r\n{create}\r\n"
        "PUB orders.new 2\r\nhi\r\n",
    )
    [row] = await answer("nats", "connections", monitor_url=monitor)
    assert row["address"].startswith("127.0.0.1:")
    assert row["in_msgs"] == 2
    async with asyncio.timeout(10):
        while (
            not (rows := await answer("nats", "streams", monitor_url=monitor))
            or not rows[0]["messages"]
        ):
            pass
    assert (rows[0]["account"], rows[0]["stream"], rows[0]["messages"]) == ("$G", "ORDERS", 1)
    writer.close()
    with pytest.raises(Invalid, match="monitor port"):
        await answer("nats", "connections", port=program.port)


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"connections": 7}', b'{"connections": [1, {}]}'])
async def test_nonsense_for_an_answer_is_no_crash(body):
    async with http_server(lambda _: Reply(body=body)) as server:
        for row in await answer("nats", "connections", monitor_url=server.url):
            assert row["id"] is None
