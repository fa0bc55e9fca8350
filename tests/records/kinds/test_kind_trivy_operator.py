"""The reports of Trivy's operator, as resources and as its webhook sends them."""

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
    Package,
    Presence,
    Scan,
    Severity,
    Subject,
    SubjectKind,
    Validation,
    Validations,
)

KIND = "trivy-operator"
V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
AT = datetime(2026, 11, 21, 16, 23, 1, tzinfo=UTC)
OBJECT = ("shop", "ReplicaSet", "orders-66d9")


def resource(kind: str, report: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "aquasecurity.github.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": "replicaset-orders-66d9-orders",
            "namespace": "shop",
            "labels": {
                "trivy-operator.container.name": "orders",
                "trivy-operator.resource.kind": "ReplicaSet",
                "trivy-operator.resource.name": "orders-66d9",
                "trivy-operator.resource.namespace": "shop",
            },
            **metadata,
        },
        "report": report,
    }


FLAW: dict[str, Any] = {
    "vulnerabilityID": "CVE-2026-11111",
    "resource": "libgate",
    "installedVersion": "1.2",
    "fixedVersion": "1.2.9, 2.0",
    "severity": "HIGH",
    "score": 4.2,
    "cvss": {"nvd": {"V3Vector": V31, "V3Score": 9.8}},
    "packageType": "debian",
    "packagePURL": "",
    "target": "quay.io/shop/orders:1.4 (debian 12.1)",
    "title": "gate: files can be read",
    "primaryLink": "https://acme.example/1",
    "links": ["https://acme.example/2"],
    "publishedDate": "2026-02-17T19:21:55Z",
}
VULNERABLE = resource(
    "VulnerabilityReport",
    {
        "artifact": {"repository": "shop/orders", "tag": "1.4", "digest": "sha256:55"},
        "registry": {"server": "quay.io"},
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.48.3"},
        "summary": {"highCount": 1},
        "updateTimestamp": "2026-11-21T16:23:01Z",
        "vulnerabilities": [FLAW],
    },
)
AUDIT = resource(
    "ConfigAuditReport",
    {
        "checks": [
            {
                "checkID": "KSV014",
                "title": "Root file system is not read-only",
                "severity": "LOW",
                "messages": ["Container 'a'", "Container 'b'"],
                "remediation": "Set it.",
                "success": False,
            },
            {"checkID": "KSV001", "severity": "MEDIUM", "success": True},
        ],
        "updateTimestamp": "2026-11-21T16:23:01Z",
    },
)
SECRETS = resource(
    "ExposedSecretReport",
    {
        "secrets": [
            {
                "ruleID": "private-key",
                "target": path,
                "severity": "HIGH",
                "match": "BEGIN PRIVATE KEY hunter2",
                "title": "Private Key",
            }
            for path in ("/a.pem", "/b.pem")
        ],
        "updateTimestamp": "2026-11-21T16:23:01Z",
    },
)
COMPLIANCE: dict[str, Any] = {
    "apiVersion": "aquasecurity.github.io/v1alpha1",
    "kind": "ClusterComplianceReport",
    "metadata": {"name": "k8s-cis-1.23"},
    "spec": {"cron": "0 */6 * * *"},
    "status": {
        "summaryReport": {
            "id": "cis",
            "controlCheck": [
                {"id": "1.1.1", "name": "Permissions", "severity": "HIGH", "totalFail": 2},
                {"id": "1.1.2", "name": "Ownership", "severity": "HIGH", "totalFail": 0},
                {"id": "1.3.1", "name": "By hand", "severity": "LOW"},
            ],
        },
        "updateTimestamp": "2026-11-21T16:23:01Z",
    },
}
EVERY = [VULNERABLE, AUDIT, SECRETS, COMPLIANCE]


def scan_of(value: Any) -> Scan:
    [scan] = read(KIND, value)
    assert isinstance(scan, Scan)
    return scan


def checks_of(value: Any) -> Validations:
    [checks] = read(KIND, value)
    assert isinstance(checks, Validations)
    return checks


def deletion(value: Any) -> dict[str, Any]:
    return {"verb": "delete", "operatorObject": value}


