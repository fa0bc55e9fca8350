"""Objectives of Sloth: its files, its resources, its catalogues of windows."""

import json
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

from vedette.records.model import Objective

KIND = "sloth"
FILE: dict[str, Any] = {
    "version": "prometheus/v1",
    "service": "orders",
    "labels": {"owner": "shop", "tier": 2},
    "slos": [
        {
            "name": "requests-availability",
            "objective": 99.9,
            "description": "Requests are answered",
            "labels": {"tier": "1"},
            "sli": {
                "events": {
                    "error_query": 'sum(rate(http_total{code=~"5.."}[{{.window}}]))',
                    "total_query": "sum(rate(http_total[{{.window}}]))",
                }
            },
            "alerting": {"page_alert": {"disable": True}},
        },
        {"name": "by-plugin", "objective": 95, "sli": {"plugin": {"id": "shop/latency"}}},
    ],
}
RESOURCE: dict[str, Any] = {
    "apiVersion": "sloth.slok.dev/v1",
    "kind": "PrometheusServiceLevel",
    "metadata": {"name": "orders-slos", "namespace": "monitoring"},
    "spec": {
        "service": "orders",
        "slos": [
            {"name": "raw", "objective": 99, "sli": {"raw": {"errorRatioQuery": "errors"}}},
        ],
    },
}
WINDOWS: dict[str, Any] = {
    "apiVersion": "sloth.slok.dev/v1",
    "kind": "AlertWindows",
    "spec": {
        "sloPeriod": "28d",
        "page": {
            "quick": {"errorBudgetPercent": 2, "shortWindow": "5m", "longWindow": "1h"},
            "slow": {"errorBudgetPercent": 5, "shortWindow": "30m", "longWindow": "6h"},
        },
        "ticket": {
            "quick": {"errorBudgetPercent": 10, "shortWindow": "2h", "longWindow": "1d"},
            "slow": {"errorBudgetPercent": 10, "shortWindow": "6h", "longWindow": "3d"},
        },
    },
}
FIRST = ("slos", 0)


def objectives(value: Any) -> list[Objective]:
    found = read(KIND, value)
    assert all(isinstance(one, Objective) for one in found)
    return found  # type: ignore[return-value]


def test_a_file_is_a_services_objectives() -> None:
    assert recognised(FILE) == [KIND]
    first, second = objectives(FILE)
    assert (first.name, first.service, first.document) == (
        "requests-availability",
        "orders",
        "orders",
    )
    assert (first.target, first.window_s, first.budgeting) == (99.9, 30 * 86_400, "occurrences")
    assert first.labels == {"owner": "shop", "tier": "1"}
    assert json.loads(first.definition) == FILE["slos"][0]
    assert (second.sli, second.labels) == ("shop/latency", {"owner": "shop", "tier": "2"})


def test_a_resource_says_the_same_in_the_other_case() -> None:
    assert recognised(RESOURCE) == [KIND]
    [found] = objectives(RESOURCE)
    assert (found.name, found.service, found.document) == ("raw", "orders", "orders-slos")


def test_a_catalogue_of_windows_holds_no_objective() -> None:
    assert recognised(WINDOWS) == [KIND]
    assert objectives(WINDOWS) == []
    odd = spoilt(WINDOWS, ("spec", "page", "quick", "longWindow"), "an hour")
    assert "$.spec.page.quick.longWindow" in refusal_of(KIND, odd)


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("version",), "prometheus/v2", "version is 'prometheus/v2', not 'prometheus/v1'"),
        (("version",), ..., "not 'prometheus/v1'"),
        (("service",), "", "$.service"),
        (("slos",), [], "$.slos"),
        (("slos", 1, "name"), "requests-availability", "stands twice"),
        ((*FIRST, "objective"), 100, "$.slos[0].objective"),
        ((*FIRST, "objective"), "99.9", "$.slos[0].objective"),
        ((*FIRST, "sli"), {}, "slos[0].sli: it needs one of events, raw and plugin"),
        ((*FIRST, "sli", "raw"), {"error_ratio_query": "x"}, "it needs one of"),
        ((*FIRST, "sli", "events", "total_query"), " ", "slos[0].sli.events: it needs total_query"),
        ((*FIRST, "sli", "events"), ["x"], "it needs error_query"),
        ((*FIRST, "alerting"), {"x": "y" * 300_000}, "slos[0]: larger than 256 KiB"),
    ],
)
def test_what_sloth_would_not_take_is_refused_with_its_place(
    place: tuple[Any, ...], odd: Any, why: str
) -> None:
    assert why in refusal_of(KIND, spoilt(FILE, place, odd))


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("apiVersion",), "sloth.slok.dev/v2", "not 'sloth.slok.dev/v1'"),
        (("kind",), "SLO", "kind 'SLO' is none of sloth.slok.dev/v1"),
        (("spec", "slos", 0, "sli", "raw"), {"error_ratio_query": "x"}, "it needs errorRatioQuery"),
    ],
)
def test_a_resource_of_another_kind_is_refused(place: tuple[Any, ...], odd: Any, why: str) -> None:
    assert why in refusal_of(KIND, spoilt(RESOURCE, place, odd))


def test_sloths_own_examples() -> None:
    [document] = fixture("slo/sloth/getting-started.yml")
    [found] = objectives(document.value)
    assert (found.name, found.service, found.target) == ("requests-availability", "myservice", 99.9)
    assert found.labels == {"owner": "myteam", "repo": "myorg/myservice", "tier": "2"}
    [document] = fixture("slo/sloth/google-30d.yaml")
    assert objectives(document.value) == []


@pytest.mark.parametrize("whole", [FILE, RESOURCE, WINDOWS])
@settings(max_examples=30)
@given(data=st.data())
def test_a_spoiled_document_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


@pytest.mark.parametrize("whole", [FILE, RESOURCE, WINDOWS])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))
