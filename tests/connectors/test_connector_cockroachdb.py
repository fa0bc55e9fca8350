"""Every state of a CockroachDB cluster, over real HTTP."""

import asyncio

import pytest
from tests.connectors.looks import a_look, entities, look_at, make, names, value, verdict
from tests.fakes.http_server import Reply, http_server

from vedette.health.model import State
from vedette.lab import cockroachdb as crdb


async def watch(cluster, *, timeout_s=5.0, **settings):
    async with crdb.serving(cluster):
        return await look_at("cockroachdb", timeout_s=timeout_s, urls=cluster.urls, **settings)


def states(report):
    return {
        m.entity.removeprefix("node:"): State(int(m.value)).word
        for m in report.measurements
        if m.name == "state" and m.entity.startswith("node:")
    }


async def test_a_healthy_cluster_is_up_and_measured_whole():
    report = await watch(crdb.cluster_of(3))
    assert verdict(report) == ("up", "")
    assert states(report) == {"1": "up", "2": "up", "3": "up"}
    assert value(report, "nodes_up") == 3
    assert value(report, "ranges") == 21
    assert value(report, "pending_tasks") == 9
    assert value(report, "clock_offset_s") == pytest.approx(-14326e-9)
    assert value(report, "memory_ratio", "node:1") == pytest.approx(314691584 / 34359738368)
    assert value(report, "heartbeat_p99_s", "node:1") == pytest.approx(0.0081264635)
    assert value(report, "jobs_running") == 3
    assert report.rtt is not None
    assert report.facts["versions"] == "v24.1.5"


async def test_capacity_is_told_twice_of_the_disk_and_of_what_is_usable():
    report = await watch(crdb.cluster_of(1))
    available, capacity, used = 40402062147584, 64202351837184, 131897916
    assert value(report, "disk_ratio") == pytest.approx(1 - available / capacity)
    assert value(report, "usable_ratio") == pytest.approx(used / (used + available))


async def test_a_dead_node_degrades_a_cluster_with_quorum():
    cluster = crdb.cluster_of(3)
    cluster.nodes[2] = crdb.Node(3, liveness=crdb.DEAD, offline=True)
    report = await watch(cluster)
    assert verdict(report) == ("degraded", "node_down")
    # Nobody ever saw which number stands behind the third URL; both views are shown.
    assert states(report)["3"] == "down"


async def test_a_silent_door_is_known_by_the_number_it_had():
    cluster = crdb.cluster_of(3)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls)
        await connector.probe(a_look())
        cluster.nodes[2].doors = dict.fromkeys(("/health", "/_status/vars"), crdb.HANG)
        cluster.nodes[2].liveness = crdb.UNAVAILABLE
        report = await connector.probe(a_look(timeout_s=1.0))
    assert verdict(report) == ("degraded", "node_down")
    assert states(report) == {"1": "up", "2": "up", "3": "down"}


async def test_a_draining_node_shows_as_draining():
    cluster = crdb.cluster_of(3)
    cluster.nodes[1] = crdb.Node(
        2, liveness=crdb.DRAINING, draining=True, reason=crdb.SHUTTING_DOWN
    )
    report = await watch(cluster)
    assert verdict(report) == ("draining", "stopping")
    assert states(report) == {"1": "up", "2": "draining", "3": "up"}


async def test_a_decommissioning_node_drains_and_a_decommissioned_one_is_gone():
    cluster = crdb.cluster_of(3)
    cluster.nodes[1].liveness, cluster.nodes[1].membership = crdb.DECOMMISSIONING, 1
    cluster.nodes.append(crdb.Node(4, liveness=crdb.DECOMMISSIONED, membership=2, offline=True))
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls[:3])
    assert verdict(report) == ("draining", "stopping")
    assert states(report) == {"1": "up", "2": "draining", "3": "up"}


async def test_a_node_dead_and_decommissioning_is_down():
    cluster = crdb.cluster_of(3)
    cluster.nodes[2].liveness, cluster.nodes[2].membership = crdb.DEAD, 1
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls[:2])
    assert verdict(report) == ("degraded", "node_down")
    assert states(report)["3"] == "down"


async def test_an_uninitialised_cluster_is_initialising():
    cluster = crdb.cluster_of(2, json=Reply(503, b"unavailable"))
    for node in cluster.nodes:
        node.reason = crdb.NOT_INITIALISED
        node.doors["/_status/vars"] = Reply(503)
    report = await watch(cluster)
    assert verdict(report) == ("initialising", "starting")


@pytest.mark.parametrize(
    "reason, seen",
    [
        ("liveness record not found", ("initialising", "starting")),
        ("node is not accepting SQL clients", ("degraded", "unhealthy")),
        ("node is having a day off", ("degraded", "unhealthy")),
    ],
)
async def test_what_a_node_says_of_itself_goes_before_what_others_say(reason, seen):
    cluster = crdb.cluster_of(3)
    cluster.nodes[0].reason = reason
    assert verdict(await watch(cluster)) == seen


