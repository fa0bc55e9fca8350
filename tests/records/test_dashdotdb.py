"""Dash.DB's protocol as its collectors speak it, and the eleven places where it went wrong."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dashdotdb_world import Collector, World, manifest, slo, vector, world_over
from prometheus_client.parser import text_string_to_metric_families

from vedette import clock
from vedette.records.dashdotdb_reads import keep_compat
from vedette.records.intake_upkeep import run_once

IMV, DVO, SLO = "imagemanifestvuln", "deploymentvalidation", "serviceslometrics"


@pytest.fixture
async def world(fresh_app_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_over(fresh_app_url, tmp_path) as found:
        yield found


@pytest.fixture
async def collector(world: World) -> Collector:
    return await world.collector()


async def shown(collector: Collector, cluster: str = "c1", namespace: str = "shop") -> list[Any]:
    answer = await collector.get(IMV, cluster=cluster, namespace=namespace)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()
    return found


async def samples(collector: Collector, path: str) -> dict[tuple[str, ...], float]:
    """Return what the reporter reads, by its parser: samples by their labels, in the order of the labels' names."""
    answer = await collector.get(f"{path}/metrics")
    # Strictly: with the charset twice Prometheus cannot read it, and refuses the scrape.
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_check_1_one_snapshot_is_counted_as_it_is(collector: Collector) -> None:
    names = [f"CVE-2020-{number}" for number in range(1000, 1048)]
    await collector.run(IMV, [(f"{IMV}/c1", manifest(*names, pods=12))])
    found = await shown(collector)
    assert len(found) == 48
    assert {row["affected_pods"] for row in found} == {12}
    assert found[0] == {
        "affected_pods": 12,
        "current_version": "1.0",
        "fixed_in_version": "1.1",
        "link": "https://access.example/CVE-2020-1000",
        "manifest": "sha256:45cacb3",
        "name": "centos:8",
        "package": "openssl",
        "repository": "quay.io/shop/orders",
        "severity": "High",
        "vulnerability": "CVE-2020-1000",
    }
    told = await samples(collector, IMV)
    assert told["imagemanifestvuln_total", "c1", "shop", "High"] == 48 * 12
    assert told["vedette_affected_images", "c1", "shop"] == 1


async def test_check_2_the_same_data_next_day_counts_each_pod_once(collector: Collector) -> None:
    for _ in range(10):
        await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1", pods=12))])
    assert [row["affected_pods"] for row in await shown(collector)] == [12]


async def test_check_3_a_rescan_replaces_what_was_found(collector: Collector) -> None:
    await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1", "CVE-2020-2"))])
    await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1", severity="Critical"))])
    assert [(row["vulnerability"], row["severity"]) for row in await shown(collector)] == [
        ("CVE-2020-1", "Critical")
    ]


async def test_check_4_a_second_cluster_hides_no_other(collector: Collector) -> None:
    await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1", pods=12))])
    await collector.run(IMV, [(f"{IMV}/c2", manifest("CVE-2020-1", pods=3))])
    assert [row["affected_pods"] for row in await shown(collector)] == [12]
    assert [row["affected_pods"] for row in await shown(collector, "c2")] == [3]
    told = await samples(collector, IMV)
    assert told["imagemanifestvuln_total", "c1", "shop", "High"] == 12
    assert told["imagemanifestvuln_total", "c2", "shop", "High"] == 3


async def test_check_4_as_dashdotdb_has_it_where_the_setting_says_so(
    world: World, collector: Collector
) -> None:
    async with world.rest.pool.connection() as conn:
        await keep_compat(conn, latest_per_scope=True)
    await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1"))])
    await collector.run(IMV, [(f"{IMV}/c2", manifest("CVE-2020-1"))])
    assert await shown(collector) == []
    assert len(await shown(collector, "c2")) == 1
    applied = await collector.post(f"records/{IMV}?cluster=c1", manifest("CVE-2020-1"), None)
    assert applied.status_code == 200
    # What came later beside a snapshot hides nothing of it.
    assert len(await shown(collector)) == len(await shown(collector, "c2")) == 1


async def test_check_5_two_images_share_packages_and_texts(
    world: World, collector: Collector
) -> None:
    names = [f"CVE-2020-{number}" for number in range(1000, 1010)]
    both = [(f"{IMV}/c1", manifest(*names, digest=digest)) for digest in ("sha256:a", "sha256:b")]
    await collector.run(IMV, both)
    counted = (
        "SELECT (SELECT count(*) FROM records.package), (SELECT count(*) FROM records.advisory)"
    )
    assert await world.rows(counted) == [(1, 10)]
    assert len(await shown(collector)) == 20


async def test_check_6_a_token_closed_with_no_data_says_nothing_of_any_cluster(
    collector: Collector,
) -> None:
    await collector.run(IMV, [(f"{IMV}/c1", manifest("CVE-2020-1"))])
    await collector.run(IMV, [])
    assert len(await shown(collector)) == 1


