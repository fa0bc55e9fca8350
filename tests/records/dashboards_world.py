"""Six weeks of a namespace, as dashboards look at it: what scanners, validators, collectors and pipelines said of it."""

from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from vedette.records import exposures
from vedette.records.causes import CauseState, decide_cause, propose_cause
from vedette.records.model import (
    Advisory,
    Commit,
    Deployment,
    Finding,
    Objective,
    Package,
    Presence,
    Scan,
    Severity,
    SloValue,
    Subject,
    SubjectKind,
    Validation,
    Validations,
)
from vedette.records.snapshots import apply
from vedette.records.store import Batch

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
CLUSTER, NAMESPACE, SERVICE = "shop-eu", "o'rders", "Orders"
DIGEST = "sha256:45cacb3f0000"
REPOSITORY = "https://git.example/shop/orders"
CHECK = "deployment_validation_operator_"
Conn = AsyncConnection[Any]


async def fill(conn: Conn, *, until: datetime) -> None:
    """Make it, the last things of it a few hours before `until`."""
    await _vulnerabilities(conn, until)
    await _validations(conn, until)
    await _slos(conn, until)
    await _delivery(conn, until)


def finding(name: str, severity: Severity, package: str = "openssl", fix: str = "1.1") -> Finding:
    advisory = Advisory(
        name, "centos:8", f"{name}: an update", links=(f"https://a.example/{name}",)
    )
    return Finding(
        Package(package, "1.0"), advisory, severity, severity.title, (fix,) if fix else ()
    )


def scan(source: str, *findings: Finding, pods: int = 0, workload: str = "") -> Scan:
    places = [Presence(NAMESPACE, pod=f"{NAMESPACE}/p{n}") for n in range(pods)]
    if workload:
        places.append(Presence(NAMESPACE, workload=workload, container="app"))
    image = Subject(SubjectKind.IMAGE, "quay.io/shop/orders", DIGEST, "v1")
    return Scan(source, image, findings, tuple(places), namespaces=(NAMESPACE,))


async def applied(conn: Conn, kind: str, *records: Any, now: datetime) -> None:
    await apply(conn, kind, [Batch(records, CLUSTER)], by="t", now=now, complete=True)


async def _vulnerabilities(conn: Conn, until: datetime) -> None:
    first = [
        finding("CVE-2026-1", Severity.CRITICAL),
        finding("CVE-2026-2", Severity.HIGH, fix=""),
        finding("CVE-2026-2", Severity.HIGH, package="libssl"),
        finding("CVE-2026-3", Severity.HIGH),
        finding("CVE-2026-4", Severity.MEDIUM, package="zlib"),
        finding("CVE-2026-5", Severity.LOW),
    ]
    await applied(conn, "imagemanifestvuln", scan("quay-cso", *first, pods=2), now=until - 40 * DAY)
    await exposures.run_once(conn, now=until - 40 * DAY)
    seen_by_trivy = scan("trivy", first[0], workload="Deployment/orders")
    await applied(conn, "trivy", seen_by_trivy, now=until - 3 * DAY)
    mended = scan("quay-cso", *first[:3], first[4], pods=3)
    await applied(conn, "imagemanifestvuln", mended, now=until - 4 * HOUR)
    await conn.execute(
        "INSERT INTO records.kev (catalog, cve, added_on, due_on, ransomware, vendor, product, title, action, notes,"
        " first_loaded_at) VALUES ('cisa', 'CVE-2026-2', '2026-11-01', '2026-11-22', false, '', '', '', '', '', %s)",
        (until - DAY,),
    )
    await conn.execute(
        "INSERT INTO records.triage (identity, package, decision, reason, until, made_at, made_by)"
        " VALUES ('CVE-2026-2', 'libssl', 'accepted', 'is not called', %s, %s, 'ann')",
        (until + 900 * DAY, until - DAY),
    )
    await conn.execute("INSERT INTO records.epss VALUES ('CVE-2026-1', 0.9, 0.99)")
    await exposures.run_once(conn, now=until - 4 * HOUR)


async def _validations(conn: Conn, until: datetime) -> None:
    def said(name: str, *, limits: bool) -> list[Validation]:
        return [
            Validation(CHECK + "unset_cpu_requirements", NAMESPACE, "Deployment", name, limits),
            Validation(CHECK + "run_as_non_root", NAMESPACE, "Deployment", name, True),
        ]

    before = [*said("orders", limits=False), *said("cart", limits=False)]
    after = [*said("orders", limits=True), *said("cart", limits=False)]
    for results, ago in ((before, 2 * DAY), (after, 3 * HOUR)):
        look = Validations("dvo", tuple(results), complete=True)
        await applied(conn, "deploymentvalidation", look, now=until - ago)


async def _slos(conn: Conn, until: datetime) -> None:
    # Six weeks of days, as a collector posts them, and a gap of four days in them.
    for ago in [*range(42, 20, -1), *range(16, 0, -1)]:
        values = [
            SloValue(name, "availability", "orders-slo", SERVICE, CLUSTER, NAMESPACE, value, 99.0)
            for name, value in (("uptime", 99.5 if ago % 7 else 97.0), ("checkout", 99.9))
        ]
        await applied(conn, "serviceslometrics", *values, now=until - ago * DAY + HOUR)
    objective = Objective("uptime", SERVICE, "orders.yaml", "openslo", 98.0, 30 * 86400)
    await applied(conn, "openslo", objective, now=until - 30 * DAY)


async def _delivery(conn: Conn, until: datetime) -> None:
    def deployed(number: int, ago: timedelta, *commits: tuple[int, int, bool]) -> Deployment:
        at = until - ago
        brought = tuple(
            Commit(f"{n:040x}", REPOSITORY, at - timedelta(seconds=lead), lead, revert)
            for n, lead, revert in commits
        )
        return Deployment(SERVICE, "prod", "ci", f"{REPOSITORY}/commit/{number}", at, brought)

    deployments = (
        deployed(1, 20 * HOUR, (1, 3600, False), (2, 7200, False)),
        deployed(2, 10 * HOUR, (2, 9999, False), (3, 1800, False), (4, 60, True)),
        deployed(3, 9 * HOUR, (5, 600, False), (6, -5, False)),
        deployed(4, 2 * HOUR, (7, 86400, False)),
    )
    await applied(conn, "dora", *deployments, now=until - HOUR)
    found = await conn.execute(
        "INSERT INTO incidents.incident (kind, title, impact, status, origin, starts_at, ends_at, made_at, made_by,"
        " changed_at) VALUES ('incident', 'Orders fail', 3, 'resolved', 'person', %(begin)s, %(end)s, %(begin)s, 't',"
        " %(begin)s) RETURNING id",
        {"begin": until - 10 * HOUR + MINUTE, "end": until - 8 * HOUR},
    )
    [incident] = await found.fetchone() or ()
    found = await conn.execute("SELECT id FROM records.deployment WHERE reason LIKE '%/2'")
    [deployment] = await found.fetchone() or ()
    await propose_cause(conn, incident, deployment, now=until - 9 * HOUR)
    await decide_cause(
        conn, incident, deployment, CauseState.CONFIRMED, by="ann", now=until - 8 * HOUR
    )