def test_a_vulnerability_report_is_a_scan_of_a_containers_image() -> None:
    scan = scan_of(VULNERABLE)
    assert scan.subject == Subject(SubjectKind.IMAGE, "quay.io/shop/orders", "sha256:55", "1.4")
    assert scan.presences == (Presence("shop", "", "ReplicaSet/orders-66d9", "orders"),)
    assert (scan.at, scan.scanner_version, scan.complete) == (AT, "0.48.3", True)
    [found] = scan.findings
    assert found.package == Package("libgate", "1.2", "deb")
    assert (found.severity, found.score, found.vector) == (Severity.HIGH, 9.8, V31)
    assert found.fixed_in == ("1.2.9", "2.0")
    assert found.advisory.links == ("https://acme.example/1", "https://acme.example/2")


def test_a_digest_may_be_missing_and_a_score_without_a_vector() -> None:
    bare = {**FLAW, "cvss": None, "links": None}
    report = {
        **VULNERABLE["report"],
        "artifact": {"repository": "orders"},
        "vulnerabilities": [bare],
    }
    scan = scan_of({**VULNERABLE, "report": report})
    assert scan.subject == Subject(SubjectKind.IMAGE, "quay.io/orders")
    assert (scan.findings[0].score, scan.findings[0].vector) == (4.2, "")


def test_no_vulnerabilities_is_nothing_found_but_only_where_they_are_listed() -> None:
    empty = {**VULNERABLE["report"], "vulnerabilities": []}
    assert (scan_of({**VULNERABLE, "report": empty}).findings) == ()
    del empty["vulnerabilities"]
    assert "vulnerabilities" in refusal_of(KIND, {**VULNERABLE, "report": empty})


def test_a_name_too_long_for_a_label_stands_in_an_annotation() -> None:
    labels = dict(VULNERABLE["metadata"]["labels"])
    del labels["trivy-operator.resource.name"]
    long = "orders-" * 12 + "1"
    metadata = {"labels": labels, "annotations": {"trivy-operator.resource.name": long}}
    scan = scan_of(resource("VulnerabilityReport", VULNERABLE["report"], **metadata))
    assert scan.presences[0].workload == f"ReplicaSet/{long}"
    owners = [{"kind": "ReplicaSet", "name": "orders-66d9"}]
    scan = scan_of(
        resource("VulnerabilityReport", VULNERABLE["report"], labels={}, ownerReferences=owners)
    )
    assert scan.presences == (Presence("shop", "", "ReplicaSet/orders-66d9"),)


def test_an_audit_says_everything_about_its_object() -> None:
    checks = checks_of(AUDIT)
    assert checks == Validations(
        "trivy-operator-config-audit",
        (
            Validation(
                "KSV014",
                *OBJECT,
                passed=False,
                word="LOW",
                message="Container 'a'\nContainer 'b'",
                description="Root file system is not read-only",
                remediation="Set it.",
            ),
            Validation("KSV001", *OBJECT, passed=True, word="MEDIUM"),
        ),
        AT,
        objects=(OBJECT,),
    )


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("ClusterConfigAuditReport", "trivy-operator-config-audit"),
        ("InfraAssessmentReport", "trivy-operator-infra-assessment"),
        ("RbacAssessmentReport", "trivy-operator-rbac-assessment"),
        ("ClusterRbacAssessmentReport", "trivy-operator-rbac-assessment"),
    ],
)
def test_each_sort_of_assessment_is_a_source_of_its_own(kind: str, source: str) -> None:
    assert checks_of(resource(kind, AUDIT["report"])).source == source


def test_a_secret_is_told_by_its_rule_and_never_by_itself() -> None:
    checks = checks_of(SECRETS)
    [found] = checks.results
    assert (found.check, found.passed) == ("exposed-secret:private-key", False)
    assert found.message == "/a.pem\n/b.pem"
    assert found.object_name == "orders-66d9/orders"
    assert "hunter2" not in repr(checks)


def test_a_standards_controls_are_checks_but_those_that_people_look_at() -> None:
    checks = checks_of(COMPLIANCE)
    assert [(one.check, one.passed) for one in checks.results] == [
        ("k8s-cis-1.23:1.1.1", False),
        ("k8s-cis-1.23:1.1.2", True),
    ]
    detail = {
        "results": [
            {"id": "1.1.1", "checks": [{"success": False, "target": "Pod/a"}, {"success": True}]},
            {"id": "1.1.2", "checks": [{"success": True}]},
        ]
    }
    checks = checks_of({**COMPLIANCE, "status": {"detailReport": detail}})
    assert [(one.passed, one.message) for one in checks.results] == [(False, "Pod/a"), (True, "")]
    assert "has not looked" in refusal_of(KIND, {**COMPLIANCE, "status": {}})


