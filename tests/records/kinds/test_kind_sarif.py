"""Results of static analysis, and of scanners that write them as such."""

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
    Finding,
    Package,
    Scan,
    Severity,
    Subject,
    SubjectKind,
    Validations,
)

KIND = "sarif"
TRIVY_MESSAGE = """Package: libssl3
Installed Version: 3.1.1-r0
Vulnerability CVE-2026-1234
Severity: HIGH
Fixed Version: 3.1.2-r0, 3.2.0-r0
Link: [CVE-2026-1234](https://avd.example/cve-2026-1234)"""


def result(
    rule_id: str = "G101", uri: str = "main.go", line: int = 7, **more: Any
) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {
        "ruleId": rule_id,
        "message": {"text": "a secret"},
        "locations": [{"physicalLocation": place}],
    } | more


def log(*results: dict[str, Any], name: str = "GoSec", **more: Any) -> dict[str, Any]:
    rules = [
        {
            "id": "G101",
            "shortDescription": {"text": "Hard-coded\n credentials"},
            "fullDescription": {"text": "Look for credentials."},
            "helpUri": "https://gosec.example/g101",
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["security", "external/cwe/cwe-0798"]},
        },
        {
            "id": "CVE-2026-1234-libssl3",
            "properties": {"security-severity": "9.1", "tags": ["GHSA-2222-3333-4444", "HIGH"]},
        },
    ]
    run = {
        "tool": {"driver": {"name": name, "version": "2.1", "rules": rules}},
        "results": list(results),
        "versionControlProvenance": [{"repositoryUri": "https://git.example/shop/orders"}],
        "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-11-01T10:00:00Z"}],
    } | more
    return {"version": "2.1.0", "$schema": "https://json.example/sarif.json", "runs": [run]}


def only(value: Any, **said: str) -> Scan:
    [found] = read(KIND, value, **said)
    assert isinstance(found, Scan)
    return found


def one_of(value: Any) -> Finding:
    [finding] = only(value).findings
    return finding


def test_a_result_is_a_finding_of_its_file() -> None:
    scan = only(log(result()))
    assert (scan.source, scan.scanner_version, scan.complete) == ("gosec", "2.1", True)
    assert scan.subject == Subject(SubjectKind.REPOSITORY, "https://git.example/shop/orders")
    assert scan.at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    [finding] = scan.findings
    assert finding.package == Package("main.go", path="main.go:7")
    assert (finding.advisory.name, finding.advisory.title) == ("G101", "Hard-coded credentials")
    assert finding.advisory.links == ("https://gosec.example/g101",)
    assert finding.advisory.cwes == ("CWE-798",)
    assert (finding.severity, finding.word) == (Severity.HIGH, "error")
    assert recognised(log()) == [KIND]


@pytest.mark.parametrize(
    ("text", "package"),
    [
        (TRIVY_MESSAGE, Package("libssl3", "3.1.1-r0", path="lib/apk")),
        (
            "The path /a reports libssl3 at version 3.1.1-r0  which is a vulnerable (apk) package installed",
            Package("libssl3", "3.1.1-r0", "apk", path="lib/apk"),
        ),
        (
            "A high vulnerability in apk package: libssl3, version 3.1.1-r0 was found at: /lib/apk",
            Package("libssl3", "3.1.1-r0", "apk", path="lib/apk"),
        ),
        (
            "Package '@shop/cart@1.2.3' is vulnerable to 'CVE-2026-1234' (also known as 'GHSA-x').",
            Package("@shop/cart", "1.2.3", path="lib/apk"),
        ),
        (
            "[libssl3 - 3.1.1-r0 - High] It is bad.",
            Package("libssl3", "3.1.1-r0", path="lib/apk"),
        ),
    ],
)
def test_a_scanner_of_packages_names_them_in_a_sentence(text: str, package: Package) -> None:
    given = result("CVE-2026-1234-libssl3", "lib/apk", 1, message={"text": text})
    finding = one_of(log(given))
    assert finding.package == package
    assert finding.advisory.name == "CVE-2026-1234"
    assert finding.advisory.names == ("GHSA-2222-3333-4444",)
    assert (finding.severity, finding.word, finding.score) == (Severity.CRITICAL, "9.1", 9.1)


