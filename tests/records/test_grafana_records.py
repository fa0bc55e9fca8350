"""What dashboards ask of records, asked as Grafana's role: the seed's questions, Dash.DB's tables, and our own."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.record_documents import FIXTURES
from tests.records import dashboards_world as world

from vedette.automation.delivery import Wanted, deliveries
from vedette.db import testing
from vedette.db.create import GRAFANA
from vedette.db.pool import connect
from vedette.records.documents import read_documents
from vedette.records.kinds import Context
from vedette.records.kinds.imagemanifestvuln import ImageManifestVuln
from vedette.records.slo_rules import Measured, Period, budget, calendar_period
from vedette.records.snapshots import apply, open_snapshot
from vedette.records.store import Batch

UNTIL = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EXAMPLE = FIXTURES / "dashdotdb" / "imagemanifestvuln.json"


def example():
    """The seed's manifest, where it is there."""
    documents = read_documents(EXAMPLE.read_bytes()) if EXAMPLE.exists() else []
    context = Context(UNTIL, "cluster-01")
    return [Batch(tuple(ImageManifestVuln().read(one, context)), "cluster-01") for one in documents]


@pytest.fixture(scope="module")
async def filled(cluster):
    """The name of a database that holds the world; nobody writes to it."""
    name = await testing.clone(cluster.admin)
    async with await connect(cluster.url(name)) as conn:
        await world.fill(conn, until=UNTIL)
        await apply(conn, "imagemanifestvuln", example(), by="t", now=UNTIL)
        await open_snapshot(conn, "imagemanifestvuln", by="t", now=UNTIL + HOUR)
        await conn.execute("ANALYZE")
    yield name
    await testing.drop(cluster.admin, name)


@pytest.fixture
async def grafana(cluster, filled):
    async with await connect(cluster.url(filled, GRAFANA)) as conn:
        yield conn


async def rows(conn, sql, *params):
    return await (await conn.execute(sql, params or None)).fetchall()


async def dicts(conn, sql, *params):
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql, params or None)
        return await cursor.fetchall()


PLACE = (world.CLUSTER, world.NAMESPACE)
RANGE = (UNTIL - DAY, UNTIL)

# ── the seed's questions ─────────────────────────────────────────────────────────────────────────

GAUGE = """
SELECT now() AS time,
       count(feature) as value,
       severity as metric
FROM get_severity_count('$cluster','$namespace', 'High')
GROUP BY severity;
"""
TABLE = "SELECT * FROM get_vulnerabilities('$cluster','$namespace');"


def of(sql, cluster, namespace):
    return sql.replace("$cluster", cluster).replace("$namespace", namespace.replace("'", "''"))


@pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the seed's example beside the project")
async def test_the_seeds_gauge_and_table_show_its_example(grafana):
    [(_, value, metric)] = await rows(grafana, of(GAUGE, "cluster-01", "unleash"))
    assert (value, metric) == (14, "High")
    shown = await dicts(grafana, of(TABLE, "cluster-01", "unleash"))
    assert len(shown) == 48
    assert {row["affected_pods"] for row in shown} == {12}
    assert {row["manifest"] for row in shown} == {"sha256:45cacb3"}


async def test_the_seeds_table_has_the_columns_of_its_readme(grafana):
    shown = await dicts(grafana, of(TABLE, *PLACE))
    assert shown[0] == {
        "repository": "quay.io/shop/orders",
        "name": "centos:8",
        "manifest": "sha256:45cacb3",
        "affected_pods": 3,
        "vulnerability": "CVE-2026-2: an update",
        "severity": "High",
        "package": "libssl",
        "current_version": "1.0",
        "fixed_in_version": "1.1",
        "link": "https://a.example/CVE-2026-2",
    }
    assert [row["fixed_in_version"] for row in shown] == ["1.1", "1.1", None, "1.1"]


async def test_what_is_not_there_is_no_row(grafana):
    assert await rows(grafana, of(GAUGE, "nowhere", "none")) == []
    assert await rows(grafana, of(TABLE, "nowhere", "none")) == []


