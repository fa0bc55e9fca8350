"""Objectives of OpenSLO v1: what they say, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
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
from vedette.records.documents import read_documents
from vedette.records.model import Objective

KIND = "openslo"
SOURCE: dict[str, Any] = {"metricSource": {"type": "Prometheus", "spec": {"query": "up"}}}
SLO: dict[str, Any] = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {"name": "orders", "labels": {"team": "shop", "tier": ["1", "2"]}},
    "spec": {
        "description": "Orders are taken",
        "service": "shop",
        "indicator": {
            "metadata": {"name": "orders-good"},
            "spec": {"ratioMetric": {"counter": True, "good": SOURCE, "total": SOURCE}},
        },
        "timeWindow": [{"duration": "28d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": "Contract", "target": 0.999}],
    },
}
SPEC = ("spec",)
WINDOW = ("spec", "timeWindow", 0)
FIRST = ("spec", "objectives", 0)
CALENDAR = {
    "duration": "1M",
    "calendar": {"startTime": "2026-01-01 00:00:00", "timeZone": "Europe/Berlin"},
}


def objectives(value: Any) -> list[Objective]:
    found = read(KIND, value)
    assert all(isinstance(one, Objective) for one in found)
    return found  # type: ignore[return-value]


def test_an_objective_is_read() -> None:
    assert recognised(SLO) == [KIND]
    [found] = objectives(SLO)
    assert (found.name, found.service, found.document) == ("orders", "shop", "orders")
    assert (found.target, found.window_s, found.calendar) == (99.9, 28 * 86_400, "")
    assert (found.sli, found.budgeting) == ("orders-good", "occurrences")
    assert found.labels == {"team": "shop", "tier": "1,2"}
    assert json.loads(found.definition) == SLO


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("5m", 300),
        ("1h", 3_600),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1M", 2_592_000),
        ("1Q", 7_776_000),
        ("1Y", 31_536_000),
    ],
)
def test_a_rolling_window_is_seconds_and_its_letters_case_counts(
    duration: str, seconds: int
) -> None:
    assert objectives(spoilt(SLO, (*WINDOW, "duration"), duration))[0].window_s == seconds


def test_a_calendar_has_a_unit_a_zone_and_a_beginning() -> None:
    [found] = objectives(spoilt(SLO, WINDOW, CALENDAR))
    assert (found.window_s, found.calendar, found.calendar_count) == (0, "month", 1)
    assert (found.zone, found.starts_at) == ("Europe/Berlin", "2026-01-01T00:00:00")
    [quarters] = objectives(spoilt(SLO, WINDOW, CALENDAR | {"duration": "2Q"}))
    assert (quarters.calendar, quarters.calendar_count) == ("quarter", 2)


def test_a_target_may_be_given_in_per_cent() -> None:
    [found] = objectives(spoilt(SLO, FIRST, {"targetPercent": 99.95}))
    assert found.target == 99.95


def test_several_objectives_are_told_apart_by_their_titles_or_their_places() -> None:
    two = [{"displayName": "Ours", "target": 0.995}, {"displayName": "Contract", "target": 0.99}]
    slo = spoilt(SLO, ("spec", "objectives"), two)
    assert [(o.name, o.target) for o in objectives(slo)] == [
        ("orders/Ours", 99.5),
        ("orders/Contract", 99.0),
    ]
    same = spoilt(slo, ("spec", "objectives", 1, "displayName"), "Ours")
    assert [o.name for o in objectives(same)] == ["orders/1", "orders/2"]


def test_a_composite_has_an_indicator_for_each_objective_and_keeps_its_weights() -> None:
    parts = [
        {"target": 0.99, "indicatorRef": "carts-good", "compositeWeight": 2},
        {"target": 0.9, "indicatorRef": "orders-fast", "compositeWeight": 1},
    ]
    slo = spoilt(spoilt(SLO, ("spec", "indicator")), ("spec", "objectives"), parts)
    found = objectives(slo)
    assert [one.sli for one in found] == ["carts-good", "orders-fast"]
    weights = [o["compositeWeight"] for o in json.loads(found[0].definition)["spec"]["objectives"]]
    assert weights == [2, 1]


STREAM = """
apiVersion: openslo/v1
kind: Service
metadata: {name: shop}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: orders-fast}
spec:
  thresholdMetric: {metricSource: {type: Prometheus, spec: {query: p99}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: orders-fast}
spec:
  service: shop
  indicatorRef: orders-fast
  timeWindow: [{duration: 1w, isRolling: true}]
  budgetingMethod: RatioTimeslices
  objectives: [{target: 0.95, op: lte, value: 0.3, timeSliceWindow: 5m}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: tell-someone}
spec: {}
"""


def test_what_stands_around_an_slo_is_looked_at_and_says_nothing() -> None:
    documents = read_documents(STREAM.encode())
    assert [recognised(d.value) for d in documents] == [[KIND]] * 4
    [found] = [one for document in documents for one in objectives(document.value)]
    assert (found.sli, found.budgeting) == ("orders-fast", "ratio-timeslices")


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("apiVersion",), "openslo/v1alpha", "apiVersion is 'openslo/v1alpha', not 'openslo/v1'"),
        (("apiVersion",), "openslo/v2alpha", "not 'openslo/v1'"),
        (("kind",), "Slo", "kind 'Slo' is none of OpenSLO v1"),
        (("kind",), ["SLO"], "is none of OpenSLO v1"),
        (("metadata", "name"), "Orders!", "$.metadata.name"),
        (("metadata", "name"), "a" * 64, "$.metadata.name"),
        (("metadata", "labels", "team"), 7, "$.metadata.labels"),
        ((*SPEC, "service"), ..., "service"),
        ((*SPEC, "timeWindow"), [], "$.spec.timeWindow"),
        ((*SPEC, "timeWindow"), [CALENDAR, CALENDAR], "$.spec.timeWindow"),
        ((*WINDOW, "duration"), "28D", "$.spec.timeWindow[0].duration"),
        ((*WINDOW, "duration"), "0d", "$.spec.timeWindow[0].duration"),
        ((*WINDOW, "duration"), "1h30m", "$.spec.timeWindow[0].duration"),
        ((*WINDOW, "isRolling"), False, "it needs isRolling: true, or a calendar"),
        ((*SPEC, "budgetingMethod"), "Timeslice", "$.spec.budgetingMethod"),
        ((*SPEC, "budgetingMethod"), "RatioTimeslices", "objectives[0]: RatioTimeslices need time"),
        ((*SPEC, "objectives"), [], "$.spec.objectives"),
        ((*FIRST, "target"), ..., "either target or targetPercent"),
        ((*FIRST, "targetPercent"), 99.9, "either target or targetPercent"),
        ((*FIRST, "target"), 99.9, "$.spec.objectives[0].target"),
        ((*FIRST, "target"), 0, "a target of 0 promises nothing"),
        ((*FIRST, "op"), "<", "$.spec.objectives[0].op"),
        ((*SPEC, "indicator"), ..., "either indicator or indicatorRef"),
        ((*SPEC, "indicatorRef"), "other", "either indicator or indicatorRef"),
        ((*SPEC, "indicator", "spec", "ratioMetric", "total"), ..., "it needs total"),
        ((*SPEC, "indicator", "spec", "ratioMetric", "bad"), SOURCE, "either good or bad"),
        ((*SPEC, "indicator", "spec", "ratioMetric", "raw"), SOURCE, "raw stands alone"),
        ((*SPEC, "indicator", "spec", "thresholdMetric"), SOURCE, "either thresholdMetric or"),
        ((*SPEC, "indicator", "spec"), {"thresholdMetric": SOURCE}, "needs op and value"),
        ((*SPEC, "description"), "x" * 300_000, "$.spec.description"),
    ],
)
def test_what_the_specification_forbids_is_refused_with_its_place(
    place: tuple[Any, ...], odd: Any, why: str
) -> None:
    assert why in refusal_of(KIND, spoilt(SLO, place, odd))


@pytest.mark.parametrize(
    ("key", "odd", "why"),
    [
        ("timeZone", "Mars/Olympus", "there is no time zone"),
        ("timeZone", "../../etc/passwd", "there is no time zone"),
        ("timeZone", "Europe", "there is no time zone"),
        ("startTime", "2026-01-01T00:00:00Z", "is no time without a zone"),
        ("startTime", "January", "is no time without a zone"),
        ("startTime", "0001-01-01 00:00:00", "is no time without a zone"),
    ],
)
def test_a_calendar_nobody_could_follow_is_refused(key: str, odd: str, why: str) -> None:
    slo = spoilt(SLO, WINDOW, CALENDAR)
    assert why in refusal_of(KIND, spoilt(slo, (*WINDOW, "calendar", key), odd))


def test_an_slo_too_large_or_too_deep_to_keep_is_refused() -> None:
    spec = (*SPEC, "indicator", "spec", "ratioMetric", "good", "metricSource", "spec")
    large = spoilt(SLO, spec, {"query": "x" * 300_000})
    assert "larger than 256 KiB" in refusal_of(KIND, large)
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    slo = {**SLO, "spec": {**SLO["spec"], "x": deep}}
    assert "nested too deep" in refusal_of(KIND, slo)


def test_the_specifications_own_examples() -> None:
    [document] = fixture("slo/openslo/occurences-slo.yaml")
    [found] = objectives(document.value)
    assert (found.name, found.service, found.sli) == ("search-slo", "web-shop", "search-latency")
    assert (found.target, found.window_s) == (99.0, 14 * 86_400)
    [document] = fixture("slo/openslo/timeslices-slo.yaml")
    ours, contract = objectives(document.value)
    assert (ours.name, ours.target) == ("service-availability/Internal objective", 99.5)
    assert (contract.name, contract.target) == ("service-availability/SLA", 99.0)
    # Its `1m` is a minute, whatever its comment says of a month.
    assert (ours.calendar, ours.calendar_count) == ("minute", 1)
    assert (ours.zone, ours.starts_at) == ("America/New_York", "2022-01-01T12:00:00")
    assert ours.budgeting == "timeslices"


def test_a_truncated_file_is_refused() -> None:
    whole = STREAM.encode()
    with pytest.raises(Invalid):
        read_documents(whole[: whole.index(b"timeWindow") + 25])


@given(value=spoiled(SLO))
@settings(max_examples=50)
def test_a_spoiled_slo_is_read_or_refused(value: Any) -> None:
    assert_read_or_refused(KIND, value)


def test_a_wrong_type_anywhere_is_read_or_refused() -> None:
    for place in places_of(spoilt(SLO, WINDOW, CALENDAR)):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(spoilt(SLO, WINDOW, CALENDAR), place, odd))
