"""Grype's reports."""

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
    FixState,
    Package,
    Scan,
    Severity,
    Subject,
    SubjectKind,
)

KIND = "grype"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"
MATCH: dict[str, Any] = {
    "vulnerability": {
        "id": "GHSA-aaaa-bbbb-cccc",
        "dataSource": "https://github.example/1",
        "namespace": "github:language:python",
        "severity": "Negligible",
        "urls": ["https://github.example/1", "https://acme.example/2"],
        "cvss": [],
        "epss": [{"cve": "CVE-2026-1", "epss": 0.9, "percentile": 0.99}],
        "fix": {"versions": ["2.0"], "state": "fixed"},
        "advisories": [{"id": "RHSA-2026:1000", "link": "https://acme.example"}],
        "risk": 4.2,
    },
    "relatedVulnerabilities": [
        {
            "id": "CVE-2026-1111",
            "description": "Files can be read.",
            "cvss": [
                {"type": "Primary", "vector": V2, "metrics": {"baseScore": 7.5}},
                {"type": "Secondary", "vector": V31.replace("C:H", "C:N"), "metrics": {}},
                {"type": "Primary", "vector": V31, "metrics": {"baseScore": 1}},
            ],
        }
    ],
    "matchDetails": [{"type": "exact-direct-match"}],
    "artifact": {
        "name": "gate",
        "version": "1.2",
        "type": "python",
        "locations": [{"path": "/app/gate/METADATA", "layerID": "sha256:1"}],
        "purl": "pkg:pypi/gate@1.2",
    },
}
REPORT: dict[str, Any] = {
    "matches": [MATCH],
    "source": {
        "type": "image",
        "target": {
            "userInput": "registry:quay.io/shop/orders:1.4",
            "manifestDigest": "sha256:99",
            "tags": ["quay.io/shop/orders:1.4"],
            "repoDigests": ["quay.io/shop/orders@sha256:55"],
        },
    },
    "distro": {"name": "debian", "version": "12", "idLike": []},
    "descriptor": {
        "name": "grype",
        "version": "0.94.0",
        "db": {"status": {"schemaVersion": "v6.0.2", "built": "2026-11-20T04:12:38Z"}},
        "timestamp": "2026-11-21T11:43:35.523947199Z",
    },
}


def scan_of(value: Any, **said: str) -> Scan:
    [scan] = read(KIND, value, **said)
    assert isinstance(scan, Scan)
    return scan


def of_target(target: Any, kind: str = "image") -> dict[str, Any]:
    return {**REPORT, "source": {"type": kind, "target": target}}


def test_a_report_is_one_scan_of_an_image() -> None:
    scan = scan_of(REPORT)
    assert recognised(REPORT) == [KIND]
    assert scan.subject == Subject(SubjectKind.IMAGE, "quay.io/shop/orders", "sha256:55", "1.4")
    assert (scan.scanner_version, scan.database_version) == ("0.94.0", "2026-11-20T04:12:38Z")
    assert scan.at == datetime(2026, 11, 21, 11, 43, 35, 523947, tzinfo=UTC)


def test_a_match_keeps_every_name_and_the_newest_primary_score() -> None:
    assert scan_of(REPORT).findings == (
        Finding(
            Package("gate", "1.2", "pypi", "pkg:pypi/gate@1.2", "/app/gate/METADATA"),
            Advisory(
                "GHSA-aaaa-bbbb-cccc",
                feed="github:language:python",
                description="Files can be read.",
                links=("https://github.example/1", "https://acme.example/2"),
                names=("CVE-2026-1111", "RHSA-2026:1000"),
            ),
            Severity.NEGLIGIBLE,
            "Negligible",
            ("2.0",),
            FixState.FIXED,
            9.8,
            V31,
        ),
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("not-fixed", FixState.NOT_FIXED),
        ("wont-fix", FixState.WONT_FIX),
        ("unknown", FixState.UNKNOWN),
        ("", FixState.UNKNOWN),
    ],
)
def test_the_state_of_a_fix_is_the_packagers(state: str, expected: FixState) -> None:
    fix = {"versions": [], "state": state}
    match = {**MATCH, "vulnerability": {**MATCH["vulnerability"], "fix": fix}}
    [found] = scan_of({**REPORT, "matches": [match]}).findings
    assert (found.fix_state, found.fixed_in) == (expected, ())


