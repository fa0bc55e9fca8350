"""etcd as it is: real members, stopped, out of space, locked; versions of which none is here."""

import asyncio
import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.looks import a_look, free_port, look_at, make, names, value, verdict
from tests.connectors.servers import starter
from tests.connectors.test_connector_commands import answer
from tests.fakes.http_server import Asked, Reply, http_server

from vedette.agent.connectors.families import buckets, first, read_families, summed
from vedette.errors import Invalid
from vedette.health.model import State

CALM = {"thresholds": {"wal_fsync_p99_s": None, "commit_p99_s": None}}
"""The disk of a busy machine is not what these tests are about."""


@pytest.fixture
async def etcd_server(tmp_path):
    """Start throw-away members: `program, url = await etcd_server("--quota-backend-bytes=…")`."""
    async with starter() as begin:

        async def start(*options: str, port: int | None = None, peer: int = 0, cluster: str = ""):
            port, peer = port or free_port(), peer or free_port()
            url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
            command = [
                "etcd", "--data-dir", tmp_path / str(port), "--name", f"on-{peer}",
                "--listen-client-urls", url, "--advertise-client-urls", url,
                "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
                "--initial-cluster", cluster or f"on-{peer}={peer_url}", *options,
            ]  # fmt: skip
            return await begin(command, port, log=tmp_path / "etcd.log"), url

        yield start


async def serving(url: str, **settings):
    """Wait until the member serves; return a report."""
    async with asyncio.timeout(20):
        while (report := await look_at("etcd", url=url, **CALM, **settings)).state is State.DOWN:
            pass
    return report


