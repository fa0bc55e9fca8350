"""What closing a snapshot makes of what was filled in: the semantics of a vulnerability's life."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from vedette.errors import Conflict, Denied, Invalid, Missing
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
from vedette.records.rules import digest_of, union_of
from vedette.records.snapshots import apply, close_snapshot, expire, fill, open_snapshot
from vedette.records.store import Batch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KIND = "imagemanifestvuln"
Conn = AsyncConnection[Any]


def finding(name: str, package: str = "openssl", severity: Severity = Severity.HIGH) -> Finding:
    return Finding(Package(package, "1.0"), Advisory(name), severity, severity.title, ("1.1",))


def scan(
    *findings: Finding,
    digest: str = "sha256:aa",
    pods: Iterable[str] = ("p1",),
    name: str = "quay.io/shop/orders",
    **rest: Any,
) -> Scan:
    return Scan(
        "quay-cso",
        Subject(SubjectKind.IMAGE, name, digest),
        findings,
        tuple(Presence("shop", pod=f"shop/{pod}") for pod in pods),
        namespaces=("shop",),
        **rest,
    )


async def snapshot(conn: Conn, *scans: Scan, cluster: str = "c1", now: datetime = NOW) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=now)
    for one in scans:
        await fill(conn, opened.token, KIND, [one], cluster=cluster)
    await close_snapshot(conn, opened.token, KIND, now=now)


async def rows(conn: Conn, sql: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql.encode())).fetchall()


OPEN = """
    SELECT a.name, p.name, f.severity FROM records.finding f
    JOIN records.advisory a ON a.id = f.advisory_id JOIN records.package p ON p.id = f.package_id
    WHERE fixed_at IS NULL ORDER BY 1, 2"""
PODS = """
    SELECT c.name, n.name, p.pod FROM records.presence p JOIN fleet.namespace n ON n.id = p.namespace_id
    JOIN fleet.cluster c ON c.id = n.cluster_id WHERE gone_at IS NULL ORDER BY 1, 2, 3"""


async def test_nothing_is_seen_before_the_snapshot_is_closed(conn: Conn) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    await fill(conn, opened.token, KIND, [scan(finding("CVE-1"))], cluster="c1")
    assert await rows(conn, OPEN) == []
    outcome = await close_snapshot(conn, opened.token, KIND, now=NOW)
    assert await rows(conn, OPEN) == [("CVE-1", "openssl", 4)]
    assert outcome.created == [
        ("cluster", "c1"),
        ("namespace", "shop"),
        ("image", "quay.io/shop/orders"),
        ("feature", "openssl"),
        ("severity", "High"),
        ("vulnerability", "CVE-1"),
    ]


async def test_the_same_again_changes_nothing_and_costs_a_row(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")))
    before = await rows(conn, "SELECT * FROM records.finding")
    await snapshot(conn, scan(finding("CVE-1")), now=NOW + DAY)
    assert await rows(conn, "SELECT * FROM records.finding") == before
    assert await rows(conn, PODS) == [("c1", "shop", "shop/p1")]
    assert await rows(conn, "SELECT opened, closed, changed FROM records.report ORDER BY at") == [
        (1, None, None),
        (None, None, None),
    ]


async def test_what_a_newer_look_lacks_is_fixed_and_what_differs_changes(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1"), finding("CVE-2")))
    changed = finding("CVE-2", severity=Severity.CRITICAL)
    await snapshot(conn, scan(changed, finding("CVE-3")), now=NOW + DAY)
    assert await rows(conn, OPEN) == [("CVE-2", "openssl", 5), ("CVE-3", "openssl", 4)]
    assert await rows(conn, "SELECT fixed_at FROM records.finding WHERE fixed_at IS NOT NULL") == [
        (NOW + DAY,)
    ]
    assert await rows(conn, "SELECT counts FROM records.scan") == [([0, 0, 0, 0, 1, 1, 0],)]


async def test_a_look_that_is_incomplete_fixes_nothing(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")))
    await snapshot(conn, scan(finding("CVE-2"), complete=False), now=NOW + DAY)
    assert await rows(conn, OPEN) == [("CVE-1", "openssl", 4), ("CVE-2", "openssl", 4)]
    assert await rows(conn, "SELECT counts FROM records.scan") == [([0, 0, 0, 0, 2, 0, 0],)]
    await snapshot(conn, scan(finding("CVE-2")), now=NOW + 2 * DAY)
    assert await rows(conn, OPEN) == [("CVE-2", "openssl", 4)]


async def test_of_two_snapshots_the_one_opened_later_wins_whenever_it_closes(conn: Conn) -> None:
    older = await open_snapshot(conn, KIND, by="t", now=NOW)
    await fill(conn, older.token, KIND, [scan(finding("CVE-1"), pods=["old"])], cluster="c1")
    await snapshot(conn, scan(finding("CVE-2"), pods=["new"]), now=NOW + DAY)
    outcome = await close_snapshot(conn, older.token, KIND, now=NOW + 2 * DAY)
    assert outcome.older == 1
    assert await rows(conn, OPEN) == [("CVE-2", "openssl", 4)]
    assert await rows(conn, PODS) == [("c1", "shop", "shop/new")]


async def test_a_cluster_that_a_snapshot_does_not_name_is_left_alone(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")))
    await snapshot(conn, scan(finding("CVE-1"), pods=["p9"]), cluster="c2", now=NOW + DAY)
    assert await rows(conn, PODS) == [("c1", "shop", "shop/p1"), ("c2", "shop", "shop/p9")]


async def test_an_image_that_a_complete_snapshot_does_not_name_runs_no_longer(conn: Conn) -> None:
    other = scan(finding("CVE-2"), digest="sha256:bb", pods=["p2"])
    await snapshot(conn, scan(finding("CVE-1")), other)
    await snapshot(conn, other, now=NOW + DAY)
    assert await rows(conn, PODS) == [("c1", "shop", "shop/p2")]
    assert len(await rows(conn, OPEN)) == 2  # nobody looked at the first image and found it mended


async def test_one_document_applied_speaks_for_its_image_alone(conn: Conn) -> None:
    other = scan(finding("CVE-2"), digest="sha256:bb", pods=["p2"])
    await snapshot(conn, scan(finding("CVE-1")), other)
    await apply(
        conn, KIND, [Batch((scan(finding("CVE-1"), pods=["p3"]),), "c1")], by="t", now=NOW + DAY
    )
    assert await rows(conn, PODS) == [("c1", "shop", "shop/p2"), ("c1", "shop", "shop/p3")]


async def test_a_finding_is_as_old_as_the_software_under_that_name(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")))
    rebuilt = scan(finding("CVE-1"), finding("CVE-2"), digest="sha256:bb")
    await snapshot(conn, rebuilt, now=NOW + DAY)
    assert await rows(
        conn,
        "SELECT a.name, f.since_at, f.first_seen_at FROM records.finding f"
        " JOIN records.advisory a ON a.id = f.advisory_id JOIN records.scan s ON s.id = f.scan_id"
        " JOIN records.subject i ON i.id = s.subject_id WHERE i.digest = 'sha256:bb' ORDER BY 1",
    ) == [("CVE-1", NOW, NOW + DAY), ("CVE-2", NOW + DAY, NOW + DAY)]


async def test_two_documents_of_one_image_are_one_look(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1"), pods=["p1"]), scan(finding("CVE-1"), pods=["p2"]))
    assert await rows(conn, OPEN) == [("CVE-1", "openssl", 4)]
    assert len(await rows(conn, PODS)) == 2


async def test_texts_packages_and_images_are_kept_once(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")), scan(finding("CVE-1"), digest="sha256:bb"))
    counts = (
        "SELECT (SELECT count(*) FROM records.package), (SELECT count(*) FROM records.advisory)"
    )
    assert await rows(conn, counts) == [(1, 1)]


async def test_an_empty_snapshot_empties_nothing(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1")))
    await snapshot(conn, now=NOW + DAY)
    assert await rows(conn, PODS) == [("c1", "shop", "shop/p1")]


async def test_a_token_of_another_kind_is_refused_and_a_closed_one(conn: Conn) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    with pytest.raises(Denied, match="this token is for imagemanifestvuln"):
        await fill(conn, opened.token, "dora", [scan()], cluster="c1")
    await close_snapshot(conn, opened.token, KIND, now=NOW)
    with pytest.raises(Conflict, match="token is closed for data"):
        await fill(conn, opened.token, KIND, [scan()], cluster="c1")


async def test_a_snapshot_that_nobody_closes_expires_with_what_was_filled_in(conn: Conn) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    await fill(conn, opened.token, KIND, [scan(finding("CVE-1"))], cluster="c1")
    assert await expire(conn, now=NOW) == 0
    assert await expire(conn, now=opened.expires_at) == 1
    assert await rows(conn, "SELECT * FROM records.staged") == []
    with pytest.raises(Conflict):
        await close_snapshot(conn, opened.token, KIND, now=NOW + DAY)


async def test_a_token_nobody_gave_is_not_found(conn: Conn) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    await conn.execute("DELETE FROM records.snapshot")
    with pytest.raises(Missing, match="token not found"):
        await close_snapshot(conn, opened.token, KIND, now=NOW)


def operated(container: str, digest: str, **rest: Any) -> Scan:
    return Scan(
        "trivy-operator",
        Subject(SubjectKind.IMAGE, "quay.io/shop/orders", digest),
        (finding("CVE-1"),),
        (Presence("shop", workload="ReplicaSet/orders", container=container),),
        **rest,
    )


RUNNING = """
    SELECT s.digest, p.container FROM records.presence p JOIN records.subject s ON s.id = p.subject_id
    WHERE gone_at IS NULL ORDER BY 2, 1"""


async def test_a_workloads_container_runs_one_image_at_a_time(conn: Conn) -> None:
    first = [operated("app", "sha256:aa"), operated("init", "sha256:aa")]
    await apply(conn, "trivy-operator", [Batch((one,), "c1") for one in first], by="t", now=NOW)
    later = Batch((operated("app", "sha256:bb"),), "c1")
    await apply(conn, "trivy-operator", [later], by="t", now=NOW + DAY)
    assert await rows(conn, RUNNING) == [("sha256:bb", "app"), ("sha256:aa", "init")]


async def applied(conn: Conn, *scans: Scan, now: datetime) -> None:
    await apply(conn, "trivy-operator", [Batch((one,), "c1") for one in scans], by="t", now=now)


async def test_of_two_documents_at_once_the_one_stored_later_still_says_where_its_image_runs(
    conn: Conn,
) -> None:
    await applied(conn, operated("app", "sha256:aa"), now=NOW + DAY)
    await applied(conn, operated("init", "sha256:aa"), now=NOW)
    await applied(conn, operated("app", "sha256:bb"), now=NOW)
    assert await rows(conn, RUNNING) == [("sha256:aa", "app"), ("sha256:aa", "init")]


async def test_an_old_delete_ends_nothing_that_came_after_it(conn: Conn) -> None:
    await applied(conn, operated("init", "sha256:aa"), now=NOW)
    await applied(conn, operated("app", "sha256:aa"), now=NOW + 2 * DAY)
    gone = [operated(container, "sha256:aa", deleted=True) for container in ("app", "init")]
    await applied(conn, *gone, now=NOW + DAY)
    assert await rows(conn, RUNNING) == [("sha256:aa", "app")]


async def test_after_a_document_of_one_image_an_older_snapshot_says_where_the_others_run(
    conn: Conn,
) -> None:
    first = await open_snapshot(conn, KIND, by="t", now=NOW)
    second = await open_snapshot(conn, KIND, by="t", now=NOW + DAY)
    for opened in (first, second):
        await fill(conn, opened.token, KIND, [scan(pods=["old"])], cluster="c1")
    await fill(conn, second.token, KIND, [scan(digest="sha256:bb", pods=["b"])], cluster="c1")
    later = Batch((scan(pods=["new"]),), "c1")
    await apply(conn, KIND, [later], by="t", now=NOW + 2 * DAY)
    await close_snapshot(conn, second.token, KIND, now=NOW + 2 * DAY)
    assert [row[2] for row in await rows(conn, PODS)] == ["shop/b", "shop/new"]
    await close_snapshot(conn, first.token, KIND, now=NOW + 2 * DAY)
    assert [row[2] for row in await rows(conn, PODS)] == ["shop/b", "shop/new"]


async def test_a_report_that_is_deleted_ends_its_own_container_alone(conn: Conn) -> None:
    first = [operated("app", "sha256:aa"), operated("init", "sha256:aa")]
    await apply(conn, "trivy-operator", [Batch((one,), "c1") for one in first], by="t", now=NOW)
    gone = Batch((operated("app", "sha256:aa", deleted=True),), "c1")
    await apply(conn, "trivy-operator", [gone], by="t", now=NOW + DAY)
    assert await rows(conn, RUNNING) == [("sha256:aa", "init")]
    assert len(await rows(conn, OPEN)) == 1


async def test_two_texts_of_one_vulnerability_in_one_package_are_one_finding(conn: Conn) -> None:
    told = [
        Finding(Package("openssl"), Advisory("CVE-1", description=text), severity)
        for text, severity in (("short", Severity.LOW), ("longer", Severity.HIGH))
    ]
    await snapshot(conn, scan(*told))
    assert await rows(conn, OPEN) == [("CVE-1", "openssl", 4)]
    assert await rows(conn, "SELECT description FROM records.advisory") == [("longer",)]


async def test_what_two_scanners_find_in_one_image_is_of_each(conn: Conn) -> None:
    other = Scan("trivy", scan().subject, (finding("CVE-2"),))
    await snapshot(conn, scan(finding("CVE-1")), other)
    held = """
        SELECT o.name, a.name FROM records.finding f JOIN records.scan s ON s.id = f.scan_id
        JOIN records.source o ON o.id = s.source_id JOIN records.advisory a ON a.id = f.advisory_id ORDER BY 1"""
    assert await rows(conn, held) == [("quay-cso", "CVE-1"), ("trivy", "CVE-2")]


async def test_a_changed_text_replaces_the_one_before_and_adds_its_names(conn: Conn) -> None:
    await snapshot(conn, scan(finding("GHSA-1")))
    named = Advisory("GHSA-1", description="more", names=("CVE-1",))
    await snapshot(conn, scan(Finding(Package("openssl", "1.0"), named)), now=NOW + DAY)
    kept = "SELECT name, identity, description FROM records.advisory"
    assert await rows(conn, kept) == [("GHSA-1", "CVE-1", "more")]
    assert await rows(conn, "SELECT name FROM records.alias") == [("CVE-1",)]


async def test_files_of_one_snapshot_count_from_when_each_looked(conn: Conn) -> None:
    await snapshot(conn, scan(finding("CVE-1"), at=NOW))
    files = [
        Batch((scan(finding("CVE-2"), at=NOW - DAY),), "c1"),
        Batch((scan(finding("CVE-3"), digest="sha256:bb", pods=["p2"], at=NOW - DAY),), "c1"),
    ]
    for complete in (False, True):
        await apply(conn, KIND, files, by="t", now=NOW + DAY, complete=complete)
        assert [row[0] for row in await rows(conn, OPEN)] == ["CVE-1", "CVE-3"]
        assert [row[2] for row in await rows(conn, PODS)] == ["shop/p1", "shop/p2"]


async def test_of_several_looks_at_one_image_handed_in_at_once_the_newest_complete_one_counts(
    conn: Conn,
) -> None:
    looks = [
        scan(finding("CVE-4"), at=NOW, complete=False, pods=["p4"]),
        scan(finding("CVE-2"), at=NOW - DAY, pods=["p2"]),
        scan(finding("CVE-1"), finding("CVE-2"), at=NOW - 2 * DAY),
        scan(finding("CVE-3"), at=NOW - DAY, pods=["p3"]),
    ]
    await apply(conn, KIND, [Batch((one,), "c1") for one in looks], by="t", now=NOW + DAY)
    assert [row[0] for row in await rows(conn, OPEN)] == ["CVE-2", "CVE-3", "CVE-4"]
    assert [row[2] for row in await rows(conn, PODS)] == [
        "shop/p1",
        "shop/p2",
        "shop/p3",
        "shop/p4",
    ]
    assert await rows(conn, "SELECT last_at FROM records.scan") == [(NOW,)]


async def test_of_tags_without_a_digest_none_replaces_the_other(conn: Conn) -> None:
    def tagged(tag: str, name: str, at: datetime) -> Scan:
        subject = Subject(SubjectKind.IMAGE, "quay.io/shop/orders", tag=tag)
        return Scan("trivy-operator", subject, (finding(name),), at=at)

    await applied(conn, tagged("1", "CVE-1", NOW - DAY), tagged("2", "CVE-2", NOW), now=NOW)
    assert [row[0] for row in await rows(conn, OPEN)] == ["CVE-1", "CVE-2"]
    await applied(conn, tagged("2", "CVE-3", NOW + DAY), now=NOW + DAY)
    assert [row[0] for row in await rows(conn, OPEN)] == ["CVE-1", "CVE-3"]


def test_of_what_is_found_twice_the_first_of_the_gravest_words_counts() -> None:
    def said(severity: Severity, word: str) -> Finding:
        return Finding(Package("openssl", "1.0"), Advisory("CVE-1"), severity, word)

    low, high = said(Severity.LOW, "a"), said(Severity.HIGH, "b")
    other = Finding(Package("zlib", "1"), Advisory("CVE-1"))
    scans = [scan(low, other), scan(high, said(Severity.HIGH, "c"), said(Severity.MEDIUM, "d"))]
    assert list(union_of(scans).values()) == [high, other]
    assert list(union_of(scans[::-1]).values()) == [high, other]


def test_of_what_was_found_the_order_does_not_count_and_everything_else_does() -> None:
    found = [finding("CVE-1"), finding("CVE-2"), finding("CVE-2", package="zlib")]
    digest = digest_of(found)
    assert digest_of(found[::-1]) == digest
    others = [found[:2], [*found, found[0]], [*found[:2], finding("CVE-2", severity=Severity.LOW)]]
    assert len({digest, *map(digest_of, others)}) == 4


WIDE = "\U0001f4a5"
"""A character of four bytes."""


@pytest.mark.parametrize(
    "odd",
    [
        scan(name=WIDE * 651, digest=""),
        scan(finding("CVE-1", package=WIDE * 651)),
        scan(finding(WIDE * 651)),
        scan(Finding(Package("p"), Advisory("CVE-1", names=("x" * 2_601,)))),
        scan(Finding(Package("p"), Advisory("CVE-1"), Severity.HIGH, WIDE * 651)),
        scan(digest=WIDE * 651),
        scan(pods=["x" * 2_600]),
    ],
)
async def test_a_name_that_no_index_holds_is_refused_while_its_writer_listens(
    conn: Conn, odd: Scan
) -> None:
    opened = await open_snapshot(conn, KIND, by="t", now=NOW)
    with pytest.raises(Invalid, match="more than 2600 bytes"):
        await fill(conn, opened.token, KIND, [odd], cluster="c1")


async def test_the_longest_names_are_kept_whatever_their_letters(conn: Conn) -> None:
    def long(first: str) -> str:  # such that no index can pack it
        return first + "".join(chr(0x20000 + number * 7919 % 0xA000) for number in range(649))

    other = (long("x"),)
    found = Finding(Package(long("p")), Advisory(long("a"), names=other), Severity.HIGH, "High")
    await snapshot(conn, scan(found, name=long("s"), digest=""))
    assert await rows(conn, OPEN) == [(long("a"), long("p"), 4)]
