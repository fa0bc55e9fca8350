"""What a CockroachDB measures: every state of a node, both ways of telling, what is summed and what not."""

from datetime import timedelta

import pytest
from tests.connectors.looks import a_look, look_at, make, names, value, verdict
from tests.fakes.http_server import Reply

from vedette import clock
from vedette.agent.connectors.cockroachdb_catalogue import MEASURES
from vedette.agent.connectors.cockroachdb_vars import parse_vars
from vedette.health.model import State
from vedette.lab import cockroachdb as crdb

COUNTS = {
    "nodes": 7,
    "nodes_up": 2,
    "nodes_down": 2,
    "nodes_initialising": 1,
    "nodes_draining": 1,
    "nodes_decommissioning": 2,
    "nodes_decommissioned": 1,
    "nodes_unavailable": 1,
    "nodes_dead": 1,
}


async def looked_at(cluster, **settings):
    async with crdb.serving(cluster):
        return await look_at("cockroachdb", urls=cluster.urls, **settings)


async def looked_at_twice(cluster, between):
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls)
        await connector.probe(a_look())
        between()
        return await connector.probe(a_look())


async def test_nodes_are_counted_by_every_state_they_can_be_in():
    cluster = crdb.cluster_of(8)
    cluster.nodes[2] = crdb.Node(3, liveness=crdb.DRAINING, draining=True)
    cluster.nodes[3] = crdb.Node(4, liveness=crdb.DECOMMISSIONING, membership=1)
    cluster.nodes[4] = crdb.Node(5, liveness=crdb.STARTING)
    cluster.nodes[5] = crdb.Node(6, liveness=crdb.UNAVAILABLE)
    cluster.nodes[6] = crdb.Node(7, liveness=crdb.DEAD, membership=1)
    cluster.nodes[7] = crdb.Node(8, liveness=crdb.DECOMMISSIONED, membership=2)
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls[:2])
    assert {name: value(report, name) for name in COUNTS} == COUNTS


async def test_a_node_that_shuts_down_drains_though_nobody_knows_it_yet():
    cluster = crdb.cluster_of(3)
    cluster.nodes[0].reason = crdb.SHUTTING_DOWN
    report = await looked_at(cluster)
    assert (value(report, "nodes_draining"), value(report, "nodes_decommissioning")) == (1, 0)


async def test_what_only_the_cluster_knows_is_not_guessed():
    report = await looked_at(crdb.cluster_of(3, secure=True))
    assert value(report, "nodes_up") == 3
    assert names(report).isdisjoint(
        {"nodes_dead", "nodes_unavailable", "nodes_decommissioning", "critical_nodes"}
    )


async def test_everything_measured_is_described():
    cluster = crdb.cluster_of(2, critical=[1], jobs=[{"status": "running"}])
    report = await looked_at_twice(cluster, lambda: None)
    assert {m.name for m in report.measurements} <= {measure.name for measure in MEASURES}


async def test_metrics_serve_where_vars_do_not_and_say_the_same():
    reports = []
    for closed in ({}, {"/_status/vars": Reply(404)}):
        cluster = crdb.cluster_of(1, doors=closed, json=Reply(500))
        cluster.nodes[0].values = {"security_certificate_expiration_client_ca": 4e9}

        def busy(cluster=cluster):
            cluster.nodes[0].queries += 500
            cluster.nodes[0].heartbeats = (100.0, 200.0, 201.0)

        reports.append(await looked_at_twice(cluster, busy))
    old, new = reports
    assert names(old) == names(new)
    assert new.state is State.UP
    for name in ("jobs_running", "jobs_paused", "ranges", "peer_rtt_s", "heartbeat_p99_s"):
        assert value(new, name) == value(old, name)
    assert value(new, "selects_per_s") > 0 == value(new, "inserts_per_s")
    assert value(new, "certificate_days_left") > 0


async def test_a_version_without_either_door_still_gives_its_nodes():
    gone = {"/_status/vars": Reply(404), "/metrics": Reply(404)}
    report = await looked_at(crdb.cluster_of(2, doors=gone))
    assert verdict(report) == ("up", "")
    assert value(report, "replicas") == 68
    assert value(report, "kv_batches_per_s") == 1.6
    assert value(report, "peer_rtt_s", "node:1") == pytest.approx(677603e-9)


async def test_sql_queries_and_batches_of_the_kv_layer_are_told_apart():
    cluster = crdb.cluster_of(2)

    def busy():
        cluster.nodes[0].queries += 1_000_000

    report = await looked_at_twice(cluster, busy)
    assert value(report, "kv_batches_per_s") == 1.6
    assert value(report, "queries_per_s") > 1_000
    assert value(report, "queries_per_s", "node:2") == 0


async def test_the_round_trip_between_nodes_is_a_mean_over_connections_that_work():
    cluster = crdb.cluster_of(2)
    cluster.nodes[1].values = {
        "rpc_connection_avg_round_trip_latency": 9e6,
        "rpc_connection_healthy": 3.0,
        "rpc_connection_unhealthy": 1.0,
    }
    report = await looked_at(cluster)
    assert value(report, "peer_rtt_s", "node:1") == pytest.approx(677603e-9)
    assert value(report, "peer_rtt_s") == pytest.approx(0.003)
    assert value(report, "peers_unhealthy") == 1


