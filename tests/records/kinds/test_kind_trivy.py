"""Trivy's reports of images, files and repositories, of every age."""

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
    Validation,
    Validations,
)

KIND = "trivy"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V40 = "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"
DIGEST = "sha256:" + "5" * 64
LEAK: dict[str, Any] = {
    "VulnerabilityID": "CVE-2026-11111",
    "VendorIDs": ["GHSA-aaaa-bbbb-cccc"],
    "PkgName": "acme:gate",
    "PkgPath": "app/gate.jar",
    "PkgIdentifier": {"PURL": "pkg:maven/acme/gate@1.2", "UID": "1"},
    "InstalledVersion": "1.2",
    "FixedVersion": "2.0.1, 1.2.9",
    "Status": "fixed",
    "SeveritySource": "ghsa",
    "PrimaryURL": "https://acme.example/1",
    "DataSource": {"ID": "ghsa", "Name": "GitHub", "URL": "https://github.example"},
    "Title": "gate: files can be\nread",
    "Description": "Files can be read.",
    "Severity": "MEDIUM",
    "CweIDs": ["CWE-22"],
    "CVSS": {
        "nvd": {"V3Vector": V31, "V3Score": 9.8},
        "ghsa": {"V40Vector": V40, "V40Score": 6.3, "V3Vector": V31},
    },
    "References": ["https://acme.example/1", "https://acme.example/2"],
    "PublishedDate": "2026-02-17T19:21:55.757Z",
}
IMAGE: dict[str, Any] = {
    "SchemaVersion": 2,
    "Trivy": {"Version": "0.69.1"},
    "CreatedAt": "2026-11-21T07:07:53.487381123Z",
    "ArtifactName": "quay.io/shop/orders:1.4",
    "ArtifactType": "container_image",
    "Metadata": {
        "OS": {"Family": "debian", "Name": "12.1"},
        "ImageID": "sha256:" + "1" * 64,
        "RepoTags": ["quay.io/shop/orders:1.4"],
        "RepoDigests": ["mirror/orders@sha256:" + "9" * 64, f"quay.io/shop/orders@{DIGEST}"],
    },
    "Results": [
        {
            "Target": "quay.io/shop/orders:1.4 (debian 12.1)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-22222",
                    "PkgName": "apt",
                    "InstalledVersion": "2.6",
                    "Status": "will_not_fix",
                    "Severity": "LOW",
                }
            ],
        },
        {"Target": "Java", "Class": "lang-pkgs", "Type": "jar", "Vulnerabilities": [LEAK]},
        {"Target": "app/key.pem", "Class": "secret", "Secrets": [{"RuleID": "private-key"}]},
    ],
}
MANIFEST = {
    "Target": "deploy/orders.yaml",
    "Class": "config",
    "Type": "kubernetes",
    "MisconfSummary": {"Successes": 30, "Failures": 1},
    "Misconfigurations": [
        {
            "ID": "KSV014",
            "Title": "Root file system is not read-only",
            "Message": "Container 'orders' should set it",
            "Resolution": "Set it.",
            "Severity": "HIGH",
            "Status": "FAIL",
        }
    ],
}


def scan_of(value: Any, **said: str) -> Scan:
    [scan] = read(KIND, value, **said)
    assert isinstance(scan, Scan)
    return scan


def with_results(*results: Any, **fields: Any) -> dict[str, Any]:
    return {**IMAGE, "Results": list(results), **fields}


def test_an_images_report_is_one_scan_of_that_digest() -> None:
    scan = scan_of(IMAGE)
    assert recognised(IMAGE) == [KIND]
    assert scan.subject == Subject(SubjectKind.IMAGE, "quay.io/shop/orders", DIGEST, "1.4")
    assert (scan.source, scan.scanner_version, scan.complete) == ("trivy", "0.69.1", True)
    assert scan.at == datetime(2026, 11, 21, 7, 7, 53, 487381, tzinfo=UTC)
    assert [found.package.name for found in scan.findings] == ["apt", "acme:gate"]