def test_what_was_ignored_is_kept_as_suppressed() -> None:
    ignored = {
        **MATCH,
        "appliedIgnoreRules": [
            {"vulnerability": "CVE-2026-1111", "reason": "unreachable"},
            {"namespace": "vex", "vex-status": "not_affected"},
        ],
    }
    bare = {**MATCH, "appliedIgnoreRules": [{"fix-state": "wont-fix"}]}
    found = scan_of({**REPORT, "matches": [], "ignoredMatches": [ignored, bare]}).findings
    assert [one.suppressed for one in found] == [
        "unreachable; VEX not_affected",
        "ignored by a rule",
    ]


@pytest.mark.parametrize(
    ("target", "subject"),
    [
        ({"userInput": "busybox:1"}, Subject(SubjectKind.IMAGE, "busybox", "", "1")),
        (
            {"userInput": "docker-archive:a.tar", "tags": ["b:1"], "manifestDigest": "sha256:9"},
            Subject(SubjectKind.IMAGE, "b", "sha256:9", "1"),
        ),
        (
            {"userInput": "b@sha256:7", "repoDigests": ["b@sha256:8"]},
            Subject(SubjectKind.IMAGE, "b", "sha256:7"),
        ),
        ("/srv/shop", Subject(SubjectKind.FILE, "/srv/shop")),
        ('"."', Subject(SubjectKind.FILE, ".")),
    ],
)
def test_the_subject_is_what_grype_was_asked_for(target: Any, subject: Subject) -> None:
    assert scan_of(of_target(target)).subject == subject


@pytest.mark.parametrize("target", ["unknown", "", None, {"userInput": ""}])
def test_what_nobody_names_has_to_be_said(target: Any) -> None:
    assert "what was looked at" in refusal_of(KIND, of_target(target))
    said = scan_of(of_target(target), subject="quay.io/shop/orders:2")
    assert said.subject == Subject(SubjectKind.IMAGE, "quay.io/shop/orders", "", "2")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({**REPORT, "matches": None}, "$.matches"),
        ({key: REPORT[key] for key in ("source", "descriptor")}, "matches"),
        ({**REPORT, "descriptor": {"name": "syft"}}, "'syft'"),
        ({**REPORT, "matches": [{**MATCH, "artifact": {}}]}, "$.matches[0].artifact"),
        ([], "Expected"),
        (None, "Expected"),
    ],
)
def test_what_is_no_such_report_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(REPORT):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(REPORT, place, odd))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(REPORT)))


def test_the_same_flaw_at_two_paths_of_a_real_image_is_two_findings() -> None:
    [document] = fixture("vuln/grype/same_cve_different_paths.json")
    scan = scan_of(document.value)
    assert [(found.advisory.name, found.package.path) for found in scan.findings] == [
        ("CVE-2021-33574", "/usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("CVE-2021-33574", "/lib/x86_64-linux-gnu/libc.so.6"),
    ]
    assert {found.fix_state for found in scan.findings} == {FixState.NOT_FIXED}


def test_real_reports() -> None:
    [document] = fixture("vuln/grype/many_vulns4.json")
    scan = scan_of(document.value)
    assert (scan.subject, len(scan.findings)) == (Subject(SubjectKind.FILE, "."), 9)
    assert scan.findings[-1].advisory.names == ("CVE-2021-23334",)
    assert scan.findings[0].score == 5.0
    [document] = fixture("vuln/grype/many_vulns_with_epss_values.json")
    scan = scan_of(document.value)
    words = [found.word for found in scan.findings]
    assert scan.subject.digest.startswith("sha256:ae39a6f5")
    assert [words.count(word) for word in ("Critical", "High", "Medium", "Low")] == [1, 10, 2, 2]
    [document] = fixture("vuln/grype/no_vuln.json")
    scan = scan_of(document.value)
    assert (scan.findings, scan.complete, scan.subject.tag) == ((), True, "latest")