async def test_every_queue_is_told_and_their_sum():
    cluster = crdb.cluster_of(2)
    cluster.nodes[0].stores = (1, 3)
    report = await looked_at(cluster)
    assert value(report, "pending_replicate") == 6
    assert value(report, "pending_gc", "node:1") == 2
    assert value(report, "pending_replicate", "store:3") == 2
    assert value(report, "pending_tasks") == 9


async def test_a_walk_over_all_ranges_finds_critical_nodes():
    at_risk = {"underReplicated": [71, 72], "violatingConstraints": [71], "unavailable": [73]}
    cluster = crdb.cluster_of(2, critical=[1, 2], at_risk=at_risk)
    report = await looked_at(cluster)
    assert value(report, "critical_nodes") == 2
    assert value(report, "ranges_misplaced") == 1
    # The leaseholders say so at every look, and go before the walk.
    assert value(report, "ranges_underreplicated") == 0


async def test_the_walk_tells_of_ranges_where_no_leaseholder_does():
    gone = {"/_status/vars": Reply(404), "/metrics": Reply(404)}
    cluster = crdb.cluster_of(1, at_risk={"unavailable": [73]}, doors=gone)
    report = await looked_at(cluster)
    assert value(report, "ranges_unavailable") == 1
    assert verdict(report) == ("degraded", "threshold")


async def test_the_walk_is_asked_for_now_and_then_and_remembered():
    cluster = crdb.cluster_of(1, critical=[1])
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls, survey_every="1h")
        reports = [await connector.probe(a_look()) for _ in range(3)]
        asked = [it.path for it in cluster.nodes[0].http.asked]
    assert [value(report, "critical_nodes") for report in reports] == [1, 1, 1]
    assert asked.count("/_status/critical_nodes") == 1
    assert asked.count("/_status/nodes") == 3


async def test_a_version_that_cannot_walk_says_so_at_every_look():
    cluster = crdb.cluster_of(1, old=True)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls)
        reports = [await connector.probe(a_look()) for _ in range(2)]
    assert all("404" in report.facts["no critical_nodes"] for report in reports)
    assert all(report.state is State.UP for report in reports)


async def test_an_upgrade_under_way_shows_as_two_versions():
    cluster = crdb.cluster_of(3)
    cluster.nodes[2].version = "v24.3.1"
    report = await looked_at(cluster)
    assert value(report, "versions") == 2
    assert report.facts["versions"] == "v24.1.5, v24.3.1"


async def test_nodes_that_disagree_on_who_is_live_show():
    cluster = crdb.cluster_of(3)
    cluster.nodes[1].values = {"liveness_livenodes": 1.0}
    assert value(await looked_at(cluster), "live_nodes_spread") == 2


async def test_the_first_certificate_to_expire_and_the_last_backup_count():
    now = clock.now()
    cluster = crdb.cluster_of(2)
    cluster.nodes[0].values = {
        "security_certificate_expiration_node": (now + timedelta(days=90)).timestamp(),
        "security_certificate_expiration_client_ca": (now + timedelta(days=30)).timestamp(),
        "schedules_BACKUP_last_completed_time": (now - timedelta(hours=2)).timestamp(),
    }
    report = await looked_at(cluster)
    assert value(report, "certificate_days_left") == pytest.approx(30, abs=0.1)
    assert value(report, "backup_age_s") == pytest.approx(7_200, abs=120)


async def test_every_page_of_the_newer_dialect_is_read():
    closed = {"/_status/nodes": Reply(404), "/_admin/v1/liveness": Reply(404)}
    cluster = crdb.cluster_of(5, page=2, doors=closed)
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", url=cluster.urls[0])
    assert value(report, "nodes") == 5


def test_the_virtual_clusters_of_a_node_are_summed_and_parts_are_not_counted_twice():
    read = parse_vars(
        b"liveness_livenodes 3\n"
        b'sql_insert_count{node_id="1",tenant="system"} 12\n'
        b'sql_insert_count{node_id="1",tenant="demoapp"} 15\n'
        b'sql_conns{node_id="1"} 7\n'
        b'sql_conns{node_id="1",application_name="shop"} 4\n'
        b'sql_conns{node_id="1",application_name="cron"} 3\n'
        b'rpc_connection_healthy{node_id="1",remote_node_id="2",class="system"} 1\n'
        b'rpc_connection_healthy{node_id="1",remote_node_id="3",class="system"} 1\n'
        b'intentcount{store="1",tenant_id="1"} 5\n'
        b'intentcount{store="1",tenant_id="2"} 6\n'
    )
    assert read.values["sql_insert_count"] == 27
    assert read.values["sql_conns"] == 7
    assert read.values["rpc_connection_healthy"] == 2  # only its parts stand there
    assert read.stores["1"]["intentcount"] == 11
