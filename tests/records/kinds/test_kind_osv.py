"""What osv-scanner found, and entries of OSV databases."""

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

from vedette.errors import Invalid
from vedette.records.model import (
    Bulletin,
    Finding,
    Package,
    Scan,
    Severity,
    Subject,
    SubjectKind,
)

KIND = "osv"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"
GHSA: dict[str, Any] = {
    "schema_version": "1.7.0",
    "id": "GHSA-2222-3333-4444",
    "modified": "2026-11-02T10:00:00Z",
    "published": "2026-11-01T10:00:00Z",
    "aliases": ["CVE-2026-1234"],
    "related": ["GHSA-5555-6666-7777"],
    "summary": "A cart\n may overflow",
    "details": "Much to say.",
    "severity": [{"type": "CVSS_V2", "score": V2}, {"type": "CVSS_V3", "score": V31}],
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "@shop/cart", "purl": "pkg:npm/%40shop/cart"},
            "ranges": [
                {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.4"}]},
                {"type": "SEMVER", "events": [{"introduced": "2.0.0"}, {"fixed": "2.0.1"}]},
                {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "ab12"}]},
            ],
        },
        {
            "package": {"ecosystem": "npm", "name": "other"},
            "ranges": [{"type": "SEMVER", "events": [{"fixed": "9"}]}],
        },
    ],
    "references": [
        {"type": "WEB", "url": "https://cart.example/fix"},
        {"type": "ADVISORY", "url": "https://advisories.example/1"},
    ],
    "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-120"]},
}
PYSEC = {"id": "PYSEC-2026-9", "modified": "2026-11-02T10:00:00Z", "upstream": ["CVE-2026-1234"]}


def output(*packages: dict[str, Any], path: str = "/src/package-lock.json") -> dict[str, Any]:
    return {
        "results": [{"source": {"path": path, "type": "lockfile"}, "packages": list(packages)}],
        "experimental_config": {"licenses": {"summary": False}},
    }


