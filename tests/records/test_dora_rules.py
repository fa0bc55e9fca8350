"""DORA's five measures, and the deployment that is proposed as an incident's cause."""

import doctest
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.records import dora_rules
from vedette.records.dora_rules import (
    P90,
    Band,
    Change,
    Delivery,
    Failure,
    Spread,
    band,
    by_environment,
    delivery,
    proposed_cause,
    quantile,
)
from vedette.records.model import Commit, Deployment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SINCE = NOW - 10 * DAY


def commit(revision: str, lead_s: int, *, revert: bool = False) -> Commit:
    return Commit(revision, "https://git.example.org/shop/orders", NOW, lead_s, revert)


def deployed(
    days_ago: float = 1,
    *commits: Commit,
    app: str = "orders",
    environment: str = "production",
    **confirmed: Any,
) -> Change:
    at = NOW - timedelta(days=days_ago)
    reason = "https://git.example.org/shop/commit/1"
    return Change(Deployment(app, environment, "p", reason, at, commits), **confirmed)


def failed(minutes: float | None, begins: datetime = NOW - DAY) -> Failure:
    return Failure(begins, None if minutes is None else begins + timedelta(minutes=minutes))


def measures(*changes: Change) -> Delivery:
    return delivery(changes, since=SINCE, until=NOW)


def test_of_nothing_nothing_is_said() -> None:
    assert measures() == Delivery(0, None, None, None, None, 0, None)
    assert (measures().band, measures().per_week) == (None, None)
    assert by_environment([], since=SINCE, until=NOW) == {}


def test_lead_time_is_of_commits_by_median_and_ninetieth_percentile() -> None:
    leads = [commit(str(hours), hours * 3_600) for hours in range(1, 11)]
    found = measures(deployed(2, *leads[:4]), deployed(1, *leads[4:]))
    assert found.lead_time == Spread(10, 5.5 * 3_600, pytest.approx(9.1 * 3_600))


def test_reverts_and_commits_younger_than_their_deployment_have_no_lead_time() -> None:
    odd = (commit("a", 60, revert=True), commit("b", -5))
    assert measures(deployed(1, *odd)).lead_time is None
    assert measures(deployed(1, *odd, commit("c", 90))).lead_time == Spread(1, 90, 90)


def test_a_commit_counts_once_with_its_first_deployment() -> None:
    found = measures(deployed(1, commit("a", 900)), deployed(2, commit("a", 100)))
    assert found.lead_time == Spread(1, 100, 100)


def test_each_environment_is_measured_by_itself() -> None:
    found = by_environment(
        [
            deployed(1, commit("a", 100), environment="stage"),
            deployed(1, commit("a", 900)),
            deployed(2),
            deployed(11),  # before the period
        ],
        since=SINCE,
        until=NOW,
    )
    assert list(found) == ["production", "stage"]
    assert (found["production"].deployments, found["stage"].deployments) == (2, 1)
    assert found["production"].lead_time == Spread(1, 900, 900)


def test_the_period_holds_its_beginning_and_not_its_end() -> None:
    assert measures(deployed(10), deployed(0)).deployments == 1


def test_frequency_is_per_day_and_per_week() -> None:
    found = measures(*(deployed(day / 2) for day in range(1, 16)))
    assert (found.per_day, found.per_week) == (Fraction(3, 2), Fraction(21, 2))
    assert found.band is Band.ELITE


@pytest.mark.parametrize(
    ("per_day", "called"),
    [
        (Fraction(11, 10), Band.ELITE),
        (Fraction(1), Band.HIGH),
        (Fraction(1, 7), Band.HIGH),
        (Fraction(1, 8), Band.MEDIUM),
        (Fraction(1, 30), Band.MEDIUM),
        (Fraction(1, 31), Band.LOW),
        (Fraction(1, 400), Band.LOW),
    ],
)
def test_bands_are_those_of_the_reports(per_day: Fraction, called: Band) -> None:
    assert band(per_day) is called


def test_fail_rate_and_recovery_are_of_deployments_that_caused_incidents() -> None:
    found = measures(
        deployed(1),
        deployed(2, failures=(failed(30), failed(50))),
        deployed(3, failures=(failed(10),)),
        deployed(4, failures=(failed(None), failed(5))),
    )
    assert found.fail_rate == Fraction(3, 4)
    assert found.recovery == Spread(2, 30 * 60, pytest.approx(46 * 60))
    assert found.unrecovered == 1


def test_no_failure_is_a_rate_of_nought_and_no_recovery_time() -> None:
    found = measures(deployed())
    assert (found.fail_rate, found.recovery, found.rework_rate) == (0, None, 0)


def test_rework_is_the_share_of_deployments_made_to_mend() -> None:
    assert measures(deployed(), deployed(2, remedy=True)).rework_rate == Fraction(1, 2)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
@settings(max_examples=50)
def test_a_quantile_lies_between_neighbours_and_needs_no_order(values: list[int]) -> None:
    ordered = sorted(values)
    assert quantile(values, P90) == quantile(ordered, P90)
    assert ordered[0] <= quantile(values, P90) <= ordered[-1]
    assert sum(value <= quantile(values, P90) for value in values) >= 0.9 * (len(values) - 1)


def cause(*changes: Change, minutes: int = 60, at: datetime = NOW) -> Deployment | None:
    return proposed_cause(
        [change.deployment for change in changes],
        at,
        timedelta(minutes=minutes),
        services=["orders", "carts"],
    )


def test_the_latest_deployment_before_an_incident_is_proposed() -> None:
    early, late = deployed(50 / 1440), deployed(20 / 1440, app="carts")
    assert cause(early, late) == late.deployment
    assert cause(late, early) == late.deployment


def test_neither_another_service_nor_the_future_nor_long_ago_is_proposed() -> None:
    assert cause(deployed(10 / 1440, app="billing")) is None
    assert cause(deployed(-1 / 1440)) is None
    assert cause(deployed(61 / 1440)) is None
    assert cause() is None


def test_what_was_only_tried_is_not_proposed() -> None:
    real = deployed(30 / 1440)
    assert cause(real, deployed(20 / 1440, environment="staging")) == real.deployment
    assert cause(deployed(20 / 1440, environment="eu/Pre-Prod 2")) is None


def test_the_window_holds_both_its_ends() -> None:
    assert cause(deployed(60 / 1440)) is not None
    assert cause(deployed(0)) is not None


def test_of_two_at_once_the_first_by_name_is_proposed() -> None:
    found = cause(deployed(), deployed(app="carts"), minutes=2_000)
    assert found is not None
    assert found.app == "carts"


def test_the_worked_examples_are_right() -> None:
    assert doctest.testmod(dora_rules).failed == 0
