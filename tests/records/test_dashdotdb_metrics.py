"""The numbers of each namespace, whether it was counted since it changed or not."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from psycopg import AsyncConnection

from vedette.records import exposures
from vedette.records.dashdotdb_metrics import exposed, vulnerabilities
from vedette.records.model import (
    Advisory,
    Finding,
    Package,
    Presence,
    Scan,
    Severity,
    Subject,
    SubjectKind,
)
from vedette.records.snapshots import apply
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Conn = AsyncConnection[Any]


async def told(conn: Conn, family: str) -> dict[str, float]:
    """Return the samples of one family by their labels."""
    lines = exposed(await vulnerabilities(conn)).decode().splitlines()
    parted = [line.rpartition(" ") for line in lines if line.startswith(f"{family}{{")]
    return {where.removeprefix(family): float(number) for where, _, number in parted}


def scan(
    image: str, *found: tuple[str, Severity], pods: tuple[str, ...] = ("shop/p1",), **how: Any
) -> Scan:
    findings = tuple(
        Finding(Package("openssl", "1.0"), Advisory(name), severity, severity.title)
        for name, severity in found
    )
    presences = tuple(Presence(pod.partition("/")[0], pod=pod) for pod in pods)
    how.setdefault("source", "quay-cso")
    return Scan(
        subject=Subject(SubjectKind.IMAGE, f"quay.io/{image}", f"sha256:{image}"),
        findings=findings,
        presences=presences,
        **how,
    )


async def see(conn: Conn, *scans: Scan, now: datetime = NOW, complete: bool = True) -> None:
    await apply(conn, "imagemanifestvuln", [Batch(scans, "c1")], by="t", now=now, complete=complete)


HIGH, LOW = ("CVE-1", Severity.HIGH), ("CVE-2", Severity.LOW)
SHOP = 'cluster="c1",namespace="shop"'


async def test_a_namespace_is_told_as_it_is_before_it_is_counted_and_after(conn: Conn) -> None:
    pods = ("shop/p1", "shop/p2")
    await see(conn, scan("a", HIGH, LOW, pods=pods), scan("b", HIGH))
    for _ in range(2):
        assert await told(conn, "imagemanifestvuln_total") == {
            f'{{{SHOP},severity="High"}}': 3,
            f'{{{SHOP},severity="Low"}}': 2,
        }
        assert await told(conn, "vedette_affected_images") == {f"{{{SHOP}}}": 2}
        await exposures.run_once(conn, now=NOW)
    assert await told(conn, "vedette_vulnerabilities") == {
        f'{{{SHOP},severity="High"}}': 1,
        f'{{{SHOP},severity="Low"}}': 1,
    }


async def test_what_ends_is_told_no_more(conn: Conn) -> None:
    await see(conn, scan("a", HIGH))
    await exposures.run_once(conn, now=NOW)
    await see(conn, scan("a"), now=NOW + DAY)
    for _ in range(2):
        assert await told(conn, "imagemanifestvuln_total") == {}
        assert await told(conn, "vedette_affected_images") == {}
        await exposures.run_once(conn, now=NOW + DAY)
    assert await told(conn, "vedette_vulnerabilities") == {}


async def test_what_another_scanner_finds_is_no_pair_of_dash_db(conn: Conn) -> None:
    await see(conn, scan("a", HIGH, source="trivy"))
    for _ in range(2):
        assert await told(conn, "imagemanifestvuln_total") == {}
        assert await told(conn, "vedette_affected_images") == {f"{{{SHOP}}}": 1}
        await exposures.run_once(conn, now=NOW)


@pytest.mark.parametrize("seed", range(4))
async def test_counting_changes_nothing_of_what_is_told_at_once(conn: Conn, seed: int) -> None:
    random = Random(seed)
    for day in range(6):
        scans = [
            scan(
                image,
                *random.sample((HIGH, LOW), random.randint(0, 2)),
                pods=tuple(random.sample(("shop/p1", "shop/p2", "cart/p1"), random.randint(0, 3))),
                source=random.choice(("quay-cso", "trivy")),
                deleted=random.random() < 0.1,
            )
            for image in random.sample(("a", "b", "c"), 2)
        ]
        await see(conn, *scans, now=NOW + day * DAY, complete=random.random() < 0.5)
        families = ("imagemanifestvuln_total", "vedette_affected_images")
        before = [await told(conn, family) for family in families]
        if random.random() < 0.7:
            await exposures.run_once(conn, now=NOW + day * DAY)
        assert [await told(conn, family) for family in families] == before