@pytest.mark.parametrize("whole", EVERY)
def test_the_webhook_sends_a_resource_alone_or_with_its_verb(whole: Any) -> None:
    body = {"verb": "update", "operatorObject": whole}
    assert recognised(whole) == recognised(body) == recognised([whole]) == [KIND]
    assert read(KIND, body) == read(KIND, whole) == read(KIND, [whole])


def test_a_deleted_report_says_that_its_image_runs_there_no_longer() -> None:
    scan = scan_of(deletion(VULNERABLE))
    assert (scan.deleted, scan.complete, scan.findings) == (True, False, ())
    assert scan.presences == scan_of(VULNERABLE).presences
    assert scan.subject == scan_of(VULNERABLE).subject


@pytest.mark.parametrize("whole", [AUDIT, SECRETS, COMPLIANCE])
def test_a_deleted_assessment_leaves_nothing_of_its_object(whole: Any) -> None:
    checks = checks_of(deletion(whole))
    assert checks.results == ()
    assert checks.objects == checks_of(whole).objects


def test_lists_under_the_names_of_their_kinds_are_read() -> None:
    dump = {
        "vulnerabilityreports.aquasecurity.github.io": [VULNERABLE],
        "configauditreports.aquasecurity.github.io": [AUDIT],
        "rbacassessmentreports.aquasecurity.github.io": [],
    }
    assert recognised(dump) == [KIND]
    assert [type(record) for record in read(KIND, dump)] == [Scan, Validations]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({**VULNERABLE, "apiVersion": "aquasecurity.github.io/v9"}, "v9"),
        ({**VULNERABLE, "apiVersion": None}, "apiVersion"),
        ({**VULNERABLE, "kind": "SbomReport"}, "lists what is installed"),
        ({**VULNERABLE, "kind": "Wishes"}, "'Wishes'"),
        ({**VULNERABLE, "kind": ["VulnerabilityReport"]}, "known:"),
        ([VULNERABLE, {**VULNERABLE, "report": {}}], "item 2"),
        ({"verb": "patch", "operatorObject": VULNERABLE}, "'patch'"),
        (deletion({"metadata": {}, "report": {}}), "apiVersion"),
        ({"kind": "ImageManifestVuln"}, "apiVersion"),
        (resource("ConfigAuditReport", AUDIT["report"], labels=None), "which object"),
        ([], "no report"),
        ({}, "no report"),
        (None, "apiVersion"),
    ],
)
def test_what_is_no_such_report_is_refused(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


@pytest.mark.parametrize("whole", EVERY)
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(
        KIND, data.draw(spoiled([VULNERABLE, AUDIT]) | spoiled(deletion(SECRETS)))
    )


def test_a_real_report_with_many_findings_and_one_with_none() -> None:
    [document] = fixture("vuln/trivy-operator/vulnerabilityreport_many.json")
    scan = scan_of(document.value)
    severities = [found.severity.title for found in scan.findings]
    assert scan.subject == Subject(SubjectKind.IMAGE, "index.docker.io/library/nginx", "", "alpine")
    assert [severities.count(word) for word in ("Critical", "High", "Medium", "Low")] == [
        2,
        3,
        25,
        11,
    ]
    assert scan.presences == (
        Presence("default", "", "ReplicaSet/nginx-deployment-965685897", "nginx"),
    )
    [document] = fixture("vuln/trivy-operator/vulnerabilityreport_no_vuln.json")
    assert scan_of(document.value).findings == ()


def test_a_real_list_of_two_sorts() -> None:
    [document] = fixture("vuln/trivy-operator/findings_in_list.json")
    checks, scan = read(KIND, document.value)
    assert isinstance(checks, Validations)
    assert len(checks.results) == 13
    assert isinstance(scan, Scan)
    assert scan.presences == (Presence("lbc", "lbc/ubuntu", "Pod/ubuntu", "ubuntu"),)
    assert [found.score for found in scan.findings] == [5.9, 5.5, 5.5, 5.5, 5.5]
    assert {found.package.type for found in scan.findings} == {"deb"}


def test_a_real_audit() -> None:
    [document] = fixture("vuln/trivy-operator/configauditreport_many.json")
    results = checks_of(document.value).results
    assert len(results) == 13
    assert not any(one.passed for one in results)
    assert [one.word for one in results].count("MEDIUM") == 2
