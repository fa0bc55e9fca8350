"""What suppliers state in OpenVEX."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record_documents import (
    NOW,
    assert_read_or_refused,
    fixture,
    places_of,
    read,
    recognised,
    refusal_of,
    spoiled,
    spoilt,
)

from vedette.records.model import Statement, VexStatus

KIND = "openvex"
IMAGE = "pkg:oci/orders?repository_url=registry.example/shop/orders"
OPENSSL = "pkg:apk/wolfi/openssl@3.1.1-r0"
VEX: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://shop.example/vex/1",
    "author": "Shop Security",
    "timestamp": "2026-11-01T10:00:00Z",
    "last_updated": "2026-11-02T10:00:00Z",
    "version": 2,
    "statements": [
        {
            "vulnerability": {
                "@id": "https://nvd.example/CVE-2026-1234",
                "name": "CVE-2026-1234",
                "aliases": ["GHSA-2222-3333-4444"],
            },
            "products": [
                {
                    "@id": IMAGE,
                    "identifiers": {
                        "purl": IMAGE,
                        "cpe23": "cpe:2.3:a:shop:orders:1:*:*:*:*:*:*:*",
                    },
                    "hashes": {"sha-256": "ab" * 32},
                    "subcomponents": [{"@id": OPENSSL}, "pkg:apk/wolfi/libssl3@3.1.1-r0"],
                }
            ],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
            "timestamp": "2026-10-01T10:00:00Z",
        },
        {
            "vulnerability": {"name": "CVE-2026-5678"},
            "products": [{"@id": OPENSSL}],
            "status": "affected",
            "action_statement": "Update to 3.1.2.",
        },
    ],
}
OLD: dict[str, Any] = {
    "@context": "https://openvex.dev/ns",
    "@id": "vex-1",
    "author": "Shop",
    "timestamp": "2023-01-08T18:02:03-06:00",
    "version": "1",
    "statements": [
        {
            "vulnerability": "CVE-2023-12345",
            "products": [IMAGE],
            "subcomponents": [OPENSSL],
            "status": "fixed",
        }
    ],
}


def statements(value: Any, **said: str) -> list[Statement]:
    found = read(KIND, value, **said)
    assert all(isinstance(one, Statement) for one in found)
    return [one for one in found if isinstance(one, Statement)]


def test_a_statement_is_about_components_of_products() -> None:
    first, second = statements(VEX)
    assert first.names == ("CVE-2026-1234", "GHSA-2222-3333-4444")
    assert first.products == (
        IMAGE,
        "cpe:2.3:a:shop:orders:1:*:*:*:*:*:*:*",
        "sha256:" + "ab" * 32,
    )
    assert first.components == (OPENSSL, "pkg:apk/wolfi/libssl3@3.1.1-r0")
    assert (first.status, first.justification) == (
        VexStatus.NOT_AFFECTED,
        "vulnerable_code_not_in_execute_path",
    )
    assert (first.document, first.author) == ("https://shop.example/vex/1", "Shop Security")
    assert first.at == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert (second.products, second.components) == ((OPENSSL,), ())
    assert (second.status, second.action) == (VexStatus.AFFECTED, "Update to 3.1.2.")
    assert second.at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert recognised(VEX) == [KIND]


def test_the_first_version_names_things_by_strings() -> None:
    [found] = statements(OLD)
    assert (found.names, found.products, found.components) == (
        ("CVE-2023-12345",),
        (IMAGE,),
        (OPENSSL,),
    )
    assert found.at == datetime(2023, 1, 9, 0, 2, 3, tzinfo=UTC)


def test_a_statement_without_products_is_about_what_the_operator_says() -> None:
    bare = spoilt(OLD, ("statements", 0, "products"))
    [found] = statements(bare, subject="registry.example/shop/orders")
    assert found.products == ("registry.example/shop/orders",)
    assert "statements[0] names no products" in refusal_of(KIND, bare)


def test_a_time_to_come_is_now() -> None:
    assert statements(OLD | {"timestamp": "9999-01-01T00:00:00Z"})[0].at == NOW


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (["not", "a", "document"], "it is no OpenVEX document"),
        (VEX | {"@context": "https://openvex.dev/ns/v0.3.0"}, "a version not known here"),
        (spoilt(VEX, ("statements",), []), "it states nothing"),
        (spoilt(VEX, ("statements", 0, "status"), "maybe"), "$.statements[0].status"),
        (spoilt(VEX, ("statements", 0, "justification")), "statements[0]: not_affected without"),
        (spoilt(VEX, ("statements", 1, "vulnerability"), {}), "statements[1].vulnerability has no"),
        (spoilt(VEX, ("author",)), "author"),
    ],
)
def test_what_states_nothing_certain_is_refused(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


@pytest.mark.parametrize("whole", [VEX, OLD])
@settings(max_examples=40)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


@pytest.mark.parametrize("whole", [VEX, OLD])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


def test_a_real_document() -> None:
    [document] = fixture("vuln/openvex/openvex_many_vuln.json")
    found = statements(document.value)
    assert [one.names[0] for one in found] == [f"CVE-2024-1000{n}" for n in range(1, 7)]
    assert [one.status.value for one in found] == [
        "not_affected",
        "affected",
        "fixed",
        "under_investigation",
        "not_affected",
        "not_affected",
    ]
    assert found[4].names == ("CVE-2024-10005", "GHSA-jfh8-c2jp-5v3q")
    assert found[4].impact == "The affected code path is disabled at build time."
    assert found[5].products == ("pkg:apk/alpine/openssl@1.1.1k-r0",)


def test_a_real_file_that_is_no_document() -> None:
    [document] = fixture("vuln/openvex/openvex_not_a_document.json")
    assert "it is no OpenVEX document" in refusal_of(KIND, document.value)
