"""What we decide of vulnerabilities: where it holds, until when, who said so, and what it changes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.records.test_exposures import NOW, Conn, finding, rows, scan, see
from tests.records.test_knowledge import kev, learn, vex

from vedette.automation import notices_from_kev
from vedette.errors import Conflict, Invalid, Missing
from vedette.records import exposures
from vedette.records.model import VexStatus
from vedette.records.triage import Decision, Wish, decide, decisions, take_back

DAY = timedelta(days=1)
ACCEPT = Wish(
    name="CVE-2026-1", decision=Decision.ACCEPTED, reason="behind a proxy", until=NOW + 2 * DAY
)
NEVER = replace(ACCEPT, decision=Decision.FALSE_POSITIVE, until=None)
OPEN = "SELECT count(*) FROM records.exposure WHERE ended_at IS NULL AND covered_until <= '{}'"


async def uncovered(conn: Conn, at: Any = NOW) -> int:
    await exposures.run_once(conn, now=at)
    return int((await rows(conn, OPEN.format(at.isoformat())))[0][0])


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"namespace": "shop"},
        {"namespace": "shop", "cluster": "c1"},
        {"image": "quay.io/shop/orders"},
        {"package": "openssl"},
    ],
)
async def test_a_decision_covers_what_it_names(conn: Conn, where: dict[str, Any]) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await decide(conn, replace(NEVER, **where), by="anna", now=NOW)
    assert await uncovered(conn) == 0


@pytest.mark.parametrize(
    "where", [{"namespace": "pay"}, {"image": "quay.io/shop/cart"}, {"package": "zlib"}]
)
async def test_a_decision_covers_nothing_else(conn: Conn, where: dict[str, Any]) -> None:
    await see(
        conn, scan(finding("CVE-2026-1")), scan(namespace="pay", digest="sha256:bb", name="x")
    )
    await decide(conn, replace(NEVER, **where), by="anna", now=NOW)
    assert await uncovered(conn) == 1


async def test_one_of_two_packages_covered_is_not_covered(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-1", package="zlib")))
    await decide(conn, replace(NEVER, package="zlib"), by="anna", now=NOW)
    assert await uncovered(conn) == 1


async def test_what_is_accepted_stands_again_when_its_day_has_come(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await decide(conn, ACCEPT, by="anna", now=NOW)
    assert await uncovered(conn) == 0
    assert await uncovered(conn, NOW + DAY) == 0
    assert await uncovered(conn, NOW + 3 * DAY) == 1


async def test_the_decision_that_says_most_exactly_where_holds(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    exact = replace(NEVER, decision=Decision.AFFECTED, image="quay.io/shop/orders")
    await decide(conn, exact, by="anna", now=NOW)
    await decide(conn, NEVER, by="anna", now=NOW + DAY)
    assert await uncovered(conn, NOW + DAY) == 1


async def test_when_the_more_exact_decision_ends_the_other_one_holds_again(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await decide(conn, NEVER, by="anna", now=NOW)
    for day in (1, 2):
        exact = replace(ACCEPT, decision=Decision.AFFECTED, image="quay.io/shop/orders")
        await decide(conn, replace(exact, until=NOW + day * DAY), by="anna", now=NOW)
    assert await uncovered(conn) == 1
    assert await uncovered(conn, NOW + DAY) == 1
    assert await uncovered(conn, NOW + 2 * DAY) == 0


async def test_what_we_decide_counts_before_what_a_supplier_states(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await learn(conn, vex("d1", VexStatus.NOT_AFFECTED))
    assert await uncovered(conn) == 0
    await decide(conn, replace(NEVER, decision=Decision.AFFECTED), by="anna", now=NOW)
    assert await uncovered(conn) == 1


async def test_a_decision_under_another_name_is_of_the_same_and_one_taken_back_is_gone(
    conn: Conn,
) -> None:
    await see(conn, scan(finding("GHSA-1", names=("CVE-2026-1",))))
    made = await decide(conn, replace(NEVER, name="GHSA-1"), by="anna", now=NOW)
    assert made.identity == "CVE-2026-1"
    assert await uncovered(conn) == 0
    await take_back(conn, made.id, by="ben", now=NOW + DAY)
    assert await uncovered(conn, NOW + DAY) == 1
    with pytest.raises(Missing):
        await take_back(conn, made.id, by="ben", now=NOW + DAY)
    said = await rows(
        conn, "SELECT actor, action, object FROM access.audit WHERE action ~ 'triage' ORDER BY id"
    )
    assert said == [
        ("anna", "triage.decide", "vulnerability:CVE-2026-1"),
        ("ben", "triage.end", "vulnerability:CVE-2026-1"),
    ]
    assert [one.ended_by for one in await decisions(conn, name="GHSA-1", now=NOW)] == ["ben"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": None},
        {"until": NOW},
        {"reason": " "},
        {"name": ""},
        {"name": "a\0b"},
        {"justification": "because"},
        {"image": "a", "namespace": "b"},
        {"cluster": "c1"},
    ],
)
async def test_a_decision_that_says_too_little_is_refused(
    conn: Conn, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        await decide(conn, replace(ACCEPT, **wrong), by="anna", now=NOW)


async def test_a_place_that_is_none_or_several_is_named(conn: Conn) -> None:
    with pytest.raises(Missing):
        await decide(conn, replace(ACCEPT, service="nobody"), by="anna", now=NOW)
    await see(conn, scan())
    await see(conn, scan(), cluster="c2")
    with pytest.raises(Conflict):
        await decide(conn, replace(ACCEPT, namespace="shop"), by="anna", now=NOW)


NOTICES = "SELECT identity, catalog, severity, namespaces FROM records.notice"


async def test_what_runs_and_is_exploited_from_now_on_is_told_once(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")))
    await learn(conn, kev("CVE-2026-1"), now=NOW + DAY)
    assert await notices_from_kev.run_once(conn, now=NOW + DAY) == 1
    await learn(conn, kev("CVE-2026-1", catalog="enisa"), now=NOW + DAY)
    assert await notices_from_kev.run_once(conn, now=NOW + DAY) == 0
    assert await rows(conn, NOTICES) == [("CVE-2026-1", "cisa", 4, 1)]


async def test_an_erratum_that_addresses_what_is_exploited_from_now_on_is_told(conn: Conn) -> None:
    await see(conn, scan(finding("RHSA-2026:1", names=("CVE-2026-1", "CVE-2026-2"))))
    await learn(conn, kev("CVE-2026-2"))
    assert await notices_from_kev.run_once(conn, now=NOW) == 1
    assert await rows(conn, "SELECT identity FROM records.notice") == [("RHSA-2026:1",)]


async def test_what_came_when_it_was_listed_already_does_not_run_or_is_no_finding_is_not_told(
    conn: Conn,
) -> None:
    await see(
        conn, scan(finding("CVE-2026-2")), scan(finding("CVE-2026-3"), pods=(), digest="sha256:bb")
    )
    await decide(conn, replace(NEVER, name="CVE-2026-2"), by="anna", now=NOW)
    await learn(conn, kev("CVE-2026-1", "CVE-2026-2", "CVE-2026-3"), now=NOW)
    await see(conn, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), now=NOW + DAY)
    assert await notices_from_kev.run_once(conn, now=NOW + DAY) == 0
