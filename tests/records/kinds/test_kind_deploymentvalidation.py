"""Checks of manifests: the operator's gauges, kube-linter's and Polaris's reports."""

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

from vedette.records.model import Validation, Validations

KIND = "deploymentvalidation"
CHECK = "deployment_validation_operator_unset_cpu_requirements"


def sample(value: str = "1", **labels: str) -> dict[str, Any]:
    metric = {"__name__": CHECK, "kind": "Deployment", "name": "orders", "namespace": "shop"}
    return {"metric": metric | labels, "value": [1_790_000_000.5, value]}


def vector(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}


def only(value: Any, **said: str) -> Validations:
    [found] = read(KIND, value, **said)
    assert isinstance(found, Validations)
    return found


KUBE_LINTER: dict[str, Any] = {
    "Checks": [
        {"name": "run-as-non-root", "description": "Runs as root", "remediation": "Set runAsUser"},
        {"name": "latest-tag", "description": "Any tag", "remediation": "Name one"},
    ],
    "Reports": [
        {
            "Check": "run-as-non-root",
            "Diagnostic": {"Message": f'container "{name}" may run as root'},
            "Remediation": "Set runAsUser to 1000",
            "Object": {
                "Metadata": {"FilePath": "/orders.yaml"},
                "K8sObject": {
                    "Namespace": "",
                    "Name": "orders",
                    "GroupVersionKind": {"Group": "apps", "Version": "v1", "Kind": "Deployment"},
                },
            },
        }
        for name in ("app", "sidecar")
    ],
    "Summary": {"ChecksStatus": "Failed", "CheckEndTime": "2026-11-01T10:00:00.123456789Z"},
}


def result(success: bool, severity: str = "warning", **more: Any) -> dict[str, Any]:
    return {"ID": "x", "Message": "it should", "Success": success, "Severity": severity} | more


POLARIS: dict[str, Any] = {
    "PolarisOutputVersion": "1.0",
    "AuditTime": "2026-11-01T10:00:00Z",
    "SourceType": "Cluster",
    "Results": [
        {
            "Name": "orders",
            "Namespace": "shop",
            "Kind": "Deployment",
            "Results": {"replicas": result(success=False, Details=["one", "of two"])},
            "PodResult": {
                "Results": {"hostIPC": result(success=True, severity="danger")},
                "ContainerResults": [
                    {"Name": "app", "Results": {"cpu": result(success=True)}},
                    {
                        "Name": "sidecar",
                        "Results": {
                            "cpu": result(success=False),
                            "tag": result(success=False, severity="ignore"),
                        },
                    },
                ],
            },
        },
        {"Name": "shop", "Namespace": "", "Kind": "Namespace", "Results": None, "PodResult": None},
    ],
}


def test_a_gauge_of_one_fails_and_of_zero_passes() -> None:
    found = only(vector(sample("1"), sample("0", name="carts", check_description="It has none")))
    assert found == Validations(
        "dvo",
        (
            Validation(CHECK, "shop", "Deployment", "orders", passed=False),
            Validation(
                CHECK, "shop", "Deployment", "carts", passed=True, description="It has none"
            ),
        ),
        at=datetime.fromtimestamp(1_790_000_000.5, UTC),
    )


def test_the_namespace_is_the_objects_own_where_the_scrape_renamed_it() -> None:
    found = only(vector(sample(exported_namespace="shop", namespace="the-operators")))
    assert [one.namespace for one in found.results] == ["shop"]


def test_no_failing_object_is_an_answer_too_but_closes_nothing() -> None:
    assert only(vector()) == Validations("dvo")
    assert only({"data": {"result": []}}) == Validations("dvo")


def test_a_clock_slightly_ahead_of_ours_said_now() -> None:
    ahead = sample() | {"value": [NOW.timestamp() + 60, "1"]}
    assert only(vector(ahead)).at == NOW


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("status",), "error", "the query failed"),
        (("status",), "partial", "the query failed"),
        (("data",), ..., 'key "data" not found'),
        (("data", "resultType"), "matrix", "data.resultType is 'matrix', not 'vector'"),
        (("data", "result"), ..., 'key "result" not found'),
        (("data", "result"), None, "$.data.result"),
        (("data", "result", 1, "metric"), ..., 'data.result[1]: key "metric" not found'),
        (("data", "result", 1, "value"), ..., 'data.result[1]: key "value" not found'),
        (("data", "result", 1, "value", 1), "0.5", "$.data.result[1].value[1]"),
        (("data", "result", 1, "value", 1), "NaN", "$.data.result[1].value[1]"),
        (("data", "result", 1, "value", 1), 1, "$.data.result[1].value[1]"),
        (("data", "result", 1, "value", 0), 1.79e12, "it is in seconds since 1970"),
        (("data", "result", 1, "value", 0), 1e999, "$.data.result[1].value[0]"),
        (("data", "result", 1, "metric", "namespace"), ..., 'key "exported_namespace" not found'),
        (("data", "result", 1, "metric", "kind"), ..., 'data.result[1].metric: key "kind" not'),
        (("data", "result", 1, "metric", "name"), "", 'data.result[1].metric: key "name" not'),
        (("data", "result", 1, "metric", "__name__"), ..., 'key "__name__" not found'),
        (("data", "result", 1, "metric", "kind"), "x" * 2_000, "$.data.result[1].metric.kind"),
    ],
)
def test_what_is_no_vector_of_noughts_and_ones_is_refused(
    place: tuple[Any, ...], odd: Any, why: str
) -> None:
    assert why in refusal_of(KIND, spoilt(vector(sample(), sample()), place, odd))


