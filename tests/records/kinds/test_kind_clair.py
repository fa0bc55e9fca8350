"""Clair's reports: version 4's, and clair-scanner's."""

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

from vedette.records.model import (
    Advisory,
    Finding,
    Package,
    Scan,
    Severity,
    Subject,
    SubjectKind,
)

KIND = "clair"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
DIGEST = "sha256:" + "5" * 64
CVSS = "message/vnd.clair.map.vulnerability; enricher=clair.cvss schema=https://nvd.example"
REPORT: dict[str, Any] = {
    "manifest_hash": DIGEST,
    "packages": {
        "1": {"id": "1", "name": "gate-libs", "version": "0:1.2-3.el8", "source": None},
        "2": {"id": "2", "name": "left", "version": "1.0"},
        "3": {"id": "3", "name": "sound", "version": "7"},
    },
    "distributions": {"1": {"did": "rhel", "version_id": "8"}},
    "environments": {
        "1": [{"package_db": "sqlite:var/lib/rpm", "introduced_in": DIGEST}],
        "2": [{"package_db": "nodejs:app/node_modules/left/package.json"}],
    },
    "vulnerabilities": {
        "10": {
            "id": "10",
            "updater": "rhel-8-updater",
            "name": "RHSA-2026:6457: gate security update (Moderate)",
            "description": "Files can be read.",
            "issued": "2026-09-13T00:00:00Z",
            "links": "https://acme.example/RHSA-2026:6457 https://acme.example/CVE-2026-1111",
            "severity": "Moderate",
            "normalized_severity": "Medium",
            "distribution": {"did": "rhel", "version_id": "8"},
            "fixed_in_version": "0:1.2-4.el8",
        },
        "11": {"name": "CVE-2026-2222", "updater": "osv", "normalized_severity": "Unknown"},
    },
    "package_vulnerabilities": {"1": ["10"], "2": ["10", "11"], "3": None},
    "enrichments": {
        CVSS: [{"10": [{"version": "3.1", "vectorString": V31, "baseScore": 1.0}]}],
        "message/vnd.clair.map.vulnerability; enricher=clair.epss": ["anything"],
    },
}
OLD: dict[str, Any] = {
    "image": "registry:5000/shop/orders:1.4",
    "unapproved": ["CVE-2026-1111"],
    "vulnerabilities": [
        {
            "featurename": "glibc",
            "featureversion": "2.27",
            "vulnerability": "CVE-2026-1111",
            "namespace": "ubuntu:18.04",
            "description": "Files can be read.",
            "link": "https://acme.example/1",
            "severity": "Defcon1",
            "fixedby": "2.28",
        }
    ],
}


def scan_of(value: Any, **said: str) -> Scan:
    [scan] = read(KIND, value, **said)
    assert isinstance(scan, Scan)
    return scan


def test_a_report_is_a_scan_of_a_digest_whose_name_may_be_said() -> None:
    assert recognised(REPORT) == [KIND]
    assert scan_of(REPORT).subject == Subject(SubjectKind.IMAGE, DIGEST, DIGEST)
    said = scan_of(REPORT, subject="quay.io/shop/orders:1.4").subject
    assert said == Subject(SubjectKind.IMAGE, "quay.io/shop/orders", DIGEST, "1.4")


def test_a_sentence_of_red_hats_becomes_an_identifier() -> None:
    assert scan_of(REPORT).findings[0] == Finding(
        Package("gate-libs", "0:1.2-3.el8", "rpm"),
        Advisory(
            "RHSA-2026:6457",
            feed="rhel:8",
            title="RHSA-2026:6457: gate security update (Moderate)",
            description="Files can be read.",
            links=("https://acme.example/RHSA-2026:6457", "https://acme.example/CVE-2026-1111"),
            names=("CVE-2026-1111",),
            published_at=datetime(2026, 9, 13, tzinfo=UTC),
        ),
        Severity.MEDIUM,
        "Moderate",
        ("0:1.2-4.el8",),
        score=9.8,
        vector=V31,
    )


def test_a_package_of_a_language_lies_somewhere() -> None:
    _, left, other = scan_of(REPORT).findings
    assert left.package.path == "app/node_modules/left/package.json"
    assert (other.advisory.name, other.advisory.feed, other.severity) == (
        "CVE-2026-2222",
        "osv",
        Severity.UNKNOWN,
    )


def test_nothing_found_is_an_empty_report() -> None:
    empty = {**REPORT, "vulnerabilities": {}, "package_vulnerabilities": {}, "enrichments": None}
    scan = scan_of(empty)
    assert (scan.findings, scan.complete) == ((), True)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({**REPORT, "packages": {}}, "packages has no '1'"),
        ({**REPORT, "vulnerabilities": {}}, "vulnerabilities has no '10'"),
        ({key: REPORT[key] for key in REPORT if key != "vulnerabilities"}, "vulnerabilities"),
        ({**REPORT, "manifest_hash": ""}, "$.manifest_hash"),
        ({**REPORT, "enrichments": {CVSS: [{"10": 7}]}}, "Expected `array`"),
        ({**OLD, "vulnerabilities": None}, "it was cut"),
        ({**OLD, "image": ""}, "$.image"),
        ([], "Expected"),
        (None, "Expected"),
    ],
)
def test_a_cut_or_foreign_report_is_refused(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


def test_clair_scanners_report_is_read() -> None:
    scan = scan_of(OLD)
    assert recognised(OLD) == [KIND]
    assert scan.subject == Subject(SubjectKind.IMAGE, "registry:5000/shop/orders", "", "1.4")
    [found] = scan.findings
    assert (found.package, found.severity) == (Package("glibc", "2.27"), Severity.DEFCON1)
    assert (found.fixed_in, found.advisory.feed) == (("2.28",), "ubuntu:18.04")
    assert scan.complete


def test_a_list_that_names_more_than_it_describes_closes_nothing() -> None:
    assert not scan_of({**OLD, "unapproved": ["CVE-2026-1111", "CVE-2026-9999"]}).complete
    assert scan_of({**OLD, "unapproved": None, "vulnerabilities": None}).complete


@pytest.mark.parametrize("whole", [REPORT, OLD])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


@pytest.mark.parametrize("whole", [REPORT, OLD])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


def test_a_real_report_of_clair_scanner() -> None:
    [document] = fixture("vuln/clair/clair_few_vuln.json")
    scan = scan_of(document.value)
    assert scan.subject.name.endswith(":443/ubuntu")
    assert [(found.package.name, found.advisory.name) for found in scan.findings] == [
        ("systemd", "CVE-2018-20839"),
        ("e2fsprogs", "CVE-2019-5094"),
        ("glibc", "CVE-2018-11236"),
        ("gnupg2", "CVE-2019-13050"),
    ]
    # It names 35 and describes 4.
    assert not scan.complete