# ── ours ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_vulnerability_that_two_scanners_found_is_one_row_with_all_that_is_known_of_it(
    grafana,
):
    shown = await dicts(grafana, "SELECT * FROM get_vulnerabilities_v2(%s, %s)", *PLACE)
    assert [(row["identity"], row["package"]) for row in shown] == [
        ("CVE-2026-2", "libssl"),
        ("CVE-2026-2", "openssl"),
        ("CVE-2026-1", "openssl"),
        ("CVE-2026-4", "zlib"),
    ]
    first = shown[2]
    assert (first["sources"], first["pods"], first["severity"]) == (
        "quay-cso, trivy",
        4,
        "Critical",
    )
    assert (first["exploited"], first["exploited_due"]) == (False, None)
    assert first["percentile"] == pytest.approx(0.99)
    assert first["since"] == UNTIL - 40 * DAY
    assert shown[0]["exploited"] is True
    assert [row["decision"] for row in shown] == ["accepted", "", "", ""]
    assert shown[0]["decided_until"] == UNTIL + 900 * DAY


async def test_severities_are_counted_once_a_vulnerability(grafana):
    counted = await rows(
        grafana,
        "SELECT severity, vulnerabilities, fixable, exploited FROM get_severity_count_v2(%s, %s)",
        [world.CLUSTER],
        [world.NAMESPACE],
    )
    assert counted == [
        ("Defcon1", 0, 0, 0),
        ("Critical", 1, 1, 0),
        ("High", 1, 1, 1),
        ("Medium", 1, 1, 0),
        ("Low", 0, 0, 0),
        ("Negligible", 0, 0, 0),
        ("Unknown", 0, 0, 0),
    ]


SHOWN = (
    "SELECT cluster, namespace, vulnerability, severity, images, pods, since, exploited, percentile"
)


@pytest.mark.parametrize("where", ["", f"'{{{world.CLUSTER}}}'", "NULL, '{none}'"])
async def test_the_first_exposures_are_those_to_mend_first(grafana, where):
    everything = await rows(grafana, f"{SHOWN} FROM exposures({where})")
    first = await rows(grafana, f"{SHOWN} FROM exposures_v2({where})")
    assert sorted(first) == sorted(everything)
    assert first[:1] == await rows(
        grafana, f"{SHOWN} FROM exposures_v2({where}{', ' * bool(where)}most => 1)"
    )
    if not where:
        order = [name for (name,) in await rows(grafana, "SELECT vulnerability FROM fix_first()")]
        assert list(dict.fromkeys(row[2] for row in first)) == order


async def test_severities_of_everything_are_those_of_all_that_stands_open(grafana):
    counted = (
        "SELECT severity, vulnerabilities FROM get_severity_count_v2() WHERE vulnerabilities > 0"
    )
    each = "SELECT severity, count(DISTINCT vulnerability) FROM exposures() GROUP BY 1"
    found = sorted(await rows(grafana, counted))
    assert found == sorted(await rows(grafana, each))
    assert len(found) > 1


async def test_days_say_how_many_stood_open(grafana):
    found = await rows(
        grafana,
        "SELECT time, severity, vulnerabilities FROM vulnerability_days('namespace', %s, %s, %s, %s)"
        " WHERE severity IN ('High', 'Low')",
        world.NAMESPACE,
        UNTIL - 2 * DAY,
        UNTIL,
        world.CLUSTER,
    )
    midnight = UNTIL.replace(hour=0)
    assert found == [
        (midnight - 2 * DAY, "High", 2),
        (midnight - 2 * DAY, "Low", 1),
        (midnight - DAY, "High", 2),
        (midnight - DAY, "Low", 1),
        (midnight, "High", 1),
        (midnight, "Low", 0),
    ]


async def test_what_was_mended_says_how_long_it_took(grafana):
    ended = await rows(
        grafana,
        "SELECT time, vulnerability, severity, lasted_s FROM vulnerabilities_ended(%s, %s, %s) ORDER BY 2",
        *RANGE,
        [world.CLUSTER],
    )
    lasted = (40 * DAY - 4 * HOUR).total_seconds()
    assert ended == [
        (UNTIL - 4 * HOUR, "CVE-2026-3", "High", lasted),
        (UNTIL - 4 * HOUR, "CVE-2026-5", "Low", lasted),
    ]