def test_a_finding_keeps_what_trivy_says_of_it() -> None:
    assert scan_of(IMAGE).findings[1] == Finding(
        Package("acme:gate", "1.2", "maven", "pkg:maven/acme/gate@1.2", "app/gate.jar"),
        Advisory(
            "CVE-2026-11111",
            feed="ghsa",
            title="gate: files can be read",
            description="Files can be read.",
            links=("https://acme.example/1", "https://acme.example/2"),
            names=("GHSA-aaaa-bbbb-cccc",),
            cwes=("CWE-22",),
            published_at=datetime(2026, 2, 17, 19, 21, 55, 757000, tzinfo=UTC),
        ),
        Severity.MEDIUM,
        "MEDIUM",
        ("2.0.1", "1.2.9"),
        FixState.FIXED,
        6.3,
        V40,
    )


def test_what_will_not_be_fixed_says_so() -> None:
    apt = scan_of(IMAGE).findings[0]
    assert (apt.package, apt.fix_state, apt.score) == (
        Package("apt", "2.6", "deb"),
        FixState.WONT_FIX,
        None,
    )


@pytest.mark.parametrize(
    ("cvss", "source", "score"),
    [
        ({"nvd": {"V3Vector": V31}, "redhat": {"V3Score": 5.3}}, "redhat", 5.3),
        ({"nvd": {"V3Vector": V31}, "ghsa": {"V3Score": 5.3}}, "debian", 9.8),
        ({"bitnami": {"V3Score": 4.4}, "ghsa": {"V3Score": 5.3}}, "debian", 5.3),
        ({"bitnami": {"V2Vector": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}}, "", 7.5),
        ({"nvd": {"V3Vector": "nonsense", "V3Score": 0}}, "nvd", None),
        ({}, "nvd", None),
    ],
)
def test_the_score_is_of_whoever_gave_the_severity_then_nvds_then_githubs(
    cvss: Any, source: str, score: float | None
) -> None:
    result = {
        **IMAGE["Results"][1],
        "Vulnerabilities": [{**LEAK, "CVSS": cvss, "SeveritySource": source}],
    }
    assert scan_of(with_results(result)).findings[0].score == score


def test_the_same_flaw_at_two_paths_is_two_findings() -> None:
    result = {
        **IMAGE["Results"][1],
        "Vulnerabilities": [LEAK, {**LEAK, "PkgPath": "app/other.jar"}],
    }
    assert len({found.package for found in scan_of(with_results(result)).findings}) == 2


def test_a_package_of_a_lock_file_lies_there() -> None:
    result = {
        "Target": "web/package-lock.json",
        "Class": "lang-pkgs",
        "Type": "npm",
        "Vulnerabilities": [{"VulnerabilityID": "CVE-2026-3", "PkgName": "left"}],
    }
    [found] = scan_of(with_results(result)).findings
    assert found.package == Package("left", "", "npm", "", "web/package-lock.json")


def test_no_vulnerabilities_is_nothing_found() -> None:
    system = {"Target": "orders (debian 12.1)", "Class": "os-pkgs", "Type": "debian"}
    scan = scan_of(with_results(system))
    assert (scan.findings, scan.complete) == ((), True)
    without = {**IMAGE, "ArtifactType": "filesystem"}
    del without["Results"]
    scan = scan_of(without)
    assert (scan.findings, scan.complete) == ((), True)


def test_a_scan_that_looked_at_no_package_closes_nothing() -> None:
    assert not scan_of(with_results(IMAGE["Results"][2])).complete
    # Trivy lists a system that it knows whenever it looks for vulnerabilities.
    assert not scan_of(with_results()).complete


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("filesystem", SubjectKind.FILE),
        ("cyclonedx", SubjectKind.FILE),
        ("repository", SubjectKind.REPOSITORY),
        ("vm", SubjectKind.HOST),
    ],
)
def test_other_artifacts_are_other_subjects(kind: str, subject: SubjectKind) -> None:
    report = {**IMAGE, "ArtifactType": kind, "ArtifactName": "shop"}
    assert scan_of(report).subject == Subject(subject, "shop")
    assert scan_of(report, subject="host:web1").subject == Subject(SubjectKind.HOST, "web1")


def test_an_image_that_was_never_pushed_is_known_by_its_configuration() -> None:
    metadata = {**IMAGE["Metadata"], "RepoDigests": None}
    assert scan_of({**IMAGE, "Metadata": metadata}).subject.digest == "sha256:" + "1" * 64


