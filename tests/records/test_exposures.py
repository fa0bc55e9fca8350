"""What stands open and where: counted again where something changed, once a vulnerability, however it is called."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from vedette.records import daily, exposures
from vedette.records.model import (
    Advisory,
    Bulletin,
    Finding,
    Package,
    Presence,
    Scan,
    Severity,
    SloValue,
    Subject,
    SubjectKind,
)
from vedette.records.options import RecordOptions
from vedette.records.snapshots import apply
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Conn = AsyncConnection[Any]


def finding(
    name: str,
    severity: Severity = Severity.HIGH,
    *,
    fix: str = "1.1",
    package: str = "openssl",
    names: tuple[str, ...] = (),
    suppressed: str = "",
) -> Finding:
    return Finding(
        Package(package, "1.0"),
        Advisory(name, names=names),
        severity,
        severity.title,
        (fix,) if fix else (),
        suppressed=suppressed,
    )


def scan(
    *findings: Finding,
    digest: str = "sha256:aa",
    name: str = "quay.io/shop/orders",
    pods: tuple[str, ...] = ("p1",),
    namespace: str = "shop",
    kind: SubjectKind = SubjectKind.IMAGE,
    source: str = "trivy",
    at: datetime | None = None,
) -> Scan:
    places = tuple(Presence(namespace, pod=f"{namespace}/{pod}") for pod in pods)
    return Scan(source, Subject(kind, name, digest), findings, places, at)


async def see(
    conn: Conn, *scans: Scan, now: datetime = NOW, cluster: str = "c1", complete: bool = True
) -> None:
    """Apply these scans and count."""
    await apply(conn, "trivy", [Batch(scans, cluster, b"")], by="t", now=now, complete=complete)
    await exposures.run_once(conn, now=now)


async def rows(conn: Conn, sql: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql.encode())).fetchall()


OPEN = "SELECT identity, severity, fixable, images, pods FROM records.exposure WHERE ended_at IS NULL ORDER BY 1, namespace_id"


async def test_one_vulnerability_counts_once_however_many_packages_names_and_images_have_it(
    conn: Conn,
) -> None:
    await see(
        conn,
        scan(
            finding("CVE-2026-1", Severity.LOW, fix=""),
            finding("CVE-2026-1", package="libssl"),
            finding("GHSA-1", Severity.CRITICAL, names=("CVE-2026-1",), package="ssl"),
        ),
        scan(
            finding("CVE-2026-1"), digest="sha256:bb", name="quay.io/shop/cart", pods=("p1", "p2")
        ),
    )
    # The pod that holds both images is one pod.
    assert await rows(conn, OPEN) == [("CVE-2026-1", 5, True, 2, 2)]


@pytest.mark.parametrize("source", ["trivy", "osv"])
async def test_what_turns_out_to_be_a_cve_counts_as_it_from_then_on(
    conn: Conn, source: str
) -> None:
    """Whether the same source says so or another, of the same name."""
    await see(conn, scan(finding("GHSA-1")))
    assert await rows(conn, OPEN) == [("GHSA-1", 4, True, 1, 1)]
    named = Advisory("GHSA-1", feed="" if source == "trivy" else source, names=("CVE-2026-1",))
    await apply(conn, source, [Batch((Bulletin(named),))], by="t", now=NOW + DAY)
    await exposures.run_once(conn, now=NOW + DAY)
    assert await rows(conn, OPEN) == [("CVE-2026-1", 4, True, 1, 1)]


async def test_a_workload_counts_as_a_pod_where_nobody_names_its_pods(conn: Conn) -> None:
    workloads = tuple(
        Presence("shop", workload=f"ReplicaSet/{name}", container="app") for name in ("a", "b")
    )
    named = scan(finding("CVE-2026-1"), pods=("a-1", "a-2", "a-3"), source="quay-cso")
    operated = Scan("trivy-operator", named.subject, named.findings, workloads)
    await see(conn, operated, complete=False)
    assert await rows(conn, OPEN) == [("CVE-2026-1", 4, True, 1, 2)]
    await see(conn, named, complete=False)
    assert await rows(conn, OPEN) == [("CVE-2026-1", 4, True, 1, 3)]


async def test_what_its_source_does_not_count_is_no_exposure(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1", suppressed="not used")))
    assert await rows(conn, OPEN) == []


async def test_what_is_mended_ends_and_what_changes_is_told(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")))
    later = NOW + DAY
    await see(conn, scan(finding("CVE-2026-1", Severity.CRITICAL)), now=later)
    assert await rows(conn, OPEN) == [("CVE-2026-1", 5, True, 1, 1)]
    gone = await rows(
        conn, "SELECT identity, ended_at FROM records.exposure WHERE ended_at IS NOT NULL"
    )
    assert gone == [("CVE-2026-2", later)]
    changes = await rows(conn, "SELECT at, identity, was, became FROM records.severity_change")
    assert changes == [(later, "CVE-2026-1", 4, 5)]


async def test_a_new_image_of_the_same_name_is_no_new_exposure(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await see(conn, scan(finding("CVE-2026-1"), digest="sha256:bb"), now=NOW + DAY)
    found = await rows(conn, "SELECT identity, since_at, ended_at FROM records.exposure")
    assert found == [("CVE-2026-1", NOW, None)]


async def test_what_was_found_before_its_image_came_to_a_namespace_is_new_there(conn: Conn) -> None:
    known = scan(finding("CVE-2026-1"))
    await see(conn, known)
    await see(conn, scan(finding("CVE-2026-1"), namespace="pay"), now=NOW + DAY, complete=False)
    await see(conn, scan(digest="sha256:bb"), now=NOW + 2 * DAY)
    await see(conn, known, now=NOW + 3 * DAY)
    stood = await rows(
        conn,
        "SELECT n.name, e.first_seen_at, e.ended_at, e.since_at FROM records.exposure AS e"
        " JOIN fleet.namespace AS n ON n.id = e.namespace_id ORDER BY e.id",
    )
    assert stood == [
        ("shop", NOW, NOW + 2 * DAY, NOW),
        ("pay", NOW + DAY, NOW + 2 * DAY, NOW),
        ("shop", NOW + 3 * DAY, None, NOW),
    ]


async def test_what_runs_in_no_namespace_stands_apart_and_the_newest_of_a_name_counts(
    conn: Conn,
) -> None:
    await see(conn, scan(finding("CVE-2026-1"), pods=()), scan(finding("CVE-2026-9")))
    newer = scan(finding("CVE-2026-2"), pods=(), digest="sha256:cc")
    host = scan(finding("CVE-2026-3"), pods=(), kind=SubjectKind.HOST, name="web-1", digest="")
    await see(conn, newer, host, now=NOW + DAY, complete=False)
    found = await rows(
        conn,
        "SELECT identity, namespace_id IS NULL, hosts FROM records.exposure WHERE ended_at IS NULL ORDER BY 1",
    )
    assert ("CVE-2026-3", True, 1) in found
    assert ("CVE-2026-2", True, 0) in found


async def test_the_newest_of_a_name_is_what_was_looked_at_last_whichever_came_first(
    conn: Conn,
) -> None:
    async def looked(version: int, *, at: datetime, now: datetime) -> list[tuple[Any, ...]]:
        found = finding(f"CVE-2026-{version}")
        given = scan(found, pods=(), digest=f"sha256:{version}", at=at)
        await see(conn, given, now=now, complete=False)
        return await rows(conn, "SELECT identity FROM records.exposure WHERE ended_at IS NULL")

    assert await looked(2, at=NOW, now=NOW) == [("CVE-2026-2",)]
    assert await looked(1, at=NOW - DAY, now=NOW + DAY) == [("CVE-2026-2",)]
    assert await looked(1, at=NOW + 2 * DAY, now=NOW + 2 * DAY) == [("CVE-2026-1",)]


async def test_counting_twice_changes_nothing(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    before = await rows(conn, "SELECT e::text FROM records.exposure AS e")
    await conn.execute("INSERT INTO records.recount SELECT id, now() FROM fleet.namespace")
    assert await exposures.run_once(conn, now=NOW + DAY) == 1
    assert await rows(conn, "SELECT e::text FROM records.exposure AS e") == before
    assert await rows(conn, "SELECT * FROM records.recount") == []


async def test_the_days_say_what_stood_and_what_moved_and_nothing_where_nothing_did(
    conn: Conn,
) -> None:
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")))
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), now=NOW + DAY)
    await see(conn, scan(finding("CVE-2026-1")), now=NOW + 2 * DAY)
    kept = await rows(
        conn,
        "SELECT day::text, vulnerabilities, opened, closed FROM records.daily WHERE scope = 'cluster' ORDER BY 1",
    )
    assert kept == [("2026-11-22", 2, 2, 0), ("2026-11-24", 1, 0, 1)]
    told = await daily.history(conn, "cluster", "c1", first=NOW.date(), last=(NOW + 3 * DAY).date())
    assert [(d.day.day, d.vulnerabilities, d.opened) for d in told] == [
        (22, 2, 2),
        (23, 2, 0),
        (24, 1, 0),
        (25, 1, 0),
    ]


async def test_the_same_in_a_second_namespace_is_nothing_new_for_the_cluster(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await see(
        conn,
        scan(finding("CVE-2026-1"), digest="sha256:bb", name="quay.io/pay", namespace="pay"),
        now=NOW + DAY,
        complete=False,
    )
    cluster = await rows(
        conn, "SELECT vulnerabilities, opened FROM records.daily WHERE scope = 'cluster'"
    )
    assert cluster == [(1, 1)]
    assert await rows(conn, "SELECT count(*) FROM records.daily WHERE scope = 'namespace'") == [
        (2,)
    ]


async def test_a_month_begins_with_all_that_stands(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    later = datetime(2026, 12, 3, tzinfo=UTC)
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), now=later)
    kept = await rows(
        conn,
        "SELECT day::text, vulnerabilities, opened FROM records.daily WHERE scope = 'namespace' ORDER BY 1",
    )
    assert kept == [("2026-11-22", 1, 1), ("2026-12-01", 1, 0), ("2026-12-03", 2, 1)]


async def test_a_month_in_which_nothing_changes_or_nobody_counts_is_as_the_one_before(
    conn: Conn,
) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    january = datetime(2027, 1, 9, tzinfo=UTC)
    assert await rows(conn, "SELECT to_regclass('records.daily_202612')") == [(None,)]
    assert await exposures.run_once(conn, now=january) == 0
    first = (NOW + 7 * DAY).date()
    told = await daily.history(conn, "cluster", "c1", first=first, last=january.date())
    assert [(d.vulnerabilities, d.opened) for d in told] == [(1, 0)] * 42


@pytest.mark.parametrize("scope", ["service", "team"])
async def test_a_service_and_its_team_have_their_days_too(conn: Conn, scope: str) -> None:
    await see(conn, scan())
    await conn.execute(
        "INSERT INTO fleet.service (name, slug, team) VALUES ('orders', 'orders', 'shop')"
    )
    await conn.execute(
        "INSERT INTO fleet.service_namespace (service_id, namespace_id, origin)"
        " SELECT s.id, n.id, 't' FROM fleet.service s, fleet.namespace n WHERE n.name = 'shop' AND s.name = 'orders'"
    )
    await see(conn, scan(finding("CVE-2026-1")))
    name = {"service": "orders", "team": "shop"}[scope]
    told = await daily.history(conn, scope, name, first=NOW.date(), last=NOW.date())
    assert [(d.severity, d.vulnerabilities) for d in told] == [(4, 1)]


async def test_a_service_has_what_stands_in_a_namespace_from_when_it_lives_there(
    conn: Conn,
) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    value = SloValue("uptime", "availability", "slo", "orders", "c1", "shop", 99.9, 99.5)
    await apply(conn, "serviceslometrics", [Batch((value,))], by="t", now=NOW)
    await exposures.run_once(conn, now=NOW)
    told = await daily.history(conn, "service", "orders", first=NOW.date(), last=NOW.date())
    assert [(d.severity, d.vulnerabilities) for d in told] == [(4, 1)]


async def test_months_that_are_kept_no_longer_are_dropped_with_what_ended_before_them(
    conn: Conn,
) -> None:
    old = datetime(2021, 3, 5, tzinfo=UTC)
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), now=old)
    await see(conn, scan(finding("CVE-2026-1")), now=old + DAY)
    options = RecordOptions(keep_days=365 * DAY, keep_looks=365 * DAY)
    assert await daily.keep_house(conn, now=NOW, options=options) >= 2
    assert await rows(conn, "SELECT count(*) FROM records.daily") == [(0,)]
    assert await rows(conn, "SELECT identity FROM records.exposure") == [("CVE-2026-1",)]


@pytest.mark.parametrize(("days", "looks"), [(365, 3650), (3650, 365)])
async def test_what_is_as_old_as_a_month_that_was_dropped_is_stored_all_the_same(
    conn: Conn, days: int, looks: int
) -> None:
    old = datetime(2021, 3, 5, tzinfo=UTC)
    await see(conn, scan(finding("CVE-2026-1")), now=old)
    options = RecordOptions(keep_days=days * DAY, keep_looks=looks * DAY)
    assert await daily.keep_house(conn, now=NOW, options=options) == 1
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), now=old + DAY)
    assert len(await rows(conn, OPEN)) == 2


async def test_what_ran_long_ago_is_forgotten_but_for_the_last_of_each_image(conn: Conn) -> None:
    old = datetime(2021, 3, 5, tzinfo=UTC)
    await see(conn, scan(finding("CVE-2026-1"), pods=("p1",)), now=old)
    await see(conn, scan(finding("CVE-2026-1"), pods=("p2",)), now=old + DAY)
    gone = scan(finding("CVE-2026-2"), digest="sha256:bb", name="quay.io/shop/cart")
    await see(conn, scan(finding("CVE-2026-1"), pods=("p3",)), gone, now=old + 2 * DAY)
    await see(conn, scan(finding("CVE-2026-1"), pods=("p3",)), now=old + 3 * DAY)
    options = RecordOptions(keep_looks=(NOW - old) - DAY)
    await daily.keep_house(conn, now=NOW, options=options)
    # The first pod went on the day before; of the image that runs no longer its last one stays.
    assert await rows(conn, RAN) == [("shop/p1",), ("shop/p2",), ("shop/p3",)]
    await daily.keep_house(conn, now=NOW, options=RecordOptions(keep_looks=365 * DAY))
    assert await rows(conn, RAN) == [("shop/p1",), ("shop/p3",)]
    await exposures.run_once(conn, now=NOW)
    unplaced = (
        "SELECT identity FROM records.exposure WHERE namespace_id IS NULL AND ended_at IS NULL"
    )
    assert await rows(conn, unplaced) == []


RAN = "SELECT DISTINCT pod FROM records.presence ORDER BY 1"


@pytest.mark.parametrize("where", ["", "'{c1}', ", "NULL, '{z,b,a,y,c}', "])
async def test_the_first_of_the_exposures_are_the_beginning_of_more(conn: Conn, where: str) -> None:
    everywhere = finding("CVE-2026-1", Severity.CRITICAL)
    for n in ("z", "b", "a", "y", "c"):
        one = scan(everywhere, finding(f"CVE-2026-2{n}"), namespace=n, digest=f"sha256:{n}", name=n)
        await see(conn, one, complete=False)

    async def first(most: int) -> list[tuple[Any, ...]]:
        asked = f"grafana.exposures_v2({where}most => {most})"
        return await rows(conn, f"SELECT cluster, namespace, vulnerability FROM {asked}")

    everything = await first(100)
    assert [row[1:] for row in everything[:5]] == [(n, "CVE-2026-1") for n in "abcyz"]
    for most in range(1, len(everything)):
        assert await first(most) == everything[:most]