async def test_lost_quorum_is_down_though_vars_and_health_answer():
    cluster = crdb.cluster_of(3, json=crdb.HANG)
    cluster.nodes[1].offline = cluster.nodes[2].offline = True
    cluster.nodes[0].reason = crdb.NOT_HEALTHY
    cluster.nodes[0].values = {"liveness_livenodes": 0.0, "ranges_unavailable": 7.0}
    report = await watch(cluster, timeout_s=1.0)
    assert verdict(report) == ("down", "quorum_lost")
    assert value(report, "ranges_unavailable") == 7


async def test_lost_quorum_is_seen_with_every_process_alive():
    cluster = crdb.cluster_of(3, json=crdb.HANG)
    for node in cluster.nodes:
        node.values = {"liveness_livenodes": 0.0}
    assert verdict(await watch(cluster, timeout_s=1.0)) == ("down", "quorum_lost")


async def test_a_cluster_that_only_hangs_is_degraded_not_down():
    report = await watch(crdb.cluster_of(3, json=crdb.HANG), timeout_s=1.0)
    assert verdict(report) == ("degraded", "timeout")
    assert states(report) == {"1": "up", "2": "up", "3": "up"}


async def test_a_majority_of_dead_nodes_is_lost_quorum():
    cluster = crdb.cluster_of(3)
    cluster.nodes[1].liveness = cluster.nodes[2].liveness = crdb.DEAD
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", url=cluster.urls[0])
    assert verdict(report) == ("down", "quorum_lost")


async def test_stores_are_summed_and_shown_apart():
    cluster = crdb.cluster_of(1)
    cluster.nodes[0].stores = (1, 2)
    report = await watch(cluster)
    assert value(report, "replicas") == 68
    assert entities(report) == {"node:1", "store:1", "store:2"}
    assert value(report, "replicas", "store:2") == 34


async def test_a_node_without_store_is_up():
    cluster = crdb.cluster_of(2)
    cluster.nodes[1].stores = ()
    cluster.nodes[1].doors["/_status/vars"] = Reply(
        body=crdb.vars_text(cluster.nodes[1]).replace(b'store="', b'shop="')
    )
    report = await watch(cluster)
    assert report.state is State.UP
    assert "store:2" not in entities(report)


async def test_a_secure_cluster_without_login_is_judged_by_its_open_doors():
    report = await watch(crdb.cluster_of(3, secure=True))
    assert verdict(report) == ("up", "")
    assert value(report, "ranges") == 21
    assert report.facts["versions"] == "v24.1.5"
    assert report.facts["no nodes"].startswith("auth")


async def test_a_login_opens_the_closed_doors():
    cluster = crdb.cluster_of(3, secure=True)
    report = await watch(cluster, user="roacher", password="roach")
    assert report.state is State.UP
    assert report.facts["locality of node 1"] == "region=eu-1"


async def test_a_refused_login_is_said_without_calling_the_cluster_down():
    cluster = crdb.cluster_of(1, secure=True)
    report = await watch(cluster, user="roacher", password="hunter2")
    assert report.state is State.UP
    assert report.facts["no login"].startswith("auth")
    assert "hunter2" not in repr(report)


async def test_the_login_is_renewed_when_the_session_is_over():
    cluster = crdb.cluster_of(1, secure=True)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls, user="roacher", password="roach")
        connector._session = "worn-out"
        assert "no nodes" not in (await connector.probe(a_look())).facts


async def test_the_newer_dialect_is_read_when_the_older_is_closed():
    cluster = crdb.cluster_of(3, doors={"/_status/nodes": Reply(404)})
    cluster.nodes[2].liveness = crdb.DEAD
    cluster.doors["/_admin/v1/liveness"] = Reply(404)
    async with crdb.serving(cluster):
        report = await look_at("cockroachdb", urls=cluster.urls[:2])
    assert states(report) == {"1": "up", "2": "up", "3": "down"}
    assert report.facts["versions"] == "v24.1.5"


async def test_a_body_cut_mid_line_is_used_up_to_its_last_whole_line():
    cluster = crdb.cluster_of(1)
    body = crdb.vars_text(cluster.nodes[0])
    cut = body[: body.index(b"sql_conns{") + 24]
    cluster.nodes[0].doors["/_status/vars"] = Reply(body=cut)
    report = await watch(cluster)
    assert report.state is State.UP
    assert "connections" not in names(report)
    assert "cut off" in " ".join(report.facts.values())


async def test_a_connection_cut_mid_body_leaves_the_cluster_up():
    cluster = crdb.cluster_of(1)
    body = crdb.vars_text(cluster.nodes[0])
    cluster.nodes[0].doors["/_status/vars"] = Reply(body=body, cut=500)
    report = await watch(cluster)
    assert report.state is State.UP
    assert any(text.startswith("closed") for text in report.facts.values())