async def post(url: str, path: str, **fields: str) -> None:
    """Ask the gateway as `etcdctl` would; keys and values go in base64."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(fields).encode()
    head = (
        f"POST /v3/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body)
    await reader.read()
    writer.close()


async def test_a_member_is_up_and_measured_whole(etcd_server):
    _, url = await etcd_server()
    await serving(url)
    connector = make("etcd", url=url, **CALM)
    first_look = await connector.probe(a_look())
    for n in range(20):
        await post(url, "kv/put", key=_b64(f"k{n}"), value=_b64("v"))
    second = await connector.probe(a_look())
    assert verdict(second) == ("up", "")
    assert second.facts["version"].startswith("etcd 3.")
    assert second.facts["role"] == "leader"
    assert value(second, "has_leader") == 1
    assert value(second, "raft_lag") == 0
    assert value(second, "alarms") == 0
    assert value(second, "db_bytes") > 1000
    assert value(second, "proposals_per_s") > 1
    assert value(second, "wal_fsync_p99_s") > 0
    assert "proposals_per_s" not in names(first_look)


async def test_stopped_it_is_down_and_started_again_it_is_up(etcd_server):
    program, url = await etcd_server()
    assert (await serving(url)).state is State.UP
    await program.stop()
    assert verdict(await look_at("etcd", url=url)) == ("down", "refused")
    await etcd_server(port=program.port)
    assert (await serving(url)).state is State.UP


async def test_out_of_space_it_is_degraded_with_the_alarm_as_the_reason(etcd_server):
    _, url = await etcd_server("--quota-backend-bytes=65536")
    await serving(url)
    big = _b64("x" * 9000)
    async with asyncio.timeout(20):
        report = await look_at("etcd", url=url, **CALM)
        while "NOSPACE" not in report.message:
            await post(url, "kv/put", key=_b64("big"), value=big)
            report = await look_at("etcd", url=url, **CALM)
    assert verdict(report) == ("degraded", "storage")
    assert value(report, "alarms") == 1
    assert value(report, "quota_ratio") > 0.8


async def test_one_of_two_members_has_lost_its_quorum_and_says_so(etcd_server):
    peers = free_port(), free_port()
    cluster = ",".join(f"on-{peer}=http://127.0.0.1:{peer}" for peer in peers)
    (_, url), (other, _) = await asyncio.gather(
        *(etcd_server(peer=peer, cluster=cluster) for peer in peers)
    )
    assert (await serving(url)).state is State.UP
    await other.stop()
    async with asyncio.timeout(10):
        while (report := await look_at("etcd", url=url, timeout_s=1.0)).state is State.UP:
            pass
        while report.error_class != "quorum_lost":
            report = await look_at("etcd", url=url, timeout_s=1.0)
    assert report.state is State.DOWN
    assert value(report, "has_leader") == 0


async def test_a_frozen_member_times_out_and_thaws(etcd_server):
    program, url = await etcd_server()
    await serving(url)
    program.freeze()
    assert verdict(await look_at("etcd", url=url, timeout_s=0.4)) == ("down", "timeout")
    program.thaw()
    assert (await serving(url)).state is State.UP


async def test_where_authentication_is_on_a_token_is_asked_for(etcd_server):
    _, url = await etcd_server()
    await serving(url)
    await post(url, "auth/user/add", name="root", password="open-sesame")
    await post(url, "auth/role/add", name="root")
    await post(url, "auth/user/grant", user="root", role="root")
    await post(url, "auth/enable")
    report = await serving(url, user="root", password="open-sesame")
    assert (verdict(report), value(report, "alarms")) == (("up", ""), 0)
    wrong = await look_at("etcd", url=url, user="root", password="hunter2")
    assert verdict(wrong) == ("unknown", "auth")
    assert "hunter2" not in repr(wrong)


async def test_a_client_certificate_is_shown(etcd_server, authority):
    authority.server("127.0.0.1")
    pem = str(authority.folder / "127.0.0.1--1-90.pem")
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    await etcd_server(
        f"--cert-file={pem}", f"--key-file={pem}", "--client-cert-auth",
        f"--trusted-ca-file={authority.ca_file}",
        f"--listen-client-urls={url}", f"--advertise-client-urls={url}", port=port,
    )  # fmt: skip
    trust = {"ca_file": str(authority.ca_file)}
    assert (await serving(url, client_cert=pem, **trust)).state is State.UP
    assert (await look_at("etcd", url=url, **trust)).state is State.DOWN


def member(**pages: Reply | dict):
    """A fake member: question → what it answers; what is not given is well."""
    well = {
        "/health": {"health": "true"},
        "/maintenance/status": {"version": "3.4.23", "leader": "7", "raftIndex": "10"},
        "/maintenance/alarm": {},
        "/metrics": Reply(body=b"etcd_server_has_leader 1\n"),
    }
    well |= {"/" + name.replace("_", "/"): answer for name, answer in pages.items()}

    def answer(asked: Asked) -> Reply:
        found = well.get(asked.path.replace("/v3", "", 1), Reply(404))
        return found if isinstance(found, Reply) else Reply(body=json.dumps(found).encode())

    return http_server(answer)


@pytest.mark.parametrize(
    ("pages", "seen"),
    [
        ({}, ("up", "")),
        ({"health": {"health": True}}, ("up", "")),
        ({"health": Reply(503, b'{"health":"false"}')}, ("down", "unhealthy")),
        ({"health": Reply(503, b'{"health":"false","reason":"ALARM NOSPACE"}')}, ("degraded", "storage")),
        ({"maintenance_alarm": {"alarms": [{"memberID": "7", "alarm": "CORRUPT"}]}}, ("down", "storage")),
        ({"maintenance_status": {"version": "3.5.9", "raftIndex": "10"}}, ("down", "quorum_lost")),
        ({"metrics": Reply(body=b"etcd_server_has_leader 0\n")}, ("down", "quorum_lost")),
        ({"maintenance_status": {"leader": "7", "isLearner": True}}, ("initialising", "starting")),
        ({"health": Reply(body=b"<html>")}, ("down", "protocol")),
        ({"metrics": Reply(404)}, ("up", "")),
        ({"maintenance_alarm": Reply(403, b'{"error":"permission denied"}')}, ("up", "")),
    ],
)  # fmt: skip
async def test_what_members_say_and_what_it_means(pages, seen):
    async with member(**pages) as server:
        assert verdict(await look_at("etcd", url=server.url)) == seen


async def test_what_hangs_without_a_quorum_does_not_hide_why():
    hanging = {"health": Reply(hang=True), "maintenance_alarm": Reply(hang=True)}
    lost = Reply(body=b"etcd_server_has_leader 0\n")
    async with member(metrics=lost, **hanging) as server:
        report = await look_at("etcd", url=server.url, timeout_s=0.5)
    assert verdict(report) == ("down", "quorum_lost")
    assert report.facts["no health"].startswith("timeout")


async def test_3_3_has_its_gateway_elsewhere():
    def answer(asked: Asked) -> Reply:
        pages = {
            "/health": b'{"health":"true"}',
            "/v3beta/maintenance/status": b'{"version":"3.3.27","leader":"7","dbSize":"20480"}',
            "/v3beta/maintenance/alarm": b"{}",
            "/metrics": b"etcd_debugging_mvcc_db_total_size_in_bytes 20480\n",
        }
        return Reply(body=pages[asked.path]) if asked.path in pages else Reply(404)

    async with http_server(answer) as server:
        report = await look_at("etcd", url=server.url)
    assert (verdict(report), value(report, "db_bytes")) == (("up", ""), 20_480)


async def test_int64_come_as_texts():
    status = {
        "leader": "7",
        "raftIndex": "1500",
        "raftAppliedIndex": "1400",
        "dbSize": "1073741824",
    }
    async with member(maintenance_status=status) as server:
        report = await look_at("etcd", url=server.url)
    assert value(report, "raft_lag") == 100
    assert value(report, "quota_ratio") == 0.5


def test_a_few_families_are_read_out_of_many():
    body = (
        b"# HELP a thing\na 1\nab 2\nb{x=\"1\",y=\"}\"} 2.5\nb{x=\"2\"} 1e1 1700000000000\n"
        b'h_bucket{le="1"} 3\nh_bucket{le="+Inf"} 4\nc NaN\nd +Inf\ne 7'
    )  # fmt: skip
    found = read_families(body, ("a", "b", "c", "d", "e", "h_bucket"))
    assert first(found, "a") == 1
    assert [s.labels["x"] for s in found["b"]] == ["1", "2"]
    assert summed(found, "b") == 12.5
    assert buckets(found, "h") == {1.0: 3.0, math.inf: 4.0}
    assert first(found, "d") is None
    assert not {"c", "e", "ab"} & set(found)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_it_tells_its_members_and_alarms(etcd_server):
    _, url = await etcd_server("--quota-backend-bytes=262144")
    await serving(url)
    [member] = await answer("etcd", "members", url=url)
    assert member["is_leader"] is True
    assert member["is_learner"] is False
    assert member["client_urls"] == url
    assert await answer("etcd", "alarms", url=url) == []
    blob = base64.b64encode(b"x" * 100_000).decode()
    async with asyncio.timeout(20):
        while not (alarms := await answer("etcd", "alarms", url=url)):
            await post(url, "kv/put", key=base64.b64encode(b"k").decode(), value=blob)
    assert (alarms[0]["member"], alarms[0]["alarm"]) == (member["id"], "NOSPACE")


def test_a_bucket_whose_bound_is_no_number_is_left_out():
    text = b'x_bucket{le="soon"} 3\nx_bucket{le="0.1"} 1\nx_bucket{le="NaN"} 2\nx_bucket 9\n'
    assert buckets(read_families(text, ("x_bucket",)), "x") == {0.1: 1.0}


@given(bounds=st.lists(st.text(max_size=8), max_size=5), counts=st.lists(st.floats(), max_size=5))
def test_whatever_bounds_come_buckets_are_numbers(bounds, counts):
    lines = [
        f'x_bucket{{le="{bound}"}} {count}' for bound, count in zip(bounds, counts, strict=False)
    ]
    found = buckets(read_families("\n".join([*lines, ""]).encode(), ("x_bucket",)), "x")
    assert not any(math.isnan(bound) for bound in found)


@pytest.mark.parametrize("setting", ["url", "metrics_url"])
async def test_no_address_makes_of_our_questions_others_of_its_own(setting):
    """What follows a `?` would take our paths for its query, and be posted to."""
    async with http_server(lambda _: Reply(200, b"{}")) as server:
        settings = {"url": server.url} | {setting: f"{server.url}/v1/agent/leave?x="}
        with pytest.raises(Invalid, match="no query may follow"):
            await look_at("etcd", **settings)
    assert not [each for each in server.asked if "agent/leave" in each.path]
