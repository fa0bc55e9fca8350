"""A supplier's advisories and VEX in CSAF."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record_documents import (
    assert_read_or_refused,
    fixture,
    places_of,
    read,
    recognised,
    refusal_of,
    spoiled,
    spoilt,
)

from vedette.records.model import Bulletin, Severity, Statement, VexStatus

KIND = "csaf"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V40 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
OPENSSL = "pkg:rpm/shopos/openssl@3.1.1-1?arch=x86_64"
CPE = "cpe:/o:shop:os:9"


def product(identifier: str, name: str, **helper: Any) -> dict[str, Any]:
    return {"product_id": identifier, "name": name, "product_identification_helper": helper}


def component(identifier: str, part: str) -> dict[str, Any]:
    return {
        "category": "default_component_of",
        "full_product_name": {
            "product_id": identifier,
            "name": f"{part} as a component of Shop OS 9",
        },
        "product_reference": part,
        "relates_to_product_reference": "OS9",
    }


CSAF: dict[str, Any] = {
    "document": {
        "category": "csaf_vex",
        "csaf_version": "2.0",
        "title": "openssl",
        "aggregate_severity": {"text": "Important"},
        "publisher": {"category": "vendor", "name": "Shop", "namespace": "https://shop.example"},
        "tracking": {
            "id": "SHOP-2026-1",
            "status": "final",
            "version": "3",
            "current_release_date": "2026-11-05T10:00:00Z",
        },
    },
    "product_tree": {
        "branches": [
            {
                "category": "vendor",
                "name": "Shop",
                "branches": [
                    {"category": "product_name", "product": product("OS9", "Shop OS 9", cpe=CPE)},
                    {"category": "v", "product": product("ssl", "openssl", purl=OPENSSL)},
                    {"category": "v", "product": product("libs", "openssl-libs")},
                ],
            }
        ],
        "full_product_names": [product("cart", "Cart 1.0")],
        "relationships": [component("OS9:ssl", "ssl"), component("OS9:libs", "libs")],
        "product_groups": [{"group_id": "G1", "product_ids": ["OS9:ssl", "OS9:libs"]}],
    },
    "vulnerabilities": [
        {
            "cve": "CVE-2026-1234",
            "ids": [{"system_name": "Bugs", "text": "4711"}, {"text": "GHSA-2222-3333-4444"}],
            "title": "openssl: may\n overflow",
            "cwe": {"id": "CWE-120", "name": "x"},
            "notes": [{"category": "description", "text": "Much to say."}],
            "references": [{"url": "https://shop.example/1"}],
            "release_date": "2026-10-01T10:00:00Z",
            "product_status": {
                "known_affected": ["cart"],
                "known_not_affected": ["OS9:ssl", "OS9:libs"],
            },
            "flags": [{"label": "vulnerable_code_not_present", "group_ids": ["G1"]}],
            "threats": [
                {"category": "impact", "details": "Built without it.", "group_ids": ["G1"]},
                {"category": "exploit_status", "details": "none"},
            ],
            "remediations": [
                {"category": "workaround", "details": "Shut it.", "product_ids": ["cart"]},
                {"category": "vendor_fix", "details": "Take 1.1.", "product_ids": ["cart"]},
            ],
            "scores": [
                {"products": ["cart"], "cvss_v3": {"vectorString": V31, "baseScore": 1.0}},
                {"products": ["cart"], "cvss_v2": {"baseScore": 10.0}},
            ],
        }
    ],
}


def bulletin(value: Any) -> Bulletin:
    found = [one for one in read(KIND, value) if isinstance(one, Bulletin)]
    assert len(found) == 1
    return found[0]


def statements(value: Any) -> list[Statement]:
    return [one for one in read(KIND, value) if isinstance(one, Statement)]


def changed(*place: Any, to: Any = ...) -> Any:
    return spoilt(CSAF, ("vulnerabilities", 0, *place), to)


def test_a_vulnerability_is_a_bulletin() -> None:
    found = bulletin(CSAF)
    advisory = found.advisory
    assert (advisory.name, advisory.names) == ("CVE-2026-1234", ("GHSA-2222-3333-4444",))
    assert (advisory.feed, advisory.title) == ("Shop", "openssl: may overflow")
    assert (advisory.description, advisory.cwes) == ("Much to say.", ("CWE-120",))
    assert advisory.links == ("https://shop.example/1",)
    assert advisory.published_at == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert (found.severity, found.score, found.vector) == (Severity.HIGH, 9.8, V31)
    assert not found.withdrawn
    assert recognised(CSAF) == [KIND]


def test_a_relationship_is_a_component_of_a_product() -> None:
    whole, parts = sorted(statements(CSAF), key=lambda one: len(one.components))
    assert (whole.products, whole.components) == (("Cart 1.0",), ())
    assert (whole.status, whole.action) == (VexStatus.AFFECTED, "Take 1.1.")
    assert CPE in parts.products
    assert "Shop OS 9" in parts.products
    assert OPENSSL in parts.components


def test_what_is_said_of_several_components_alike_is_said_once() -> None:
    stated = [one for one in statements(CSAF) if one.status is VexStatus.NOT_AFFECTED]
    assert [one.justification for one in stated] == ["vulnerable_code_not_present"] * len(stated)
    assert [one.impact for one in stated] == ["Built without it."] * len(stated)
    assert [part for one in stated for part in one.components] == [
        OPENSSL,
        "openssl",
        "openssl-libs",
    ]
    assert all(one.document == "SHOP-2026-1" and one.author == "Shop" for one in stated)
    assert stated[0].at == datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert len(stated) == 1


@pytest.mark.parametrize(
    ("group", "status"),
    [
        ("first_affected", VexStatus.AFFECTED),
        ("last_affected", VexStatus.AFFECTED),
        ("fixed", VexStatus.FIXED),
        ("first_fixed", VexStatus.FIXED),
        ("known_not_affected", VexStatus.NOT_AFFECTED),
        ("under_investigation", VexStatus.UNDER_INVESTIGATION),
    ],
)
def test_each_group_of_products_has_its_status(group: str, status: VexStatus) -> None:
    [stated] = statements(changed("product_status", to={group: ["cart"]}))
    assert stated.status is status


def test_version_2_1_keeps_scores_and_weaknesses_elsewhere() -> None:
    value = spoilt(CSAF, ("document", "csaf_version"), "2.1")
    own = value["vulnerabilities"][0]
    del own["scores"], own["cwe"]
    own["cwes"] = [{"id": "CWE-1"}, {"id": "CWE-2"}]
    own["metrics"] = [
        {"content": {"cvss_v3": {"vectorString": V31}}},
        {"content": {"cvss_v4": {"vectorString": V40, "baseSeverity": "CRITICAL"}}},
    ]
    found = bulletin(value)
    assert (found.score, found.severity) == (9.3, Severity.CRITICAL)
    assert found.advisory.cwes == ("CWE-1", "CWE-2")
    value["document"]["category"] = "csaf_withdrawn"
    assert bulletin(value).withdrawn


def test_a_product_may_be_made_of_one_that_stands_after_it() -> None:
    value = spoilt(CSAF, ("product_tree", "relationships", 0, "product_reference"), "OS9:libs")
    stated = [one for one in statements(value) if one.status is VexStatus.NOT_AFFECTED]
    assert [one.components for one in stated] == [("openssl-libs",)]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "it is no CSAF"),
        ({"document": {}}, "it is no CSAF"),
        (spoilt(CSAF, ("document", "csaf_version"), "1.2"), "its csaf_version is '1.2'"),
        (spoilt(CSAF, ("vulnerabilities",), []), "it lists no vulnerabilities"),
        (spoilt(changed("ids"), ("vulnerabilities", 0, "cve")), "neither `cve` nor `ids`"),
        (
            changed("product_status", to={"fixed": ["nobody"]}),
            "vulnerabilities[0].product_status: 'nobody' is no product",
        ),
        (
            changed("product_status", to={"fixed": ["cart"], "known_affected": ["cart"]}),
            "vulnerabilities[0].product_status: 'cart' is affected and fixed",
        ),
        (
            spoilt(CSAF, ("product_tree", "relationships", 0, "product_reference"), "nobody"),
            "product_tree.relationships[0] is of a product",
        ),
        (changed("scores", to=[5]), "$.vulnerabilities[0].scores[0]"),
        (changed("title", to="x" * 300_000), "$.vulnerabilities[0].title"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


def test_branches_within_branches_are_read_to_any_depth_or_refused() -> None:
    branch: dict[str, Any] = {"product": product("x", "x")}
    for _ in range(900):
        branch = {"branches": [branch]}
    assert_read_or_refused(KIND, spoilt(CSAF, ("product_tree", "branches"), [branch]))


@settings(max_examples=50)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(CSAF)))


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(CSAF):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(CSAF, place, odd))


def test_a_real_advisory() -> None:
    [document] = fixture("vuln/csaf/csaf_one_vuln.json")
    found, stated = read(KIND, document.value)
    assert isinstance(found, Bulletin)
    assert (found.advisory.name, found.score) == ("CVE-2026-10001", 9.8)
    assert found.advisory.cwes == ("CWE-94",)
    assert isinstance(stated, Statement)
    assert (stated.products, stated.status) == (("Generic App 1.0.0",), VexStatus.AFFECTED)
    assert stated.action == "Upgrade to Generic App 1.0.1."


def test_a_real_file_of_another_version_is_refused() -> None:
    [document] = fixture("vuln/csaf/csaf_unsupported_version.json")
    assert recognised(document.value) == [KIND]
    assert "its csaf_version is '1.2'" in refusal_of(KIND, document.value)