def test_manifests_in_files_are_validations() -> None:
    [checks] = read(KIND, with_results(MANIFEST), namespace="shop")
    of = ("shop", "File", "deploy/orders.yaml")
    assert checks == Validations(
        "trivy",
        (
            Validation(
                "KSV014",
                *of,
                passed=False,
                word="HIGH",
                message="Container 'orders' should set it",
                description="Root file system is not read-only",
                remediation="Set it.",
            ),
        ),
        datetime(2026, 11, 21, 7, 7, 53, 487381, tzinfo=UTC),
        objects=(of,),
    )
    assert len(read(KIND, with_results(MANIFEST, IMAGE["Results"][0]))) == 2


def test_the_bare_list_of_an_old_trivy_is_read() -> None:
    legacy = [
        {
            "Target": "registry:5000/shop/orders:1.4 (alpine 3.9.4)",
            "Type": "alpine",
            "Vulnerabilities": [LEAK],
        },
        {"Target": "app/package-lock.json", "Type": "npm", "Vulnerabilities": None},
    ]
    scan = scan_of(legacy)
    assert recognised(legacy) == [KIND]
    assert scan.subject == Subject(SubjectKind.IMAGE, "registry:5000/shop/orders", "", "1.4")
    assert len(scan.findings) == 1
    assert "what was looked at" in refusal_of(KIND, legacy[1:])
    assert scan_of(legacy[1:], subject="repository:shop").findings == ()
    assert "nothing was looked at" in refusal_of(KIND, [])


@pytest.mark.parametrize(
    ("report", "why"),
    [
        ({**IMAGE, "SchemaVersion": 3}, "SchemaVersion is 3"),
        ({**IMAGE, "Results": {}}, "$.Results"),
        ({**IMAGE, "ArtifactName": ""}, "$.ArtifactName"),
        (with_results({**IMAGE["Results"][1], "Vulnerabilities": [{"PkgName": "a"}]}), "[0]"),
        ({"kind": "VulnerabilityReport"}, "SchemaVersion"),
        ("text", "SchemaVersion"),
        (None, "SchemaVersion"),
    ],
)
def test_what_is_no_such_report_is_refused_with_its_place(report: Any, why: str) -> None:
    assert why in refusal_of(KIND, report)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(with_results(*IMAGE["Results"], MANIFEST))))


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    whole = with_results(*IMAGE["Results"], MANIFEST)
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


def test_a_real_report_with_vectors_of_version_4() -> None:
    [document] = fixture("vuln/trivy/cvssv4_severity_source.json")
    scan = scan_of(document.value)
    assert scan.subject == Subject(SubjectKind.FILE, "lib/catalina.jar")
    first, second, third = scan.findings
    assert [found.severity for found in scan.findings] == [2 + 1, 2, 2]
    assert first.fixed_in == ("11.0.14", "10.1.49", "9.0.112")
    assert (first.advisory.name, first.advisory.names) == (
        "CVE-2025-66614",
        ("GHSA-fpj8-gq4v-p354",),
    )
    assert (first.score, first.vector) == (6.3, V40)
    assert (second.advisory.name, third.advisory.name) == ("CVE-2025-61795", "CVE-2026-24733")


def test_real_reports_of_schema_2() -> None:
    [document] = fixture("vuln/trivy/scheme_2_many_vulns.json")
    scan = scan_of(document.value)
    assert scan.subject == Subject(SubjectKind.IMAGE, "teamdojo", "", "latest")
    assert [(found.advisory.name, found.severity.title) for found in scan.findings] == [
        ("CVE-2020-15999", "Medium"),
        ("CVE-2020-28196", "High"),
        ("CVE-2019-12900", "Critical"),
        ("CVE-2018-11771", "Medium"),
        ("CVE-2018-1324", "Medium"),
    ]
    [document] = fixture("vuln/trivy/scheme_2_no_vuln.json")
    scan = scan_of(document.value)
    assert (scan.subject.name, scan.findings, scan.complete) == ("trivy-unittest", (), True)


def test_a_real_report_of_an_old_trivy() -> None:
    [document] = fixture("vuln/trivy/legacy_many_vulns.json")
    scan = scan_of(document.value)
    words = [found.word for found in scan.findings]
    assert scan.subject == Subject(SubjectKind.IMAGE, "debian")
    assert {word: words.count(word) for word in words} == {
        "LOW": 65,
        "HIGH": 18,
        "MEDIUM": 9,
        "UNKNOWN": 1,
    }
