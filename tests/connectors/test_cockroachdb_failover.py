"""A CockroachDB behind TLS and a login, with doors that hang: what is asked of whom, and for how long."""

import asyncio
import ssl

import pytest
from tests.connectors.looks import Allowing, a_look, look_at, make, names, value, verdict
from tests.fakes.http_server import Reply

from vedette.agent.connectors.cockroachdb_told import first_of
from vedette.agent.connectors.errors import Fault
from vedette.health.model import State
from vedette.lab import cockroachdb as crdb

SHARED = ("/_status/nodes", "/_admin/v1/liveness", "/_admin/v1/jobs", "/_status/critical_nodes")
FACTS = ("nodes", "liveness", "jobs", "critical_nodes")
MEASURED_BY = ("memory_ratio", "nodes_dead", "jobs_pending", "critical_nodes")
LOGIN = {"user": "roacher", "password": "roach"}


@pytest.mark.parametrize("silent", range(len(SHARED)))
async def test_one_question_that_hangs_costs_only_its_own_answer(silent):
    cluster = crdb.cluster_of(2, doors={SHARED[silent]: crdb.HANG})
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls, status_timeout="500ms")
    assert verdict(report) == ("up", "")
    assert {key for key in report.facts if key.startswith("no ")} == {f"no {FACTS[silent]}"}
    missing = set(MEASURED_BY) - names(report)
    # Liveness stands in the answer on nodes as well.
    assert missing == ({MEASURED_BY[silent]} if silent != 1 else set())


async def test_a_node_that_says_nothing_of_the_others_is_passed_over():
    cluster = crdb.cluster_of(3)
    cluster.nodes[0].doors = dict.fromkeys(SHARED, crdb.HANG)
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls)
    assert verdict(report) == ("up", "")
    assert set(MEASURED_BY) <= names(report)


async def test_a_node_that_fails_is_passed_over_at_once_login_included():
    cluster = crdb.cluster_of(3, secure=True)
    failing = dict.fromkeys((*SHARED, "/api/v2/login/"), Reply(500))
    cluster.nodes[0].doors = cluster.nodes[1].doors = failing
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls, **LOGIN)
    assert not {key for key in report.facts if key.startswith("no ")}
    assert set(MEASURED_BY) <= names(report)


async def test_urls_that_are_gone_are_passed_over():
    cluster = crdb.cluster_of(3)
    cluster.nodes[0].offline = cluster.nodes[1].offline = True
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls)
        rows = await _answer(cluster.urls, "nodes")
    assert value(report, "memory_ratio", "node:3") > 0
    assert [row[0] for row in rows] == [1, 2, 3]


async def test_a_command_goes_on_to_the_next_node_when_the_first_hangs():
    cluster = crdb.cluster_of(2)
    cluster.nodes[0].doors = dict.fromkeys(SHARED, crdb.HANG)
    async with crdb.serving(cluster):
        assert len(await _answer(cluster.urls, "nodes")) == 2


async def test_a_session_that_is_over_is_renewed_within_the_look():
    cluster = crdb.cluster_of(1, secure=True)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls, **LOGIN)
        await connector.probe(a_look())
        cluster.session = "after-a-week=="
        report = await connector.probe(a_look())
    assert not {key for key in report.facts if key.startswith("no ")}
    assert _logins(cluster) == 2


async def test_a_user_who_may_not_see_something_does_not_sign_in_again_and_again():
    cluster = crdb.cluster_of(1, secure=True, doors={"/_admin/v1/jobs": Reply(403)})
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls, **LOGIN)
        reports = [await connector.probe(a_look()) for _ in range(3)]
    assert _logins(cluster) == 1
    assert all(report.facts["no jobs"].startswith("auth") for report in reports)
    assert all(value(report, "critical_nodes") == 0 for report in reports)


@pytest.mark.parametrize("session", ["two\r\nlines", "ünïcode", "", 7, None, ["a"]])
async def test_a_session_that_is_none_is_a_refusal_and_breaks_nothing(session):
    cluster = crdb.cluster_of(1, secure=True)
    cluster.doors["/api/v2/login/"] = crdb.as_json({"session": session})
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls, **LOGIN)
    assert report.state is State.UP
    assert "no nodes" in report.facts


def _asking_for_certificates(authority) -> ssl.SSLContext:
    context = authority.server("roach.example")
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_secure_cluster_is_seen_whole_by_certificate_and_login(authority):
    cluster = crdb.cluster_of(2, secure=True)
    authority.server("watcher.example")
    shown = authority.folder / "watcher.example--1-90.pem"
    here = Allowing(**{"roach.example": "127.0.0.1"})
    async with crdb.serving(cluster, tls=_asking_for_certificates(authority)):
        urls = [url.replace("127.0.0.1", "roach.example") for url in cluster.urls]
        way = {"urls": urls, "ca_file": str(authority.ca_file), **LOGIN}
        report = await look_at("cockroachdb", reach=here, client_cert=str(shown), **way)
        stranger = await look_at("cockroachdb", reach=here, **way)
    assert verdict(report) == ("up", "")
    assert not {key for key in report.facts if key.startswith("no ")}
    assert value(report, "memory_ratio") > 0
    assert stranger.state is State.DOWN
    assert stranger.error_class in ("tls", "closed")


async def test_whoever_answers_first_is_heard_and_the_others_are_let_go():
    ended = []

    async def silent():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("silent")

    async def failing():
        raise Fault("refused", "gone")

    async def answering():
        return "well"

    assert await first_of([silent, failing, answering], 0.01) == "well"
    assert ended == ["silent"]


async def test_a_refusal_is_final_and_of_faults_the_first_is_told():
    async def refused():
        raise Fault("auth", "no")

    async def failing():
        raise Fault("refused", "gone")

    async def never():
        raise AssertionError("every node would refuse alike")

    with pytest.raises(Fault, match="no"):
        await first_of([refused, never], 1)
    with pytest.raises(Fault, match="gone"):
        await first_of([failing, silent_timeout], 1)
    with pytest.raises(Fault, match="no node"):
        await first_of([], 1)


async def silent_timeout():
    raise TimeoutError


async def _answer(urls, name):
    connector = make("cockroachdb", urls=urls)
    return [row async for row in connector.ask(a_look(), name, {})]


def _logins(cluster) -> int:
    return sum(
        asked.path == "/api/v2/login/" for node in cluster.nodes for asked in node.http.asked
    )
