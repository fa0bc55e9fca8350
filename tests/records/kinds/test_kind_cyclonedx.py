"""Bills of materials with vulnerabilities, and what CycloneDX says of those of others."""

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
    Bulletin,
    Finding,
    Package,
    Scan,
    Severity,
    Statement,
    Subject,
    SubjectKind,
    VexStatus,
)

KIND = "cyclonedx"
SERIAL = "3e671687-395b-41f5-a30f-a58921a69b70"
DIGEST = "sha256:" + "ab" * 32
OPENSSL = "pkg:apk/wolfi/openssl@3.1.1-r0"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"


def vulnerability(ref: str = "ssl", **more: Any) -> dict[str, Any]:
    return {
        "id": "CVE-2026-1234",
        "source": {"name": "wolfi", "url": "https://wolfi.example/1"},
        "references": [{"id": "GHSA-2222-3333-4444", "source": {"url": "https://gh.example/1"}}],
        "ratings": [
            {"source": {"name": "nvd"}, "severity": "critical", "method": "CVSSv31", "vector": V31},
            {"source": {"name": "wolfi"}, "severity": "high"},
            {"method": "CVSSv2", "vector": V2, "score": 7.5},
        ],
        "cwes": [120],
        "description": "Much to say.",
        "recommendation": "Upgrade openssl to version 3.1.2-r0; Upgrade libssl3 to version 4.0.0",
        "advisories": [{"url": "https://wolfi.example/2"}],
        "published": "2026-10-01T10:00:00Z",
        "affects": [{"ref": ref}],
    } | more


def bom(*vulnerabilities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{SERIAL}",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-01T10:00:00Z",
            "tools": {"components": [{"name": "Trivy", "version": "0.70.0"}]},
            "component": {
                "bom-ref": "image",
                "type": "container",
                "name": "registry.example/shop/orders:1",
                "purl": f"pkg:oci/orders@{DIGEST.replace(':', '%3A')}?arch=amd64",
            },
        },
        "components": [
            {
                "name": "wolfi",
                "type": "operating-system",
                "components": [
                    {"name": "openssl", "version": "3.1.1-r0", "purl": OPENSSL, "bom-ref": "ssl"}
                ],
            }
        ],
        "vulnerabilities": list(vulnerabilities),
    } | more


def only(value: Any, **said: str) -> Scan:
    [found] = read(KIND, value, **said)
    assert isinstance(found, Scan)
    return found


def one_of(value: Any) -> Finding:
    [finding] = only(value).findings
    return finding


def test_a_vulnerability_of_a_component_is_a_finding() -> None:
    scan = only(bom(vulnerability()))
    assert scan.subject == Subject(SubjectKind.IMAGE, "registry.example/shop/orders", DIGEST, "1")
    assert (scan.source, scan.scanner_version, scan.complete) == ("trivy", "0.70.0", True)
    assert scan.at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    [finding] = scan.findings
    assert finding.package == Package("openssl", "3.1.1-r0", "apk", OPENSSL)
    advisory = finding.advisory
    assert (advisory.name, advisory.names) == ("CVE-2026-1234", ("GHSA-2222-3333-4444",))
    assert (advisory.feed, advisory.cwes) == ("wolfi", ("CWE-120",))
    assert advisory.links == (
        "https://wolfi.example/1",
        "https://wolfi.example/2",
        "https://gh.example/1",
    )
    assert advisory.published_at == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert finding.fixed_in == ("3.1.2-r0",)
    assert recognised(bom()) == [KIND]


def test_the_score_is_of_the_newest_cvss_and_the_word_of_the_vulnerabilitys_own_source() -> None:
    finding = one_of(bom(vulnerability()))
    assert (finding.severity, finding.word) == (Severity.HIGH, "high")
    assert (finding.score, finding.vector) == (9.8, V31)


@pytest.mark.parametrize(
    ("ratings", "severity", "score"),
    [
        ([], Severity.UNKNOWN, None),
        ([{"method": "CVSSv3", "vector": V31.removeprefix("CVSS:3.1/")}], Severity.CRITICAL, 9.8),
        ([{"method": "CVSSv2", "vector": V2}], Severity.HIGH, 7.5),
        ([{"method": "CVSSv31", "score": 5.0}], Severity.MEDIUM, 5.0),
        ([{"method": "CVSSv31", "score": 50.0}], Severity.UNKNOWN, None),
        ([{"method": "OWASP", "score": 50.0, "severity": "low"}], Severity.LOW, None),
        ([{"severity": "none"}, {"severity": "info"}], Severity.NEGLIGIBLE, None),
    ],
)
def test_severity_of_whatever_ratings_there_are(
    ratings: Any, severity: Severity, score: float | None
) -> None:
    finding = one_of(bom(vulnerability(ratings=ratings)))
    assert (finding.severity, finding.score) == (severity, score)