async def test_validations_are_counted_at_each_step(grafana):
    found = await rows(
        grafana,
        "SELECT * FROM validation_history(%s, %s, %s, %s, '1 hour')",
        *PLACE,
        UNTIL - 4 * HOUR,
        UNTIL - HOUR,
    )
    assert found == [
        (UNTIL - 4 * HOUR, 2, 2),
        (UNTIL - 3 * HOUR, 3, 1),
        (UNTIL - 2 * HOUR, 3, 1),
    ]


async def test_checks_say_who_fails_them(grafana):
    failing = await rows(
        grafana,
        "SELECT kind, object, validation, since FROM validations(%s, %s) WHERE NOT passed",
        *PLACE,
    )
    assert failing == [
        ("Deployment", "cart", world.CHECK + "unset_cpu_requirements", UNTIL - 2 * DAY)
    ]
    counted = await rows(
        grafana, "SELECT validation, passing, failing FROM validation_counts(%s)", [world.CLUSTER]
    )
    assert counted == [
        (world.CHECK + "run_as_non_root", 2, 0),
        (world.CHECK + "unset_cpu_requirements", 1, 1),
    ]


@pytest.mark.parametrize("length", [30 * DAY, 7 * DAY, timedelta(hours=5)])
async def test_budgets_are_those_of_the_rules(grafana, length):
    values = await rows(
        grafana, "SELECT time, value FROM slo_values('2020-01-01', %s, NULL, '{uptime}')", UNTIL
    )
    period = Period(UNTIL - length, UNTIL)
    due = budget([Measured(*value) for value in values], 98.0, period, now=UNTIL)
    [shown] = await dicts(
        grafana,
        "SELECT * FROM error_budgets(%s, %s) WHERE slo = 'uptime'",
        period.since,
        period.until,
    )
    assert shown["target"] == 98.0
    assert shown["known_s"] == pytest.approx(float(due.known_min * 60))
    assert shown["lost_s"] == pytest.approx(float(due.lost_min * 60))
    assert shown["allowed_s"] == pytest.approx(float(due.allowed_min * 60))
    assert shown["attained"] == pytest.approx(float(due.attained))
    assert shown["remaining"] == pytest.approx(float(due.remaining_min / due.allowed_min))


async def test_months_are_those_of_a_place_on_earth(grafana):
    shown = await dicts(
        grafana,
        "SELECT * FROM error_budgets_by_month(%s, %s, 'Europe/Berlin') WHERE slo = 'checkout'",
        UNTIL - 35 * DAY,
        UNTIL,
    )
    months = [
        calendar_period("month", zone="Europe/Berlin", now=at) for at in (UNTIL - 35 * DAY, UNTIL)
    ]
    assert [row["month"] for row in shown] == [month.since for month in months]
    assert shown[1]["target"] == 99.0, "no objective claims it: its own last target"
    assert shown[1]["attained"] == pytest.approx(99.9)


async def test_delivery_is_measured_as_the_application_does(cluster, filled, grafana):
    async with await connect(cluster.url(filled)) as conn:
        [line] = await deliveries(conn, Wanted(since=RANGE[0], until=RANGE[1]), now=UNTIL)
    [shown] = await dicts(grafana, "SELECT * FROM delivery(%s, %s)", *RANGE)
    whole = line.whole
    assert (shown["service"], shown["environment"]) == (line.service, line.environment)
    assert (shown["deployments"], shown["per_day"]) == (whole.deployments, float(whole.per_day))
    assert (shown["lead_median_s"], shown["lead_p90_s"]) == pytest.approx(
        (whole.lead_time.median_s, whole.lead_time.p90_s)
    )
    assert (shown["fail_rate"], shown["rework_rate"]) == (
        float(whole.fail_rate),
        float(whole.rework_rate),
    )
    assert shown["recovery_median_s"] == whole.recovery.median_s
    assert shown["unrecovered"] == whole.unrecovered == 0
    assert (shown["fail_rate"], shown["rework_rate"]) == (0.25, 0.25)


# ── Dash.DB's tables ─────────────────────────────────────────────────────────────────────────────

