"""What others know of vulnerabilities: replaced as a whole, never by something older, and not listed is not unknown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.records.test_exposures import NOW, Conn, finding, rows, scan, see

from vedette.records import exposures
from vedette.records.knowledge import feeds
from vedette.records.model import (
    Advisory,
    Bulletin,
    Exploited,
    ExploitedList,
    Finding,
    Package,
    Probabilities,
    Record,
    Statement,
    VexStatus,
)
from vedette.records.outcome import Outcome
from vedette.records.snapshots import apply
from vedette.records.store import Batch

DAY = timedelta(days=1)


async def learn(conn: Conn, *records: Record, now: datetime = NOW) -> Outcome:
    outcome = await apply(conn, "kev", [Batch(records)], by="ci", now=now)
    await exposures.run_once(conn, now=now)
    return outcome


def kev(*cves: str, day: int = 20, catalog: str = "cisa") -> ExploitedList:
    released = datetime(2026, 11, day, tzinfo=UTC)
    entries = tuple(Exploited(cve, "2026-11-20", "2026-12-11", vendor="V") for cve in cves)
    return ExploitedList(catalog, f"2026.11.{day}", released, entries)


def epss(day: int, **percentiles: float) -> Probabilities:
    cves = tuple(name.replace("_", "-") for name in percentiles)
    values = tuple(percentiles.values())
    return Probabilities("v4", f"2026-11-{day}", cves, values, values)


def vex(document: str, status: VexStatus, *, at: datetime = NOW, **more: Any) -> Statement:
    given: dict[str, Any] = {"names": ("CVE-2026-1",), "products": (), **more}
    return Statement(document, "openvex", "vendor", status=status, at=at, **given)


async def test_a_catalogue_is_replaced_as_a_whole_and_says_where_it_comes_from(conn: Conn) -> None:
    await learn(conn, kev("CVE-2026-1", "CVE-2026-2"))
    outcome = await learn(conn, kev("CVE-2026-2", "CVE-2026-3", day=21), now=NOW + DAY)
    assert (outcome.opened, outcome.closed) == (1, 1)
    listed = await rows(conn, "SELECT cve, first_loaded_at FROM records.kev ORDER BY 1")
    assert listed == [("CVE-2026-2", NOW), ("CVE-2026-3", NOW + DAY)]
    (feed,) = await feeds(conn)
    assert (feed.name, feed.version, feed.entries, feed.loaded_by) == (
        "kev:cisa",
        "2026.11.21",
        2,
        "ci",
    )


async def test_two_catalogues_stand_beside_each_other(conn: Conn) -> None:
    await learn(conn, kev("CVE-2026-1"), kev("CVE-2026-1", catalog="enisa"))
    assert await rows(conn, "SELECT count(*) FROM records.kev") == [(2,)]


async def test_an_older_catalogue_changes_nothing_and_is_said_to_be_older(conn: Conn) -> None:
    await learn(conn, kev("CVE-2026-1", day=21))
    outcome = await learn(conn, kev("CVE-2026-2", day=20))
    assert (outcome.older, outcome.opened) == (1, 0)
    assert await rows(conn, "SELECT cve FROM records.kev") == [("CVE-2026-1",)]


async def test_scores_are_those_of_the_newest_day(conn: Conn) -> None:
    await learn(conn, epss(21, CVE_2026_1=0.5, CVE_2026_2=0.1))
    assert (await learn(conn, epss(20, CVE_2026_1=0.9))).older == 1
    outcome = await learn(conn, epss(22, CVE_2026_1=0.75, CVE_2026_3=0.25))
    assert (outcome.opened, outcome.closed, outcome.changed) == (1, 1, 1)
    assert await rows(conn, "SELECT cve, score FROM records.epss ORDER BY 1") == [
        ("CVE-2026-1", 0.75),
        ("CVE-2026-3", 0.25),
    ]
    assert (await learn(conn, epss(22, CVE_2026_1=0.75, CVE_2026_3=0.25))).unchanged == 1


async def test_what_stands_open_moves_as_knowledge_comes(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")))
    ranks = "SELECT identity, rank FROM records.priority ORDER BY 1"
    assert await rows(conn, ranks) == [("CVE-2026-1", 5), ("CVE-2026-2", 5)]
    await learn(conn, epss(22, CVE_2026_1=0.96), kev("CVE-2026-2"))
    assert await rows(conn, ranks) == [("CVE-2026-1", 3), ("CVE-2026-2", 1)]
    await learn(conn, kev("CVE-2026-9", day=22))
    assert await rows(conn, ranks) == [("CVE-2026-1", 3), ("CVE-2026-2", 5)]


async def test_an_erratum_is_as_exploited_and_as_likely_to_be_as_the_worst_that_it_addresses(
    conn: Conn,
) -> None:
    ranks = "SELECT identity, rank, percentile::text FROM records.priority ORDER BY 1"
    erratum = finding("RHSA-2026:1", names=("CVE-2026-1", "CVE-2026-2"))
    await see(conn, scan(erratum, finding("CVE-2026-3", names=("CVE-2026-2",))))
    await learn(conn, epss(22, CVE_2026_1=0.96, CVE_2026_2=0.5))
    assert await rows(conn, ranks) == [("CVE-2026-3", 5, "0"), ("RHSA-2026:1", 3, "0.96")]
    await learn(conn, kev("CVE-2026-2"))
    assert await rows(conn, ranks) == [("CVE-2026-3", 5, "0"), ("RHSA-2026:1", 1, "0.96")]
    other = scan(erratum, namespace="pay", digest="sha256:bb", name="quay.io/shop/pay")
    await see(conn, other, complete=False)
    assert await rows(conn, ranks) == [("CVE-2026-3", 5, "0"), ("RHSA-2026:1", 1, "0.96")]
    days = "SELECT scope, vulnerabilities, exploited FROM records.daily ORDER BY 1, 2"
    assert await rows(conn, days) == [("cluster", 2, 1), ("namespace", 1, 1), ("namespace", 2, 1)]


async def test_a_bulletin_is_kept_with_its_other_names_and_may_be_withdrawn(conn: Conn) -> None:
    advisory = Advisory("GHSA-1", feed="osv", title="Bad", names=("CVE-2026-1",))
    await learn(conn, Bulletin(advisory, score=9.8))
    await learn(conn, Bulletin(advisory, withdrawn=True), now=NOW + DAY)
    kept = await rows(conn, "SELECT name, identity, withdrawn_at FROM records.advisory")
    assert kept == [("GHSA-1", "CVE-2026-1", NOW + DAY)]
    assert await rows(conn, "SELECT name FROM records.alias") == [("CVE-2026-1",)]


COVERED = "SELECT covered_until = 'infinity' FROM records.exposure WHERE ended_at IS NULL"


@pytest.mark.parametrize(
    ("given", "covered"),
    [
        ({}, True),
        ({"products": ("quay.io/shop/orders",)}, True),
        ({"products": ("quay.io/shop/cart",)}, False),
        ({"products": ("openssl@1.0",)}, True),
        ({"products": ("quay.io/shop/orders",), "components": ("openssl",)}, True),
        ({"products": ("quay.io/shop/orders",), "components": ("zlib",)}, False),
        ({"names": ("GHSA-1", "CVE-2026-1")}, True),
        ({"names": ("CVE-2026-2",)}, False),
    ],
)
async def test_a_statement_covers_the_products_it_names(
    conn: Conn, given: dict[str, Any], *, covered: bool
) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED, **given))
    assert await rows(conn, COVERED) == [(covered,)]


@pytest.mark.parametrize("installed", ["libc6@2.36-9%2Bdeb12u4", "libc6@2.36-9+deb12u4"])
@pytest.mark.parametrize("stated", ["libc6@2.36-9%2bdeb12u4", "libc6@2.36-9+deb12u4", "libc6"])
async def test_a_package_url_is_the_same_however_it_is_written(
    conn: Conn, installed: str, stated: str
) -> None:
    purl = f"pkg:deb/debian/{installed}?arch=amd64"
    package = Package("libc6", "2.36-9+deb12u4", "deb", purl)
    await see(conn, scan(Finding(package, Advisory("CVE-2026-1"))))
    products = (f"pkg:deb/debian/{stated}",)
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED, products=products))
    assert await rows(conn, COVERED) == [(True,)]


async def test_a_statement_under_another_name_is_of_the_same_and_one_of_many_is_not(
    conn: Conn,
) -> None:
    erratum = finding("RHSA-2026:1", names=("CVE-2026-1", "CVE-2026-2"))
    await see(conn, scan(finding("CVE-2026-1"), erratum))
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED, names=("GHSA-1",)))
    await learn(conn, Bulletin(Advisory("GHSA-1", feed="osv", names=("CVE-2026-1",))))
    assert await rows(conn, f"{COVERED} ORDER BY identity") == [(True,), (False,)]


async def test_the_newest_of_a_document_stays_and_the_newest_of_all_counts(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED))
    assert (await learn(conn, vex("d1", VexStatus.AFFECTED, at=NOW - DAY))).older == 1
    assert await rows(conn, COVERED) == [(True,)]
    await learn(conn, vex("d2", VexStatus.UNDER_INVESTIGATION, at=NOW + DAY), now=NOW + DAY)
    assert await rows(conn, COVERED) == [(False,)]
    outcome = await learn(conn, vex("d2", VexStatus.FIXED, at=NOW + 2 * DAY), now=NOW + 2 * DAY)
    assert (outcome.opened, outcome.closed) == (1, 1)
    assert await rows(conn, COVERED) == [(True,)]
    assert await rows(conn, "SELECT count(*) FROM records.statement") == [(2,)]


async def test_the_same_statements_again_change_nothing(conn: Conn) -> None:
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED, products=("a\nb", "c")))
    outcome = await learn(conn, vex("d1", VexStatus.NOT_AFFECTED, products=("a\nb", "c")))
    assert (outcome.opened, outcome.closed, outcome.unchanged) == (0, 0, 1)