async def test_check_7_an_older_token_closed_later_does_not_win(collector: Collector) -> None:
    older, newer = await collector.open(IMV), await collector.open(IMV)
    await collector.post(f"{IMV}/c1", manifest("CVE-2020-1", pods=1), older)
    await collector.post(f"{IMV}/c1", manifest("CVE-2020-2", pods=2), newer)
    for token in (newer, older):
        assert (await collector.close(token, IMV)).text == '"token closed"\n'
    assert [(row["vulnerability"], row["affected_pods"]) for row in await shown(collector)] == [
        ("CVE-2020-2", 2)
    ]


async def test_check_8_an_open_half_filled_token_is_seen_nowhere(
    world: World, collector: Collector
) -> None:
    token = await collector.open(SLO)
    assert (await collector.post(f"{SLO}/x", slo(), token)).text == '"ok"\n'
    assert await world.rows("SELECT count(*) FROM records.slo_value") == [(0,)]
    assert not [key for key in await samples(collector, SLO) if key[0] == SLO]
    await collector.close(token, SLO)
    labels = ("c1", "orders-availability", "shop", "orders", "availability", "orders-slo")
    told = await samples(collector, SLO)
    assert told[(SLO, *labels, "slo_value")] == 99.5
    assert told[(SLO, *labels, "slo_target")] == 99.0


async def test_check_9_what_passes_and_fails_one_check_is_flagged(collector: Collector) -> None:
    both = vector(("shop", "orders", "0"), ("shop", "orders", "1"), ("shop", "web", "0"))
    await collector.run(DVO, [(f"{DVO}/c1", both)])
    answer = await collector.get(DVO, cluster="c1", namespace="shop")
    base = {
        "cluster": "c1",
        "namespace": "shop",
        "validation": "deployment_validation_operator_unset_cpu_requirements",
        "context-type": "Deployment",
    }
    assert answer.json() == [
        base | {"context": "orders", "status": 1, "contradicted": True},
        base | {"context": "web", "status": 0},
    ]
    told = await samples(collector, DVO)
    assert told["deploymentvalidation_total", "c1", "shop", "0", base["validation"]] == 1
    assert told["deploymentvalidation_total", "c1", "shop", "1", base["validation"]] == 1


@pytest.mark.parametrize(
    ("scope", "path", "body"),
    [
        (DVO, f"{IMV}/c1", manifest("CVE-2020-1")),
        (IMV, f"{DVO}/c1", vector(("shop", "orders", "0"))),
        (IMV, f"{SLO}/x", slo()),
        (IMV, "dora", {"deployments": []}),
    ],
)
async def test_check_10_a_token_of_another_scope_is_refused(
    world: World, collector: Collector, scope: str, path: str, body: Any
) -> None:
    token = await collector.open(scope)
    answer = await collector.post(path, body, token)
    assert answer.status_code == 403
    assert f"this token is for {scope}" in answer.json()["detail"]
    assert await world.rows("SELECT count(*) FROM records.staged") == [(0,)]


async def test_check_11_a_token_that_nobody_closes_expires_with_its_rows(
    world: World, collector: Collector
) -> None:
    token = await collector.open(IMV)
    await collector.post(f"{IMV}/c1", manifest("CVE-2020-1"), token)
    async with world.rest.pool.connection() as conn:
        assert await run_once(conn, now=clock.now() + timedelta(hours=5)) == 0
        assert await run_once(conn, now=clock.now() + timedelta(hours=7)) == 1
    assert await world.rows("SELECT count(*) FROM records.staged") == [(0,)]
    late = await collector.post(f"{IMV}/c1", manifest("CVE-2020-1"), token)
    assert (late.status_code, late.json()["detail"]) == (401, "token is closed for data")
    assert (await collector.close(token, IMV)).status_code == 400


async def test_tokens_are_answered_in_the_words_that_clients_read(collector: Collector) -> None:
    first = await collector.get("token", scope=IMV)
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/json"
    token = first.text.strip('"\n')
    assert first.text == f'"{token}"\n'
    unknown = await collector.get("token", scope="shop")
    assert (unknown.status_code, unknown.text) == (405, '"unknown scope"\n')
    missing = await collector.get("token")
    assert (missing.status_code, missing.json()["detail"]) == (
        400,
        "Missing query parameter 'scope'",
    )
    other = await collector.close(token, DVO)
    assert (other.status_code, other.text) == (404, '"token not found"\n')
    nobody = await collector.close("45c2a493-0b96-4c32-99f1-4716c643e9ef", IMV)
    assert (nobody.status_code, nobody.text) == (404, '"token not found"\n')
    assert (await collector.close("x", IMV)).status_code == 404
    assert (await collector.close(token, "shop")).status_code == 405
    assert (await collector.close(token, IMV)).text == '"token closed"\n'
    again = await collector.close(token, IMV)
    assert (again.status_code, again.text) == (400, '"token is closed for data"\n')


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        (None, "No authorization token provided"),
        ("45c2a493-0b96-4c32-99f1-4716c643e9ef", "token not found"),
        ("x" * 2_000, "token not found"),
    ],
)
async def test_a_post_without_a_good_token_is_refused(
    collector: Collector, token: str | None, detail: str
) -> None:
    answer = await collector.post(f"{IMV}/c1", manifest("CVE-2020-1"), token)
    assert (answer.status_code, answer.json()["detail"]) == (401, detail)