def test_trivy_says_what_mends_it_and_which_image_it_looked_at() -> None:
    digest = "sha256:" + "ab" * 32
    image = {"imageName": "registry.example/orders:1", "repoDigests": [f"orders@{digest}"]}
    given = result("CVE-2026-1234", message={"text": TRIVY_MESSAGE})
    scan = only(log(given, name="Trivy", properties=image))
    assert scan.subject == Subject(SubjectKind.IMAGE, "registry.example/orders", digest, "1")
    assert scan.findings[0].fixed_in == ("3.1.2-r0", "3.2.0-r0")


def test_an_empty_run_is_a_scan_with_nothing_and_no_run_is_none() -> None:
    assert only(log()).findings == ()
    assert only(log()).complete
    assert "no tool ran" in refusal_of(KIND, {"version": "2.1.0", "runs": []})
    assert "runs[0] has no `results`" in refusal_of(KIND, spoilt(log(), ("runs", 0, "results")))
    assert "runs[0] has no `results`" in refusal_of(
        KIND, spoilt(log(), ("runs", 0, "results"), None)
    )


def test_a_run_that_failed_closes_nothing() -> None:
    failed = [{"executionSuccessful": False}]
    assert not only(log(result(), invocations=failed)).complete
    told = [{"executionSuccessful": True, "toolExecutionNotifications": [{"level": "error"}]}]
    assert not only(log(result(), invocations=told)).complete
    assert "the tool says that it failed" in refusal_of(KIND, log(invocations=failed))


def test_what_passed_or_is_gone_is_no_finding() -> None:
    kinds = ("pass", "notApplicable", "informational", "open", "review", "fail")
    given = [result(uri=kind, kind=kind) for kind in kinds]
    gone = [result(uri=state, baselineState=state) for state in ("absent", "new", "unchanged")]
    names = [one.package.name for one in only(log(*given, *gone)).findings]
    assert names == ["open", "review", "fail", "new", "unchanged"]


@pytest.mark.parametrize(
    ("suppressions", "why"),
    [
        ([], ""),
        ([{"kind": "inSource"}], "inSource"),
        ([{"kind": "external", "justification": "a test's key"}], "a test's key"),
        ([{"kind": "external", "status": "underReview"}], ""),
        ([{"kind": "inSource"}, {"kind": "external", "status": "rejected"}], ""),
    ],
)
def test_a_suppressed_result_is_kept_with_the_reason(suppressions: Any, why: str) -> None:
    assert one_of(log(result(suppressions=suppressions))).suppressed == why


@pytest.mark.parametrize(
    ("more", "severity", "word"),
    [
        ({"level": "note"}, Severity.LOW, "note"),
        ({"level": "none"}, Severity.UNKNOWN, "none"),
        ({"properties": {"security-severity": "4.0"}}, Severity.MEDIUM, "4.0"),
        ({"properties": {"security-severity": "nan"}}, Severity.HIGH, "error"),
        ({"properties": {"security-severity": "99"}}, Severity.HIGH, "error"),
        ({"ruleId": "G101/sub"}, Severity.HIGH, "error"),
        ({"ruleId": "G999"}, Severity.MEDIUM, "warning"),
        ({"ruleId": "", "ruleIndex": 0}, Severity.HIGH, "error"),
        ({"ruleId": "", "rule": {"id": "G101"}}, Severity.HIGH, "error"),
    ],
)
def test_severity_is_the_scores_or_the_levels(more: Any, severity: Severity, word: str) -> None:
    finding = one_of(log(result(**more)))
    assert (finding.severity, finding.word) == (severity, word)