def package(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = {"name": "@shop/cart", "version": "1.2.3", "ecosystem": "npm"}
    return {"package": named, "vulnerabilities": list(entries)} | more


def only(value: Any, **said: str) -> Scan:
    [found] = read(KIND, value, **said)
    assert isinstance(found, Scan)
    return found


def one_of(value: Any) -> Finding:
    [finding] = only(value).findings
    return finding


def bulletin(value: Any) -> Bulletin:
    [found] = read(KIND, value)
    assert isinstance(found, Bulletin)
    return found


def test_a_source_is_a_scan_and_a_group_is_a_finding() -> None:
    group = {
        "ids": ["GHSA-2222-3333-4444", "PYSEC-2026-9"],
        "aliases": ["CVE-2026-1234", "GHSA-2222-3333-4444", "PYSEC-2026-9"],
        "max_severity": "9.8",
    }
    scan = only(output(package(GHSA, PYSEC, groups=[group])))
    assert scan.subject == Subject(SubjectKind.FILE, "/src/package-lock.json")
    [finding] = scan.findings
    assert finding.package == Package("@shop/cart", "1.2.3", "npm")
    assert finding.advisory.name == "GHSA-2222-3333-4444"
    assert finding.advisory.names == ("CVE-2026-1234", "PYSEC-2026-9")
    assert finding.advisory.title == "A cart may overflow"
    assert finding.advisory.links[0] == "https://advisories.example/1"
    assert finding.advisory.cwes == ("CWE-120",)
    assert finding.fixed_in == ("1.2.4", "2.0.1")
    assert (finding.severity, finding.word) == (Severity.MEDIUM, "MODERATE")
    assert (finding.score, finding.vector) == (9.8, V31)


def test_entries_outside_groups_are_findings_of_their_own() -> None:
    assert [one.advisory.name for one in only(output(package(GHSA, PYSEC))).findings] == [
        "GHSA-2222-3333-4444",
        "PYSEC-2026-9",
    ]


def test_a_group_has_the_scanners_score_where_no_entry_has_one() -> None:
    group = {"ids": ["PYSEC-2026-9"], "max_severity": "7.5"}
    finding = one_of(output(package(PYSEC, groups=[group])))
    assert (finding.severity, finding.score, finding.vector) == (Severity.HIGH, 7.5, "")


def test_several_sources_are_several_scans_or_places_of_what_the_operator_names() -> None:
    two = output(package(GHSA))
    two["results"] += output(package(PYSEC), path="/src/poetry.lock")["results"]
    assert [one.subject.name for one in read(KIND, two) if isinstance(one, Scan)] == [
        "/src/package-lock.json",
        "/src/poetry.lock",
    ]
    scan = only(two, subject="repository:shop/orders")
    assert scan.subject == Subject(SubjectKind.REPOSITORY, "shop/orders")
    assert [one.package.path for one in scan.findings] == [
        "/src/package-lock.json",
        "/src/poetry.lock",
    ]


def test_one_source_twice_is_one_scan() -> None:
    two = output(package(GHSA))
    two["results"] += output(package(PYSEC))["results"]
    assert len(only(two).findings) == 2


def test_nothing_found_is_nothing_found_only_where_somebody_says_in_what() -> None:
    empty = output() | {"results": []}
    assert recognised(empty) == [KIND]
    assert "does not say what was looked at" in refusal_of(KIND, empty)
    scan = only(empty, subject="registry.example/orders:1")
    assert (scan.subject.name, scan.findings, scan.complete) == (
        "registry.example/orders",
        (),
        True,
    )


def test_what_is_withdrawn_or_not_called_does_not_count() -> None:
    withdrawn = GHSA | {"withdrawn": "2026-11-03T00:00:00Z"}
    assert one_of(output(package(withdrawn))).suppressed == "withdrawn"
    group = {"ids": [GHSA["id"]], "experimentalAnalysis": {GHSA["id"]: {"called": False}}}
    finding = one_of(output(package(GHSA, groups=[group])))
    assert finding.suppressed == "the code is not called"
    group["experimentalAnalysis"] = {GHSA["id"]: {"called": True}}
    assert one_of(output(package(GHSA, groups=[group]))).suppressed == ""


def test_an_entry_alone_is_a_bulletin_and_a_list_is_several() -> None:
    found = bulletin(GHSA)
    assert found.advisory.names == ("CVE-2026-1234",)  # what is only related is another one
    assert found.advisory.published_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert (found.severity, found.score, found.withdrawn) == (Severity.MEDIUM, 9.8, False)
    assert bulletin(GHSA | {"withdrawn": "2026-11-03T00:00:00Z"}).withdrawn
    assert len(read(KIND, [GHSA, PYSEC])) == 2
    assert recognised(GHSA) == [KIND]
    assert recognised([GHSA]) == [KIND]


def test_a_distributions_advisory_addresses_its_upstreams_or_once_its_relatives() -> None:
    dsa = {"id": "DSA-5500-1", "modified": "2026-11-02T10:00:00Z", "affected": []}
    assert bulletin(dsa | {"upstream": ["CVE-2026-1"]}).advisory.names == ("CVE-2026-1",)
    assert bulletin(dsa | {"related": ["CVE-2026-2", "x"]}).advisory.names == ("CVE-2026-2",)
    both = dsa | {"upstream": ["CVE-2026-1"], "related": ["CVE-2026-2"]}
    assert bulletin(both).advisory.names == ("CVE-2026-1",)


@pytest.mark.parametrize(
    ("more", "severity", "word"),
    [
        ({"database_specific": {"severity": "CRITICAL"}}, Severity.CRITICAL, "CRITICAL"),
        (
            {"severity": [{"type": "Ubuntu", "score": "negligible"}]},
            Severity.NEGLIGIBLE,
            "negligible",
        ),
        ({"severity": [{"type": "CVSS_V3", "score": V31}]}, Severity.CRITICAL, ""),
        ({"severity": [{"type": "CVSS_V3", "score": "9.8"}]}, Severity.UNKNOWN, ""),
        ({"id": "MAL-2026-1"}, Severity.CRITICAL, "malicious"),
        ({"database_specific": ["severity"]}, Severity.UNKNOWN, ""),
    ],
)
def test_severity_is_the_databases_word_or_the_computed_score(
    more: dict[str, Any], severity: Severity, word: str
) -> None:
    entry = {"id": "X-1", "modified": "2026-11-02T10:00:00Z", "affected": []} | more
    finding = one_of(output(package(entry)))
    assert (finding.severity, finding.word) == (severity, word)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "it is neither osv-scanner's output nor an OSV entry"),
        (7, "it is neither"),
        ({"results": [{}]}, "$.results[0]"),
        (spoilt(output(package(GHSA)), ("results", 0, "source")), "$.results[0]"),
        ([GHSA, {"id": 5, "modified": ""}], "$[1].id"),
        (GHSA | {"id": "x" * 300_000}, "$.id"),
        (output(package(GHSA, groups=[{"ids": []}])), "groups[0].ids"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


WHOLE = output(package(GHSA, PYSEC, groups=[{"ids": [GHSA["id"]], "max_severity": "9.8"}]))


@pytest.mark.parametrize("whole", [WHOLE, GHSA, [GHSA, PYSEC]])
@settings(max_examples=30)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


@pytest.mark.parametrize("whole", [WHOLE, [GHSA]])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


def test_the_scanners_real_output() -> None:
    [document] = fixture("vuln/osv/some_findings.json")
    scan = only(document.value)
    assert scan.subject == Subject(SubjectKind.FILE, "/tmp/components/yarn.lock")
    [finding] = scan.findings
    assert finding.package == Package("flot-axis", "0.0.0", "npm")
    assert finding.advisory.name == "MAL-2023-1035"
    assert finding.advisory.names == ("GHSA-8348-2q94-ffjx",)
    assert finding.advisory.cwes == ("CWE-506",)
    assert finding.severity == Severity.CRITICAL


def test_the_zero_bytes_of_a_scan_without_findings_are_refused() -> None:
    with pytest.raises(Invalid, match="is empty"):
        fixture("vuln/osv/no_findings.json")