async def test_whoever_has_no_credential_of_ours_gets_no_token(world: World) -> None:
    good = await world.collector("good")
    reader = await world.collector("reader", ("records:read",))
    for who, status in (
        (Collector(world.url, "good", "wrong"), 401),
        (Collector(world.url, "other", good.basic[1]), 401),
        (Collector(world.url, "", ""), 401),
        (reader, 403),
        (good, 200),
    ):
        answer = await who.get("token", scope=IMV)
        assert answer.status_code == status, answer.text


async def test_deployments_are_taken_with_a_token_and_the_latest_is_told(
    collector: Collector,
) -> None:
    where = {"app_name": "orders", "env_name": "prod"}
    before = await collector.get("dora/latest", **where)
    assert (before.status_code, before.text) == (404, '"Not found"\n')
    one = where | {
        "trigger_reason": "https://gitlab.example.org/service/orders/commit/1 [auto-promotion]",
        "finish_timestamp": "2026-06-01T12:18:28+02:00",
        "pipeline": "deploy",
        "commits": [
            {
                "revision": "a" * 40,
                "timestamp": "2026-06-01T09:00:00Z",
                "repo": "https://gitlab.example.com/service/orders",
                "lttc": -5,
            }
        ],
    }
    entry = "app_name=orders,env_name=prod,pipeline=deploy,trigger_reason=" + one["trigger_reason"]
    token = await collector.open("dora")
    first = await collector.post("dora", {"deployments": [one]}, token)
    assert (first.status_code, first.json()) == (
        201,
        {"created": [entry], "duplicated": [], "error": []},
    )
    again = await collector.post("dora", {"deployments": [one]}, token)
    assert (again.status_code, again.json()["duplicated"]) == (201, [entry])
    assert (await collector.post("dora", {"deployments": []}, token)).status_code == 400
    assert (await collector.close(token, "dora")).status_code == 200
    assert (await collector.post("dora", {"deployments": [one]}, token)).status_code == 401
    assert (await collector.post("dora", {"deployments": [one]}, None)).status_code == 401
    latest = (await collector.get("dora/latest", **where)).json()
    assert latest["finish_timestamp"] == "2026-06-01T10:18:28"
    assert set(latest) == {
        "app_name",
        "env_name",
        "finish_timestamp",
        "pipeline",
        "trigger_reason",
    }


async def test_deployments_come_without_a_token_where_the_setting_says_so(
    fresh_app_url: str, tmp_path: Path
) -> None:
    async with world_over(fresh_app_url, tmp_path, dora_without_token=True) as world:
        collector = await world.collector()
        answer = await collector.post("dora", {"deployments": []}, None)
        assert answer.status_code == 400, "understood, and empty"


async def test_values_of_slos_are_read_one_by_one_whatever_their_names(
    collector: Collector,
) -> None:
    name = "orders/p99 latency"
    items = [(f"{SLO}/{name}", slo(name)), (f"{SLO}/metrics", slo("metrics"))]
    await collector.run(SLO, items)
    where = {"cluster": "c1", "namespace": "shop", "sli_type": "availability"}
    for asked in (name, "metrics"):
        answer = await collector.get(SLO, **where, slo_doc="orders-slo", name=asked)
        assert answer.json() == {
            "cluster": "c1",
            "name": asked,
            "namespace": "shop",
            "service": "orders",
            "sli_type": "availability",
            "slo_doc": "orders-slo",
            "target": 99.0,
            "value": 99.5,
        }
    unknown = await collector.get(SLO, **where, slo_doc="orders-slo", name="other")
    assert (unknown.status_code, unknown.json()) == (200, [])
    # The next run no longer has one of the two.
    await collector.run(SLO, items[:1])
    gone = await collector.get(SLO, **where, slo_doc="orders-slo", name="metrics")
    assert gone.json() == []


async def test_probes_answer_whoever_asks(world: World) -> None:
    nobody = Collector(world.url, "", "")
    for probe in ("live", "ready"):
        answer = await nobody.http.get(f"/api/healthz/{probe}")
        assert (answer.status_code, answer.json()) == (200, {"status": 200, "title": "OK"})
        assert answer.headers["content-type"] == "application/problem+json"