COLUMNS = {
    "token": "id timestamp uuid data_type is_open",
    "latesttokens": "id token_id",
    "cluster": "id name",
    "namespace": "id name cluster_id",
    "service": "id name",
    "image": "id name manifest",
    "imagefeature": "image_id feature_id",
    "feature": "id name version",
    "vulnerability": "id name description namespacename fixedby link severity_id feature_id",
    "severity": "id name",
    "pod": "id name namespace_id token_id",
    "podimage": "pod_id image_id",
    "deploymentvalidation": "id name token_id namespace_id objectkind_id validation_id",
    "validation": "id name status",
    "objectkind": "id name",
    "slitype": "id name",
    "slodoc": "id name",
    "serviceslo": "id name value target slitype_id slodoc_id token_id service_id namespace_id",
    "doradeployment": "id trigger_reason app_name env_name pipeline finish_timestamp",
    "doracommit": "id deployment_id timestamp revision repo lttc",
}


@pytest.mark.parametrize("table", COLUMNS)
async def test_a_table_is_named_and_shaped_as_theirs_and_its_ids_are_no_ones_else(grafana, table):
    found = await dicts(grafana, f"SELECT * FROM {table}")
    assert found
    assert " ".join(found[0]) == COLUMNS[table]
    if "id" in found[0]:
        assert len({row["id"] for row in found}) == len(found)
    assert found == await dicts(grafana, f"SELECT * FROM {table}"), "ids stay what they are"


async def test_no_token_is_a_secret(cluster, filled, grafana):
    async with await connect(cluster.url(filled)) as conn:
        secret = {str(token) for (token,) in await rows(conn, "SELECT token FROM records.snapshot")}
    shown = await dicts(grafana, "SELECT * FROM token")
    assert all(UUID(row["uuid"]) for row in shown)
    assert not secret & {row["uuid"] for row in shown}
    assert not any(row["is_open"] for row in shown)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await grafana.execute("SELECT token FROM records.snapshot")


NEWEST = "(SELECT id FROM token WHERE data_type = '{}' ORDER BY timestamp DESC LIMIT 1)"


async def test_their_validations_are_counted_under_the_newest_token(grafana):
    found = await rows(
        grafana,
        f"""
        SELECT o.name, k.name, v.name, v.status
        FROM cluster c, namespace n, deploymentvalidation o, validation v, objectkind k
        WHERE o.namespace_id = n.id AND n.cluster_id = c.id AND v.id = o.validation_id
          AND k.id = o.objectkind_id AND o.token_id = {NEWEST.format("DVODataType")}
          AND c.name = %s AND n.name = %s
        ORDER BY 3, 1""",
        *PLACE,
    )
    assert [(name, status) for name, _, _, status in found] == [
        ("cart", 0),
        ("orders", 0),
        ("cart", 1),
        ("orders", 0),
    ]
    assert {kind for _, kind, _, _ in found} == {"Deployment"}


HISTORY = """
    SELECT t.timestamp AS time, s.name, o.name, i.name, c.name, n.name, o.value, o.target
    FROM serviceslo o, token t, service s, slitype i, namespace n, cluster c
    WHERE o.token_id = t.id AND o.service_id = s.id AND o.slitype_id = i.id AND o.namespace_id = n.id
      AND n.cluster_id = c.id AND t.timestamp >= '{}' AND t.timestamp <= '{}'
      AND s.name IN ('Orders') AND o.name IN ('uptime')
    ORDER BY 1"""


async def test_their_history_of_slos_reaches_back_as_far_as_values_do(grafana):
    found = await rows(grafana, HISTORY.format(UNTIL - 50 * DAY, UNTIL))
    assert len(found) == 38
    assert found[0][1:] == ("Orders", "uptime", "availability", *PLACE, 97.0, 99.0)
    assert found[0][0] == UNTIL - 42 * DAY + HOUR
    assert len(await rows(grafana, HISTORY.format(UNTIL - 3 * DAY, UNTIL))) == 3