async def test_a_cut_json_is_no_enrichment_and_no_harm():
    body = crdb.as_json(crdb.nodes_json(crdb.cluster_of(3))).body
    cluster = crdb.cluster_of(1, json=Reply(body=body[: len(body) // 2]))
    assert verdict(await watch(cluster)) == ("up", "")


async def test_nodes_without_vars_still_give_their_nodes():
    cluster = crdb.cluster_of(1)
    cluster.nodes[0].doors["/_status/vars"] = Reply(500)
    report = await watch(cluster)
    assert report.state is State.UP
    assert value(report, "replicas", "store:1") == 34
    assert value(report, "clock_offset_s", "node:1") == pytest.approx(-14326e-9)


async def test_what_is_not_cockroachdb_is_said_so():
    async with http_server(Reply(body=b"# TYPE up gauge\nup 1\n")) as other:
        report = await look_at("cockroachdb", url=other.url)
    assert verdict(report) == ("down", "protocol")


async def test_server_errors_everywhere_are_down():
    async with http_server(Reply(500, b"oh no")) as other:
        report = await look_at("cockroachdb", url=other.url)
    assert verdict(report) == ("down", "bad_status")


async def test_slow_doors_are_a_timeout():
    cluster = crdb.cluster_of(2, json=crdb.HANG)
    for node in cluster.nodes:
        node.doors = dict.fromkeys(("/health", "/_status/vars"), crdb.HANG)
    report = await watch(cluster, timeout_s=0.5)
    assert verdict(report) == ("down", "timeout")
    assert value(report, "nodes_down") == 2


async def test_a_node_that_is_ready_and_slow_with_all_else_is_degraded():
    cluster = crdb.cluster_of(1, json=crdb.HANG)
    cluster.nodes[0].doors = {"/_status/vars": crdb.HANG}
    assert verdict(await watch(cluster, timeout_s=0.6)) == ("degraded", "timeout")


async def test_a_fractional_count_and_a_large_negative_offset_are_numbers():
    cluster = crdb.cluster_of(1)
    cluster.nodes[0].clock_offset_ns = -412_000_000.5
    cluster.nodes[0].values = {"sys_rss": 14326.5, "ranges": 7.25}
    report = await watch(cluster)
    assert verdict(report) == ("degraded", "threshold")
    assert value(report, "clock_offset_s", "node:1") == pytest.approx(-0.4120000005)
    assert value(report, "memory_bytes") == 14326.5
    assert value(report, "ranges") == 7.25


async def test_queries_per_second_come_from_two_looks_and_survive_a_restart():
    cluster = crdb.cluster_of(1)
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls)
        assert "queries_per_s" not in names(await connector.probe(a_look()))
        cluster.nodes[0].queries = 1500.0
        assert value(await connector.probe(a_look()), "queries_per_s") > 0
        cluster.nodes[0].queries = 3.0
        assert value(await connector.probe(a_look()), "queries_per_s") > 0
        assert value(await connector.probe(a_look()), "queries_per_s") == 0


async def test_the_heartbeat_quantile_is_of_what_came_between_two_looks():
    cluster = crdb.cluster_of(1, json=Reply(404))
    async with crdb.serving(cluster):
        connector = make("cockroachdb", urls=cluster.urls)
        await connector.probe(a_look())
        cluster.nodes[0].heartbeats = (90.0, 199.0, 200.0)
        report = await connector.probe(a_look())
    assert value(report, "heartbeat_p99_s") == pytest.approx(0.00991)


async def test_the_oldest_job_that_is_not_over_is_timed():
    jobs = [
        {"id": "1", "status": "succeeded", "created": "2020-01-01T00:00:00Z"},
        {"id": "2", "status": "running", "created": "2026-11-21T10:00:00.1Z"},
        {"id": "3", "status": "paused", "created": "2026-11-21T11:00:00Z"},
        {"id": "4", "status": "pending", "created": None},
    ]
    report = await watch(crdb.cluster_of(1, jobs=jobs))
    assert value(report, "jobs_pending") == 3
    assert value(report, "oldest_job_s") > 0


async def test_unavailable_ranges_degrade():
    cluster = crdb.cluster_of(3)
    cluster.nodes[0].values = {"ranges_unavailable": 2.0}
    report = await watch(cluster)
    assert verdict(report) == ("degraded", "threshold")
    assert "ranges_unavailable" in report.message


async def test_every_door_is_asked_at_once():
    cluster = crdb.cluster_of(3)
    for node in cluster.nodes:
        node.doors["/health"] = Reply(body=b"{}", delay_s=0.2)
    async with crdb.serving(cluster):
        begun = asyncio.get_running_loop().time()
        await look_at("cockroachdb", urls=cluster.urls)
        assert asyncio.get_running_loop().time() - begun < 0.6
