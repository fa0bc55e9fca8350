"""JSON and counters nobody should send: every reader takes them, or says that they are none."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.looks import a_look, look_at, make
from tests.fakes.http_server import Reply

from vedette.agent.connectors import cockroachdb_json as readers
from vedette.agent.connectors.cockroachdb_commands import COMMANDS, rows_of
from vedette.agent.connectors.cockroachdb_vars import parse_vars
from vedette.agent.connectors.errors import Fault
from vedette.lab import cockroachdb as crdb

NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.sampled_from(["", "7", "-7", "7.5", "1e400", "NaN", "²", "٣", "0x7", "9" * 30, "1_000"]),
)
ODD = st.recursive(
    st.one_of(NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
READERS = (
    readers.read_nodes,
    readers.read_liveness,
    readers.read_jobs,
    readers.read_survey,
    readers.next_page,
)


def whole_documents():
    """Every document of a cluster, as its own doors make it."""
    cluster = crdb.cluster_of(2, critical=[1], at_risk={"unavailable": [73]})
    cluster.jobs = [{"id": "1", "status": "running", "created": "2026-11-21T10:00:00.1Z"}]
    return {
        "/_status/nodes": crdb.nodes_json(cluster),
        "/api/v2/nodes/": crdb.api_v2_nodes_json(cluster),
        "/_admin/v1/liveness": crdb.liveness_json(cluster),
        "/_admin/v1/jobs": {"jobs": cluster.jobs},
        "/_status/critical_nodes": crdb.critical_nodes_json(cluster),
        "/_status/hotranges": crdb.hot_ranges_json(cluster),
        "/api/v2/ranges/hot/": crdb.api_v2_hot_ranges_json(cluster),
        "/api/v2/sessions/": {"sessions": [{"node_id": 1, "active_queries": [{"sql": "SELECT"}]}]},
        "/api/v2/events/": {"events": [{"timestamp": "2026", "reporting_id": 1}]},
    }


def places(document):
    """Return the way to everything in a document."""
    found, todo = [], [((), document)]
    while todo:
        path, here = todo.pop()
        pairs = here.items() if isinstance(here, dict) else enumerate(here)
        for key, value in pairs:
            found.append((*path, key))
            if isinstance(value, dict | list):
                todo.append(((*path, key), value))
    return found


@st.composite
def spoilt(draw):
    """A document of the cluster in which a few things were replaced by odd ones."""
    documents = whole_documents()
    door = draw(st.sampled_from(sorted(documents)))
    document = documents[door]
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(document)))
        here = document
        for key in way:
            here = here[key]
        here[last] = draw(ODD)
    return door, json.dumps(document).encode()


@given(spoilt())
def test_a_spoilt_document_is_read_as_far_as_it_goes(found):
    _, body = found
    for read in READERS:
        try:
            read(body)
        except Fault as fault:
            assert fault.error_class == "protocol"


@given(spoilt())
def test_what_is_read_of_a_spoilt_document_is_numbers_one_can_add(found):
    _, body = found
    try:
        nodes, members = readers.read_nodes(body)
    except Fault:
        return
    for node in nodes:
        assert node.node_id.isascii()
        assert 0 < int(node.node_id) <= 10**15
        told = [*node.values.values(), *(v for s in node.stores.values() for v in s.values())]
        assert all(math.isfinite(value) for value in told)
        assert node.peer_rtt_s is None or node.peer_rtt_s > 0
    assert all(int(node_id) > 0 for node_id in members)


@given(spoilt())
async def test_every_command_answers_a_spoilt_document_or_says_why_not(found):
    spoilt_door, body = found
    documents = {door: json.dumps(it).encode() for door, it in whole_documents().items()}
    documents[spoilt_door] = body

    async def ask(path, _posted=b""):
        return documents[path.partition("?")[0]]

    for command in COMMANDS:
        params = {it.name: it.default for it in command.parameters}
        try:
            rows = await rows_of(command.name, ask, params)
        except Fault as fault:
            assert fault.error_class == "protocol"
            continue
        assert all(len(row) == len(command.columns) for row in rows)


@given(NUMBERS, NUMBERS)
def test_a_number_is_finite_or_none(number, other):
    body = json.dumps({"nodes": [{"node_id": number, "liveness_status": other}], "next": other})
    nodes, members = readers.read_nodes(body.encode())
    assert len(nodes) == len(members) <= 1
    assert 0 <= readers.next_page(body.encode()) < 10**15


@pytest.mark.parametrize(
    "said, meant",
    [
        ("64202351837184", 64202351837184.0),
        (14326.5, 14326.5),
        (-14326, -14326.0),
        (2**64 - 1, float(2**64 - 1)),
        (True, None),
        (None, None),
        ("", None),
        ("x", None),
        (math.inf, None),
        (10**400, None),
        ([7], None),
    ],
)
def test_numbers_of_both_dialects_are_read(said, meant):
    assert readers.number_of(said) == meant


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_vars(body):
    assert not parse_vars(body).is_cockroachdb


LINES = st.builds(
    "{}{{{}}} {}\n".format,
    st.sampled_from(
        ["node_id", "jobs", "sql_count", "ranges", "liveness_livenodes", "round_trip_latency_bucket",
         "schedules", "security_certificate_expiration", "build_timestamp", "queue_gc_pending"]
    ),
    st.lists(
        st.builds(
            '{}="{}"'.format,
            st.sampled_from(["node_id", "store", "le", "type", "name", "status", "tenant_id", "tag"]),
            st.one_of(st.text(max_size=6), st.integers().map(str), st.just("currently_running")),
        ),
        max_size=3,
    ).map(",".join),
    st.one_of(st.floats().map(repr), st.text(max_size=4), st.sampled_from(["+Inf", "NaN", "-0"])),
)  # fmt: skip


@given(st.lists(LINES, max_size=6))
def test_odd_counters_are_finite_and_belong_to_numbered_nodes_and_stores(lines):
    read = parse_vars("".join(lines).encode(errors="replace"))
    told = [*read.values.values(), *(v for s in read.stores.values() for v in s.values())]
    assert not any(math.isnan(value) for value in told)
    assert all(number.isdecimal() and number.isascii() for number in [*read.stores, "1"])
    assert read.node_id == "" or int(read.node_id) > 0
    assert not any(math.isnan(bound) for it in read.histograms.values() for bound in it)


async def test_a_cluster_of_odd_answers_is_still_a_report():
    for odd in (
        b'{"nodes": [{"desc": {"nodeId": "\\u00b2"}, "storeStatuses": 7}]}',
        b"[]",
        b"\xff",
    ):
        cluster = crdb.cluster_of(1, json=Reply(body=odd))
        async with crdb.serving(cluster):
            report = await look_at("cockroachdb", urls=cluster.urls)
        assert report.state.word == "up"


async def test_the_commands_of_the_newer_dialect_answer():
    sessions = [
        {"node_id": 1, "username": "shop", "application_name": "cart", "client_address": "10.0.0.7",
         "start": "2026-11-21T10:00:00Z", "active_queries": [{"sql": "SELECT 1"}]},
        {"node_id": 2, "username": "root", "active_queries": None},
    ]  # fmt: skip
    events = [
        {"timestamp": "2026-11-21T10:00:00Z", "event_type": "node_join", "reporting_id": 1},
        {"timestamp": "2026-11-21T11:00:00Z", "event_type": "create_database", "reporting_id": 2,
         "info": "{}"},
    ]  # fmt: skip
    cluster = crdb.cluster_of(
        3, sessions=sessions, events=events, at_risk={"overReplicated": [7], "unavailable": [9]}
    )
    cluster.doors["/_status/hotranges"] = Reply(404)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls, user="root", password="roach")

        async def rows(name, limit=10):
            return [row async for row in connector.ask(a_look(), name, {"limit": limit})]

        assert [(row[1], row[5], row[6]) for row in await rows("sessions")] == [
            ("shop", 1, "SELECT 1"), ("root", 0, None),
        ]  # fmt: skip
        assert [row[1] for row in await rows("events")] == ["create_database", "node_join"]
        assert await rows("ranges-at-risk") == [
            ("9", "unavailable", "1, 2", 3), ("7", "over-replicated", "1, 2", 3),
        ]  # fmt: skip
        assert await rows("hot-ranges", limit=2) == [("73", 3, 3, 4.5, 3), ("72", 2, 2, 3.0, 2)]