def test_a_failed_query_says_its_reason() -> None:
    failed = {"status": "error", "errorType": "timeout", "error": "query timed out"}
    assert "query timed out" in refusal_of(KIND, failed)


def test_kube_linter_lists_what_fails_and_an_objects_containers_are_one() -> None:
    assert recognised(KUBE_LINTER) == [KIND]
    [one] = only(KUBE_LINTER, namespace="shop").results
    assert one == Validation(
        "run-as-non-root",
        "shop",
        "Deployment",
        "orders",
        passed=False,
        message='container "app" may run as root\ncontainer "sidecar" may run as root',
        description="Runs as root",
        remediation="Set runAsUser to 1000",
    )
    assert not only(KUBE_LINTER).complete


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("Summary", "ChecksStatus"), "Passed", "'Passed' beside 2 Reports"),
        (("Summary", "ChecksStatus"), "Fine", "$.Summary.ChecksStatus"),
        (("Reports",), None, "'Failed' beside 0 Reports"),
        (("Checks",), [], "nothing was looked at"),
        (("Reports", 0, "Object", "K8sObject", "Name"), ..., "$.Reports[0].Object.K8sObject"),
    ],
)
def test_a_kube_linter_that_broke_is_not_one_that_found_nothing(
    place: tuple[Any, ...], odd: Any, why: str
) -> None:
    assert why in refusal_of(KIND, spoilt(KUBE_LINTER, place, odd))


def test_polaris_says_what_passes_and_an_object_fails_with_its_worst_container() -> None:
    assert recognised(POLARIS) == [KIND]
    found = only(POLARIS)
    assert {one.check: (one.passed, one.word, one.message) for one in found.results} == {
        "replicas": (False, "warning", "it should: one, of two"),
        "hostIPC": (True, "danger", "it should"),
        "cpu": (False, "warning", "sidecar: it should"),
    }
    assert found.complete


def test_only_an_audit_of_a_whole_cluster_is_complete_and_an_empty_one_never() -> None:
    assert not only(spoilt(POLARIS, ("SourceType",), "Path")).complete
    assert not only(spoilt(POLARIS, ("Results",), [])).complete
    assert "not '1.0'" in refusal_of(KIND, spoilt(POLARIS, ("PolarisOutputVersion",), "2.0"))


def test_a_time_to_come_is_now() -> None:
    assert only(spoilt(POLARIS, ("AuditTime",), "9000-01-01T00:00:00Z")).at == NOW


def test_the_operators_real_answer() -> None:
    [document] = fixture("dashdotdb/deploymentvalidation.json")
    found = only(document.value)
    assert [(r.namespace, r.object_kind, r.object_name, r.passed) for r in found.results] == [
        ("app-interface-stage", "Deployment", "openshift-acme", False),
        ("app-interface-stage", "Deployment", "qontract-api", False),
        ("visual-qontract-stage", "ReplicaSet", "openshift-acme-d6bdb5b48", False),
    ]
    assert {r.check for r in found.results} == {"deployment_validation_operator_replica_validation"}
    assert found.at == datetime.fromtimestamp(1603208289.29, UTC)


def test_kube_linters_real_report() -> None:
    [document] = fixture("deployment-validation/kube-linter/kubelinter_many_vuln.json")
    found = only(document.value, namespace="default")
    assert [one.check for one in found.results] == [
        "latest-tag",
        "no-read-only-root-fs",
        "privilege-escalation-container",
        "privileged-container",
        "run-as-non-root",
        "unset-cpu-requirements",
        "unset-memory-requirements",
    ]
    assert {(r.namespace, r.object_name, r.passed) for r in found.results} == {
        ("default", "generic-app", False)
    }


def test_polariss_real_audit() -> None:
    [document] = fixture("deployment-validation/polaris/polaris_many_vuln.json")
    found = only(document.value)
    assert len(found.results) == 31
    failing = [one.word for one in found.results if not one.passed]
    assert (failing.count("warning"), failing.count("danger")) == (17, 4)
    assert not found.complete


@pytest.mark.parametrize("whole", [vector(sample(), sample("0")), KUBE_LINTER, POLARIS])
@settings(max_examples=40)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


@pytest.mark.parametrize("whole", [vector(sample()), KUBE_LINTER, POLARIS])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))