def test_a_rule_of_an_extension_is_found_by_its_index() -> None:
    tool = {
        "driver": {"name": "Scan", "rules": [{"id": "S1"}]},
        "extensions": [
            {"name": "More", "rules": [{"id": "S1", "defaultConfiguration": {"level": "note"}}]}
        ],
    }
    given = result("S1", rule={"index": 0, "toolComponent": {"index": 0}})
    assert one_of(log(given, tool=tool)).word == "note"
    assert one_of(log(result("S1"), tool=tool)).word == "warning"


def test_a_job_names_what_it_looked_at_and_the_operator_may() -> None:
    bare = spoilt(log(result()), ("runs", 0, "versionControlProvenance"))
    assert "does not say what was looked at" in refusal_of(KIND, bare)
    assert only(bare, subject="host:node1").subject == Subject(SubjectKind.HOST, "node1")
    job = log(result(), versionControlProvenance=[], automationDetails={"id": "nightly/2026-11-01"})
    assert only(job).subject == Subject(SubjectKind.REPOSITORY, "nightly")


def test_a_result_without_a_place_is_of_what_was_looked_at() -> None:
    assert one_of(log(result(locations=[]))).package == Package("https://git.example/shop/orders")


def test_kube_linters_log_is_validations_of_the_objects_it_names() -> None:
    logical = [
        {"name": "orders", "kind": "Object Name"},
        {"name": "shop", "kind": "Object Namespace"},
        {
            "name": "Deployment",
            "kind": "GVK/Kind",
            "fullyQualifiedName": "apps/v1, Kind=Deployment",
        },
    ]
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}}}
    given = [
        result(
            "run-as-non-root",
            message={"text": f"container {name} may run as root\nobject: shop/orders"},
            locations=[place | {"logicalLocations": logical}],
        )
        for name in ("app", "sidecar")
    ]
    value = log(
        *given,
        result("latest-tag", locations=[place]),
        name="kube-linter",
        invocations=[{"executionSuccessful": False}],
    )
    [found] = read(KIND, value, namespace="other")
    assert isinstance(found, Validations)
    assert not found.complete
    first, second = found.results
    assert (first.namespace, first.object_kind, first.object_name) == (
        "shop",
        "Deployment",
        "orders",
    )
    assert first.message == "container app may run as root\ncontainer sidecar may run as root"
    assert (second.namespace, second.object_kind, second.object_name) == ("other", "File", "a.yaml")
    assert not first.passed


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "it is no SARIF log"),
        ({"version": "2.1.0"}, "it is no SARIF log"),
        (log() | {"version": "2.0.0"}, "its version is '2.0.0', not '2.1.0'"),
        (spoilt(log(), ("runs", 0, "tool")), "$.runs[0]"),
        (log(result(message=5)), "$.runs[0].results[0].message"),
        (log(result("x" * 300_000)), "$.runs[0].results[0].ruleId"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


WHOLE = log(
    result(),
    result("CVE-2026-1234", message={"text": TRIVY_MESSAGE}, suppressions=[{"kind": "inSource"}]),
)


@settings(max_examples=50)
@given(data=st.data())
def test_a_spoiled_log_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(WHOLE)))


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(WHOLE):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(WHOLE, place, odd))


def test_the_standards_own_example() -> None:
    [document] = fixture("vuln/sarif/appendix_k.sarif")
    scan = only(document.value)
    assert (scan.source, scan.scanner_version) == ("codescanner", "2.1.0")
    assert scan.subject.name == "https://github.com/example-corp/browser"
    assert scan.at == datetime(2016, 7, 16, 14, 19, 1, tzinfo=UTC)
    assert not scan.complete  # one of its rules was disabled on the way
    [finding] = scan.findings
    assert (finding.advisory.name, finding.word) == ("C2001", "error")
    assert finding.package == Package("collections/list.h", path="collections/list.h:15")
    assert finding.suppressed == "external"


def test_a_real_log_without_runs_is_refused() -> None:
    [document] = fixture("vuln/sarif/no_runs.sarif")
    assert "no tool ran" in refusal_of(KIND, document.value)
