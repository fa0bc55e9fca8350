"""What we decided, given to other tools and read back by our own kinds."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.records.test_exposures import NOW, Conn, finding, scan, see
from tests.records.test_knowledge import learn, vex
from tests.records.test_triage import ACCEPT, NEVER

from vedette.records.documents import read_documents
from vedette.records.export import statements
from vedette.records.kinds import Context
from vedette.records.kinds.cyclonedx import CycloneDx
from vedette.records.kinds.openvex import OpenVex
from vedette.records.model import Record, Statement, VexStatus
from vedette.records.triage import Decision, decide
from vedette.records.vex_rules import keys_of
from vedette.records.vex_written import cyclonedx, openvex

LATER = NOW + timedelta(hours=1)


def read(kind: OpenVex | CycloneDx, document: dict[str, object]) -> list[Record]:
    (given,) = read_documents(json.dumps(document).encode(), source="vex.json")
    return list(kind.read(given, Context(now=LATER)))


async def told(conn: Conn) -> list[Statement]:
    await see(conn, scan(finding("GHSA-1", names=("CVE-2026-1",))))
    await decide(conn, NEVER, by="anna", now=NOW)
    await decide(conn, ACCEPT, by="ben", now=NOW)
    await decide(conn, replace(NEVER, image="quay.io/shop/orders"), by="anna", now=NOW)
    await learn(conn, vex("d1", VexStatus.FIXED, products=("pkg:npm/a@1",)))
    return await statements(conn, now=LATER)


def said(records: list[Record]) -> list[tuple[object, ...]]:
    return [
        (r.names[0], keys_of(r.products), r.status) for r in records if isinstance(r, Statement)
    ]


async def test_openvex_reads_back_as_it_was_decided(conn: Conn) -> None:
    given = await told(conn)
    back = read(OpenVex(), openvex(given, at=NOW))
    assert said(back) == said(list(given))
    assert len(back) == 4
    first, second, *_ = back
    assert isinstance(first, Statement)
    assert isinstance(second, Statement)
    assert first.impact == "behind a proxy"
    assert second.action == "accepted until 2026-11-24: behind a proxy"


async def test_cyclonedx_reads_back_as_it_was_decided(conn: Conn) -> None:
    given = await told(conn)
    back = read(CycloneDx(), cyclonedx(given, at=NOW))
    assert said(back) == said(list(given))


@pytest.mark.parametrize(
    "product",
    [
        "Generic App 1.0.0",
        "cpe:2.3:a:shop:orders:1.0",
        "sha256:" + "ab" * 32,
        "CSAFPID-1?#",
        "a/b:1",
    ],
)
async def test_products_that_are_no_package_urls_read_back_too(conn: Conn, product: str) -> None:
    await learn(conn, vex("d1", VexStatus.FIXED, products=(product,)))
    given = await statements(conn, now=LATER)
    assert said(read(CycloneDx(), cyclonedx(given, at=NOW))) == said(list(given))
    assert said(read(OpenVex(), openvex(given, at=NOW))) == said(list(given))


async def test_a_decision_of_one_package_keeps_to_it(conn: Conn) -> None:
    await see(conn, scan(finding("CVE-2026-1")))
    await decide(conn, replace(NEVER, package="openssl"), by="anna", now=NOW)
    given = await statements(conn, now=LATER)
    (back,) = read(OpenVex(), openvex(given, at=NOW))
    assert isinstance(back, Statement)
    assert keys_of(back.components) == ["openssl"]
    document = cyclonedx(given, at=NOW)
    assert document["vulnerabilities"] == []
    assert document["metadata"]["properties"] == [{"name": "vedette:left-out", "value": "1"}]  # type: ignore[index]


async def test_what_is_no_decision_any_longer_is_not_told(conn: Conn) -> None:
    await decide(conn, ACCEPT, by="ben", now=NOW)
    assert await statements(conn, now=NOW + timedelta(days=3)) == []


async def test_what_need_not_be_mended_in_one_place_is_not_said_of_an_image_that_runs_elsewhere(
    conn: Conn,
) -> None:
    found = finding("CVE-2026-1")
    here = scan(found, digest="sha256:bb", name="quay.io/shop/cart")
    await see(conn, scan(found), here, scan(found, namespace="pay"))
    await decide(conn, replace(NEVER, namespace="shop"), by="anna", now=NOW)
    (told,) = await statements(conn, now=LATER)
    assert ["cart" in product for product in told.products] == [True]
    contrary = replace(NEVER, decision=Decision.AFFECTED, image="quay.io/shop/cart")
    await decide(conn, contrary, by="ben", now=NOW)
    told, _ = await statements(conn, now=LATER)
    assert told.products == ()


async def test_the_cves_that_an_erratum_addresses_are_no_other_names_of_it(conn: Conn) -> None:
    erratum = finding("RHSA-2026:1", names=("CVE-2026-1", "CVE-2026-2"))
    await see(conn, scan(erratum, finding("GHSA-1", names=("CVE-2026-3",))))
    for name in ("RHSA-2026:1", "GHSA-1"):
        await decide(conn, replace(NEVER, name=name), by="anna", now=NOW)
    names = [one.names for one in await statements(conn, now=LATER)]
    assert names == [("RHSA-2026:1",), ("CVE-2026-3", "GHSA-1")]
