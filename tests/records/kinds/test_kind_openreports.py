"""Reports of policy engines in Kubernetes, and of scanners that write the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record_documents import (
    NOW,
    assert_read_or_refused,
    places_of,
    read,
    recognised,
    refusal_of,
    spoiled,
    spoilt,
)

from vedette.records.model import (
    Package,
    Presence,
    Scan,
    Severity,
    Subject,
    SubjectKind,
    Validation,
    Validations,
)

KIND = "openreports"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
SCOPE = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "orders", "namespace": "shop"}


def result(outcome: str = "fail", **more: Any) -> dict[str, Any]:
    return {
        "policy": "require-limits",
        "rule": "cpu",
        "source": "kyverno",
        "category": "Best Practices",
        "severity": "medium",
        "result": outcome,
        "message": "CPU limits are required.",
        "timestamp": {"seconds": 1_790_000_000, "nanos": 0},
    } | more


def report(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "openreports.io/v1alpha1",
        "kind": "Report",
        "metadata": {"name": "r-1", "namespace": "shop"},
        "scope": SCOPE,
        "summary": {"pass": 0, "fail": 1},
        "results": list(results),
    } | more


def vulnerable(name: str = "openssl", **more: Any) -> dict[str, Any]:
    properties = {
        "registry.server": "registry.example",
        "artifact.repository": "shop/orders",
        "artifact.tag": "1",
        "resource": name,
        "installedVersion": "3.1.1-r0",
        "fixedVersion": "3.1.2-r0, 3.2.0-r0",
        "primaryLink": "https://avd.example/1",
        "score": "9.1",
        "nvd.v3_vector": V31,
        "nvd.v3_score": "9.8",
    } | more
    return result(
        policy="CVE-2026-1234",
        rule="",
        source="Trivy Vulnerability",
        severity="critical",
        message="openssl: may overflow",
        properties=properties,
    )


def checks(value: Any) -> Validations:
    [found] = read(KIND, value)
    assert isinstance(found, Validations)
    return found


def only(value: Any, **said: str) -> Scan:
    [found] = read(KIND, value, **said)
    assert isinstance(found, Scan)
    return found


def test_a_result_is_a_validation_of_the_reports_scope() -> None:
    found = checks(report(result(), result("pass", rule="memory")))
    assert (found.source, found.complete) == ("kyverno", False)
    assert found.at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert found.objects == (("shop", "Deployment", "orders"),)
    assert found.results[0] == Validation(
        "require-limits/cpu",
        "shop",
        "Deployment",
        "orders",
        passed=False,
        word="medium",
        message="CPU limits are required.",
        description="Best Practices",
    )
    assert found.results[1].passed


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("openreports.io/v1alpha1", "ClusterReport"),
        ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        ("wgpolicyk8s.io/v1alpha2", "ClusterPolicyReport"),
    ],
)
def test_the_older_group_says_the_same(version: str, kind: str) -> None:
    value = report(result()) | {"apiVersion": version, "kind": kind}
    assert recognised(value) == [KIND]
    assert len(checks(value).results) == 1


def test_a_result_of_several_objects_is_several_validations() -> None:
    pods = [{"kind": "Pod", "name": name, "namespace": "shop"} for name in ("a", "b")]
    value = spoilt(report(result(resources=pods)), ("scope",))
    found = checks(value)
    assert [(one.object_kind, one.object_name) for one in found.results] == [
        ("Pod", "a"),
        ("Pod", "b"),
    ]
    assert found.objects == ()


def test_a_report_of_nothing_named_is_about_itself() -> None:
    [found] = checks(spoilt(report(result()), ("scope",))).results
    assert (found.object_kind, found.object_name) == ("Report", "r-1")


@pytest.mark.parametrize(
    ("outcome", "passed", "word"),
    [
        ("pass", [True], "medium"),
        ("fail", [False], "medium"),
        ("warn", [False], "medium"),
        ("error", [False], "error"),
        ("skip", [], ""),
    ],
)
def test_what_could_not_be_evaluated_has_not_passed_and_what_was_skipped_is_nothing(
    outcome: str, passed: list[bool], word: str
) -> None:
    found = checks(report(result(outcome))).results
    assert [one.passed for one in found] == passed
    assert [one.word for one in found] == [word] * len(found)


def test_each_source_speaks_for_itself() -> None:
    found = read(KIND, report(result(), result(source="kubewarden"), result(source="")))
    sources = [one.source for one in found if isinstance(one, Validations)]
    assert sources == ["kyverno", "kubewarden", "openreports"]


def test_a_limited_report_speaks_for_what_it_lists_alone() -> None:
    limited = {"limits": {"maxResults": 1, "statusFilter": ["fail"]}}
    assert checks(report(result(), configuration=limited)).objects == ()
    assert not only(report(vulnerable(), configuration=limited)).complete


def test_an_empty_report_is_one_and_a_cut_one_is_not() -> None:
    assert checks(report(summary={"fail": 0})).results == ()
    assert checks(report(summary={"fail": 0})).objects == ()
    assert "its summary counts results and it has none" in refusal_of(KIND, report())


def test_trivys_adapter_writes_findings_of_the_image_in_their_properties() -> None:
    value = report(vulnerable(), vulnerable("libssl3"))
    value["metadata"]["labels"] = {"trivy-operator.container.name": "app"}
    scan = only(value)
    assert scan.source == "Trivy Vulnerability"
    assert scan.subject == Subject(SubjectKind.IMAGE, "registry.example/shop/orders", "", "1")
    assert scan.presences == (Presence("shop", workload="Deployment/orders", container="app"),)
    first, second = scan.findings
    assert first.package == Package("openssl", "3.1.1-r0")
    assert second.package.name == "libssl3"
    assert (first.advisory.name, first.advisory.title) == ("CVE-2026-1234", "openssl: may overflow")
    assert first.advisory.links == ("https://avd.example/1",)
    assert first.fixed_in == ("3.1.2-r0", "3.2.0-r0")
    assert (first.severity, first.word) == (Severity.CRITICAL, "critical")
    assert (first.score, first.vector) == (9.8, V31)
    assert scan.complete


def test_findings_of_an_image_nobody_names_are_refused_unless_the_operator_does() -> None:
    bare = vulnerable(**{"artifact.repository": "", "nvd.v3_vector": ""})
    assert "does not say what was looked at" in refusal_of(KIND, report(bare))
    scan = only(report(bare), subject="registry.example/orders:2")
    assert (scan.subject.name, scan.findings[0].score) == ("registry.example/orders", 9.1)


def test_a_report_may_hold_findings_and_checks() -> None:
    kinds = [type(one) for one in read(KIND, report(result(), vulnerable()))]
    assert kinds == [Scan, Validations]


def test_a_time_to_come_is_now() -> None:
    assert checks(report(result(timestamp={"seconds": 200_000_000_000}))).at == NOW


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "it is no report"),
        ({"apiVersion": "v1", "kind": "Report"}, "it is no report"),
        (report(result()) | {"kind": "Pod"}, "it is no report"),
        (report(result()) | {"apiVersion": "openreports.io/v9"}, "its version is"),
        (report(result("maybe")), "$.results[0].result"),
        (spoilt(report(result()), ("metadata",)), "metadata"),
        (report(result(message="x" * 300_000)), "$.results[0].message"),
        (report(result(timestamp={"seconds": 10**30})), "$.results[0].timestamp.seconds"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


WHOLE = report(result(resources=[SCOPE]), vulnerable())


@settings(max_examples=50)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(WHOLE)))


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(WHOLE):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(WHOLE, place, odd))