def test_where_the_affected_ranges_end_it_is_mended() -> None:
    versions = [
        {"range": "vers:semver/2.7.0|<2.8.11", "status": "affected"},
        {"range": "vers:semver/>=2.9.0|<2.9.5%2Bb1"},
        {"range": "vers:semver/>=3.0.0", "status": "unaffected"},
        {"version": "3.1.1-r0", "status": "affected"},
    ]
    finding = one_of(bom(vulnerability(affects=[{"ref": "ssl", "versions": versions}])))
    assert finding.fixed_in == ("2.8.11", "2.9.5+b1", "3.0.0")
    assert finding.suppressed == ""
    versions = [{"version": "3.1.1-r0", "status": "unaffected"}]
    finding = one_of(bom(vulnerability(affects=[{"ref": "ssl", "versions": versions}])))
    assert finding.suppressed == "unaffected version"


@pytest.mark.parametrize(
    ("analysis", "why"),
    [
        (
            {"state": "not_affected", "justification": "code_not_reachable"},
            "not_affected: code_not_reachable",
        ),
        ({"state": "false_positive"}, "false_positive"),
        ({"state": "resolved"}, "resolved"),
        ({"state": "in_triage"}, ""),
        ({"state": "exploitable"}, ""),
        ({}, ""),
    ],
)
def test_an_analysis_that_finds_no_harm_suppresses_here_and_states_nothing_elsewhere(
    analysis: dict[str, Any], why: str
) -> None:
    assert one_of(bom(vulnerability(analysis=analysis))).suppressed == why


def test_a_link_to_this_very_document_is_no_other_document() -> None:
    link = f"urn:cdx:{SERIAL}/1#ssl"
    assert one_of(bom(vulnerability(link))).package.name == "openssl"


def test_a_vulnerability_that_affects_nothing_named_is_of_what_the_document_is_about() -> None:
    finding = one_of(bom(vulnerability(affects=[])))
    assert finding.package.name == "registry.example/shop/orders:1"


def test_nothing_found_is_a_scan_and_an_inventory_is_none() -> None:
    assert only(bom()).findings == ()
    assert only(bom()).complete
    assert "it is an inventory" in refusal_of(KIND, spoilt(bom(), ("vulnerabilities",)))


def test_a_partial_list_closes_nothing() -> None:
    partial = [{"aggregate": "incomplete", "vulnerabilities": ["v1"]}]
    assert not only(bom(vulnerability(), compositions=partial)).complete
    without_components = spoilt(bom(vulnerability("image")), ("components",))
    assert not only(without_components).complete


def vex(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    without: dict[str, Any] = spoilt(bom(*vulnerabilities), ("components",))
    del without["metadata"]["component"]
    return without


def test_a_vex_states_something_of_the_components_of_another_document() -> None:
    link = f"urn:cdx:aaaa1687-395b-41f5-a30f-a58921a69b79/2#{OPENSSL.replace('@', '%40')}"
    analysis = {
        "state": "not_affected",
        "justification": "protected_at_runtime",
        "detail": "It is shut.",
        "response": ["will_not_fix"],
        "lastUpdated": "2026-11-05T10:00:00Z",
    }
    value = vex(vulnerability(link, analysis=analysis, recommendation=""))
    bulletin, stated = read(KIND, value)
    assert isinstance(bulletin, Bulletin)
    assert (bulletin.advisory.name, bulletin.score) == ("CVE-2026-1234", 9.8)
    assert isinstance(stated, Statement)
    assert stated.names == ("CVE-2026-1234", "GHSA-2222-3333-4444")
    assert stated.products == ("urn:cdx:aaaa1687-395b-41f5-a30f-a58921a69b79/2",)
    assert stated.components == (OPENSSL,)
    assert (stated.status, stated.justification) == (
        VexStatus.NOT_AFFECTED,
        "inline_mitigations_already_exist",
    )
    assert (stated.impact, stated.action) == ("It is shut.", "will_not_fix")
    assert stated.at == datetime(2026, 11, 5, 10, tzinfo=UTC)
    _, stated = read(KIND, value, subject="registry.example/shop/orders")
    assert isinstance(stated, Statement)
    assert stated.products == ("registry.example/shop/orders",)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("exploitable", VexStatus.AFFECTED),
        ("in_triage", VexStatus.UNDER_INVESTIGATION),
        ("resolved_with_pedigree", VexStatus.FIXED),
        ("false_positive", VexStatus.NOT_AFFECTED),
        ("", VexStatus.AFFECTED),
    ],
)
def test_each_state_has_its_status(state: str, status: VexStatus) -> None:
    found = read(KIND, vex(vulnerability(OPENSSL, analysis={"state": state} if state else None)))
    stated = [(one.status, one.products) for one in found if isinstance(one, Statement)]
    assert stated == [(status, (OPENSSL,))]


