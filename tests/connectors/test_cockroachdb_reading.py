"""Bodies CockroachDB sends, and bodies nobody should."""

import math

import pytest

from vedette.agent.connectors.cockroachdb_json import (
    Liveness,
    Membership,
    read_jobs,
    read_liveness,
    read_nodes,
)
from vedette.agent.connectors.cockroachdb_vars import parse_vars
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.histograms import gained, quantile
from vedette.lab import cockroachdb as crdb


def test_both_dialects_say_the_same_of_a_node():
    cluster = crdb.cluster_of(1)
    (old,), members = read_nodes(crdb.as_json(crdb.nodes_json(cluster)).body)
    (new,), also = read_nodes(crdb.as_json(crdb.api_v2_nodes_json(cluster)).body)
    assert members == also
    for name in ("node_id", "host", "version", "locality", "memory_bytes"):
        assert getattr(old, name) == getattr(new, name)
    assert old.memory_bytes == 34359738368
    assert old.values["sys_rss"] == new.values["sys_rss"] == 314691584.5
    assert old.stores["1"]["capacity"] == 64202351837184


def test_liveness_is_the_authority_on_membership():
    body = b"""{"livenesses": [{"nodeId": 4, "membership": 1, "draining": true}, {"nodeId": 5}],
        "statuses": {"4": 1, "5": "NODE_STATUS_LIVE", "6": 99}}"""
    members = read_liveness(body)
    assert members["4"].liveness is Liveness.DEAD
    assert members["4"].membership is Membership.DECOMMISSIONING
    assert members["4"].draining
    assert members["5"].liveness is Liveness.LIVE
    assert members["6"].liveness is Liveness.UNKNOWN


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"nodes": 5}', b'{"nodes": {}}', b"[" * 100_000]
)
def test_a_document_of_another_shape_is_a_protocol_fault(body):
    for read in (read_nodes, read_liveness, read_jobs):
        with pytest.raises(Fault) as caught:
            read(body)
        assert caught.value.error_class == "protocol"


@pytest.mark.parametrize(
    "item",
    [
        b"5",
        b"null",
        b"{}",
        b'{"desc": null}',
        b'{"desc": {"nodeId": 1, "address": 7, "locality": []}}',
        b'{"desc": {"nodeId": 1}, "storeStatuses": [null, {"desc": {"storeId": 1}}], "metrics": 3}',
        b'{"desc": {"nodeId": 1}, "metrics": {"a": "x", "b": true, "c": 1e999, "d": null}}',
    ],
)
def test_odd_nodes_are_read_as_far_as_they_go(item):
    nodes, _ = read_nodes(b'{"nodes": [' + item + b"]}")
    assert all(math.isfinite(value) for node in nodes for value in node.values.values())


def test_vars_are_read_with_old_and_new_labels():
    read = parse_vars(
        b"# HELP ranges Ranges\n# TYPE ranges gauge\n"
        b'ranges{store="1"} 7.0\n'
        b'ranges{node_id="3",store="2",tenant="system"} 6.4202351837184e+13\n'
        b'ranges_unavailable_of_others{store="1"} 5\n'
        b"sql_restart_savepoint_count_internal 0.0\n"
        b"clock_offset_meannanos -14326.5\n"
        b"sys_rss NaN\n"
        b"sql_conns oops\n"
        b'queue_gc_pending{store="1"} 2.0 1763712224000\n'
    )
    assert read.is_cockroachdb
    assert read.node_id == "3"
    assert read.stores == {
        "1": {"ranges": 7.0, "queue_gc_pending": 2.0},
        "2": {"ranges": 6.4202351837184e13},
    }
    assert read.values["clock_offset_meannanos"] == -14326.5
    assert "sys_rss" not in read.values
    assert "sql_conns" not in read.values


def test_a_cut_number_is_not_read():
    read = parse_vars(b"sql_restart_savepoint_count_internal 0.0\nsql_conns 3")
    assert not read.whole
    assert "sql_conns" not in read.values


def test_other_expositions_are_not_cockroachdbs():
    assert not parse_vars(b"up 1\n").is_cockroachdb
    assert not parse_vars(b"").is_cockroachdb
    assert not parse_vars(b"sys_rss 5\ncapacity 7\n").is_cockroachdb


def test_a_quantile_is_interpolated_within_its_bucket():
    buckets = {1.0: 50.0, 2.0: 100.0, math.inf: 100.0}
    assert quantile(buckets, 0.5) == 1.0
    assert quantile(buckets, 0.75) == 1.5
    assert quantile({1.0: 0.0, math.inf: 10.0}, 0.99) == 1.0
    assert quantile({}, 0.99) is None
    assert quantile({1.0: 0.0, math.inf: 0.0}, 0.99) is None


def test_a_histogram_that_fell_was_restarted():
    assert gained({1.0: 50.0, 2.0: 60.0}, {1.0: 70.0, 2.0: 90.0}) == {1.0: 20.0, 2.0: 30.0}
    assert gained({1.0: 50.0}, {1.0: 3.0}) == {1.0: 3.0}


def test_a_job_without_a_time_is_counted_and_not_timed():
    jobs = read_jobs(b'{"jobs": [{"status": "running", "created": null}, {"status": "failed"}]}')
    assert (jobs.pending, jobs.oldest) == (1, None)
