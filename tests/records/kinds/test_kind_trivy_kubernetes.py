"""Trivy's reports of whole clusters, `all` and `summary`."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record_documents import assert_read_or_refused, read, recognised, refusal_of, spoiled

from vedette.records.model import Presence, Scan, Subject, SubjectKind, Validations

KIND = "trivy"
DIGEST = "sha256:" + "5" * 64
FLAW = {"VulnerabilityID": "CVE-2026-1", "PkgName": "apt", "Severity": "HIGH"}


def system(image: str, *flaws: Any) -> dict[str, Any]:
    return {
        "Target": f"{image} (debian 12.1)",
        "Class": "os-pkgs",
        "Type": "debian",
        "Vulnerabilities": list(flaws),
    }


JARS = {"Target": "Java", "Class": "lang-pkgs", "Type": "jar", "Vulnerabilities": [FLAW]}
CHECKED = {
    "Target": "Deployment/orders",
    "Class": "config",
    "Type": "kubernetes",
    "Misconfigurations": [
        {"ID": "KSV014", "Status": "FAIL", "Severity": "LOW", "Message": "Container 'a'"},
        {"ID": "KSV014", "Status": "FAIL", "Severity": "LOW", "Message": "Container 'b'"},
        {"ID": "KSV001", "Status": "PASS", "Severity": "MEDIUM"},
    ],
}
OF_IMAGE: dict[str, Any] = {
    "Namespace": "shop",
    "Kind": "Deployment",
    "Name": "orders",
    "Metadata": [{"RepoTags": ["orders:1"], "RepoDigests": [f"orders@{DIGEST}"]}],
    "Results": [system("orders:1", FLAW), JARS],
}
OF_OBJECT = {"Namespace": "shop", "Kind": "Deployment", "Name": "orders", "Results": [CHECKED]}
ALL: dict[str, Any] = {"ClusterName": "kind", "Resources": [OF_IMAGE, OF_OBJECT]}


def scans(report: Any) -> list[Scan]:
    return [record for record in read(KIND, report) if isinstance(record, Scan)]


def test_each_image_is_scanned_where_it_runs() -> None:
    [scan] = scans(ALL)
    assert recognised(ALL) == [KIND]
    assert scan.subject == Subject(SubjectKind.IMAGE, "orders", DIGEST, "1")
    assert scan.presences == (Presence("shop", workload="Deployment/orders"),)
    assert len(scan.findings) == 2


def test_a_pod_is_told_as_a_pod() -> None:
    [scan] = scans({**ALL, "Resources": [{**OF_IMAGE, "Kind": "Pod"}]})
    assert scan.presences == (Presence("shop", pod="shop/orders", workload="Pod/orders"),)


def test_a_check_of_an_object_is_one_validation_however_many_lines_it_has() -> None:
    checks = read(KIND, ALL)[-1]
    assert isinstance(checks, Validations)
    assert [(one.check, one.passed, one.message) for one in checks.results] == [
        ("KSV014", False, "Container 'a'\nContainer 'b'"),
        ("KSV001", True, ""),
    ]
    assert checks.objects == (("shop", "Deployment", "orders"),)
    assert not checks.complete


def test_a_summary_tells_the_images_of_a_workload_apart_by_their_systems() -> None:
    resource = {
        **OF_IMAGE,
        "Results": [CHECKED, system("orders:1", FLAW), JARS, system("quay.io/proxy:2")],
    }
    orders, proxy = scans({"ClusterName": "kind", "Findings": [resource]})
    assert (orders.subject.digest, len(orders.findings)) == (DIGEST, 2)
    assert proxy.subject == Subject(SubjectKind.IMAGE, "quay.io/proxy", "", "2")
    assert (proxy.findings, proxy.complete) == ((), True)


def test_an_image_that_nothing_names_is_its_workloads() -> None:
    [scan] = scans({**ALL, "Resources": [{**OF_IMAGE, "Metadata": {}, "Results": [JARS]}]})
    assert scan.subject == Subject(SubjectKind.IMAGE, "shop/Deployment/orders")


def test_the_parts_of_a_node_are_the_hosts() -> None:
    node = {"Kind": "NodeComponents", "Name": "node-1", "Results": [JARS]}
    [scan] = scans({**ALL, "Resources": [node]})
    assert (scan.subject, scan.presences) == (Subject(SubjectKind.HOST, "node-1"), ())


def test_what_failed_closes_nothing() -> None:
    failed = {**OF_IMAGE, "Error": "cannot pull orders:1"}
    assert [scan.complete for scan in scans({**ALL, "Resources": [failed]})] == [False]
    nothing = {**OF_IMAGE, "Error": "cannot pull orders:1", "Results": None}
    assert "cannot pull" in refusal_of(KIND, {**ALL, "Resources": [nothing]})
    assert "nothing was looked at" in refusal_of(KIND, {**ALL, "Resources": []})


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(ALL)))