def test_the_subject_is_what_the_document_is_about_or_itself() -> None:
    about = {"type": "application", "group": "shop", "name": "orders", "bom-ref": "app"}
    value = spoilt(bom(vulnerability()), ("metadata", "component"), about)
    assert only(value).subject == Subject(SubjectKind.REPOSITORY, "shop/orders")
    value = spoilt(bom(vulnerability()), ("metadata", "component"))
    assert only(value).subject == Subject(SubjectKind.FILE, f"urn:uuid:{SERIAL}")
    assert only(value, subject="host:node1").subject == Subject(SubjectKind.HOST, "node1")
    assert "does not say what was looked at" in refusal_of(KIND, spoilt(value, ("serialNumber",)))


XML = '<?xml version="1.0"?> <bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"></bom>'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "it is no CycloneDX"),
        (XML, "it is CycloneDX in XML"),
        (bom() | {"specVersion": "1.3"}, "its specVersion is '1.3'"),
        (bom() | {"specVersion": 1.6}, "its specVersion is '1.6'"),
        (bom(vulnerability("nobody")), "vulnerabilities[0].affects[0].ref: 'nobody'"),
        (bom(vulnerability(id="", references=[])), "vulnerabilities[0] has no id"),
        (bom(vulnerability(analysis={"state": "fine"})), "$.vulnerabilities[0].analysis.state"),
        (bom(vulnerability(cwes=["x"])), "$.vulnerabilities[0].cwes[0]"),
        (bom(vulnerability(description="x" * 300_000)), "$.vulnerabilities[0].description"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


def test_the_xml_is_recognised_so_that_somebody_says_what_to_do() -> None:
    assert recognised(XML) == [KIND]


def test_components_within_components_are_read_to_any_depth_or_refused() -> None:
    nested: dict[str, Any] = {"name": "x"}
    for _ in range(900):
        nested = {"name": "x", "components": [nested]}
    assert_read_or_refused(KIND, bom(vulnerability("image"), components=[nested]))


WHOLE = bom(vulnerability(analysis={"state": "resolved"}), vulnerability(OPENSSL))


@settings(max_examples=50)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(WHOLE)))


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(WHOLE):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(WHOLE, place, odd))


def test_a_scanners_real_document() -> None:
    [document] = fixture("vuln/cyclonedx/log4j.json")
    scan = only(document.value)
    assert (scan.source, scan.scanner_version) == ("grype", "0.41.0")
    assert scan.subject.kind is SubjectKind.FILE
    assert {one.package.name for one in scan.findings} == {"log4j-core"}
    assert [(one.advisory.name, one.word, one.score) for one in scan.findings] == [
        ("CVE-2021-44228", "critical", 10.0),
        ("CVE-2021-44832", "medium", 6.6),
        ("CVE-2021-45046", "critical", 9.0),
        ("CVE-2021-45105", "medium", 5.9),
        ("GHSA-7rjr-3q55-vv33", "critical", None),
        ("GHSA-8489-44mv-ggj8", "medium", None),
        ("GHSA-jfh8-c2jp-5v3q", "critical", None),
        ("GHSA-p6xc-xr62-6r2g", "high", None),
    ]


def test_the_standards_own_example() -> None:
    [document] = fixture("vuln/cyclonedx/valid-vulnerability-1.4.json")
    finding = one_of(document.value)
    assert finding.package.name == "com.fasterxml.jackson.core:jackson-databind"
    assert finding.advisory.name == "SNYK-JAVA-COMFASTERXMLJACKSONCORE-32111"
    assert finding.advisory.names == ("CVE-2018-7489",)
    assert finding.advisory.cwes == ("CWE-184", "CWE-502")
    assert finding.fixed_in == ("2.6.7.5", "2.8.11.1", "2.9.5")
    assert (finding.score, finding.word) == (9.8, "critical")
    assert finding.suppressed == "not_affected: code_not_reachable"