async def test_their_old_table_of_vulnerabilities_says_what_the_function_says(grafana):
    found = await rows(
        grafana,
        f"""
        SELECT i.name, v.namespacename, substr(i.manifest, 1, 14), count(p.name), v.name, s.name, f.name, f.version,
            v.fixedby, v.link
        FROM cluster c, namespace n, pod p, podimage pi, image i, imagefeature fi, feature f, vulnerability v,
            severity s
        WHERE p.namespace_id = n.id AND n.cluster_id = c.id AND pi.image_id = i.id AND p.id = pi.pod_id
          AND i.id = fi.image_id AND fi.feature_id = f.id AND f.id = v.feature_id AND v.severity_id = s.id
          AND p.token_id = {NEWEST.format("CSODataType")} AND c.name = %s AND n.name = %s
        GROUP BY i.name, v.namespacename, i.manifest, v.name, s.name, f.name, f.version, v.fixedby, v.link
        ORDER BY 1, 3, 7, 8, 5""",
        *PLACE,
    )
    assert found == await rows(grafana, "SELECT * FROM get_vulnerabilities(%s, %s)", *PLACE)


async def test_by_the_old_rule_a_cluster_that_the_newest_snapshot_lacks_is_not_shown(
    cluster, fresh_database
):
    async with await connect(cluster.url(fresh_database)) as conn:
        await world.fill(conn, until=UNTIL)
        await apply(
            conn,
            "imagemanifestvuln",
            [Batch((), "other")],
            by="t",
            now=UNTIL + HOUR,
            complete=True,
        )
        await conn.execute("INSERT INTO records.compat (latest_per_scope) VALUES (true)")
        for kind in ("imagemanifestvuln", "deploymentvalidation"):
            ours = "SELECT cluster_id FROM records.shown_cluster WHERE kind = %s ORDER BY 1"
            theirs = "SELECT cluster_id FROM records.shown_clusters(%s) ORDER BY 1"
            assert await rows(conn, ours, kind) == await rows(conn, theirs, kind)
    async with await connect(cluster.url(fresh_database, GRAFANA)) as grafana:
        assert await rows(grafana, "SELECT * FROM get_vulnerabilities(%s, %s)", *PLACE) == []
        assert await rows(grafana, "SELECT * FROM pod") == []
        assert await rows(grafana, "SELECT * FROM deploymentvalidation") != []


# ── by index ─────────────────────────────────────────────────────────────────────────────────────


async def read(conn, sql):
    """Which indexes answer a question, and which tables are read as a whole where it can be helped."""
    for way in ("seqscan", "hashjoin", "mergejoin"):
        await conn.execute(f"SET enable_{way} = off")
    [(found,)] = await rows(conn, f"EXPLAIN (FORMAT JSON) {sql}")
    nodes = [found[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
    return indexes, {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


async def test_their_history_is_found_by_index(grafana):
    indexes, whole = await read(grafana, HISTORY.format(UNTIL - 3 * DAY, UNTIL))
    assert "slo_value_moment" in indexes
    assert "slo_value" not in whole


@pytest.mark.parametrize("function", ["quay_findings", "get_vulnerabilities_v2"])
async def test_vulnerabilities_of_a_namespace_are_found_by_index(cluster, filled, function):
    async with (
        await connect(cluster.url(filled)) as conn,
        conn.transaction(force_rollback=True),
    ):
        # Of a few rows any index is as good: let there be a namespace with more of them.
        await conn.execute("""
            WITH busy AS (
                INSERT INTO fleet.namespace (cluster_id, name) SELECT id, 'busy' FROM fleet.cluster LIMIT 1 RETURNING id
            )
            INSERT INTO records.presence (source_id, subject_id, namespace_id, pod, workload, container, first_seen_at)
            SELECT p.source_id, p.subject_id, b.id, 'busy/' || n, '', '', p.first_seen_at
            FROM (SELECT * FROM records.presence LIMIT 1) AS p, busy AS b, generate_series(1, 5000) AS n""")
        await conn.execute("ANALYZE records.presence")
        [(body,)] = await rows(conn, "SELECT prosrc FROM pg_proc WHERE proname = %s", function)
        for parameter in ("cluster", "namespace"):
            body = body.replace(f"of_{parameter}", "'x'").replace(f"{function}.{parameter}", "'x'")
        indexes, whole = await read(conn, body)
    assert indexes >= {"presence_open", "finding_open"}
    assert not whole & {"presence", "finding", "subject", "package", "advisory", "epss"}
