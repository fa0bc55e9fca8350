"""Burn rates: the workbook's table, what fires, what never can, and what cannot be said."""

import doctest
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.records import burn_rules
from vedette.records.burn_rules import (
    RULES,
    Burn,
    Errors,
    burn,
    can_never_fire,
    counted,
    detection_time,
    factor,
    measured,
    threshold,
    warnings,
)
from vedette.records.slo_rules import Measured

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MONTH = 30 * DAY
FAST = RULES[0]
WINDOWS = sorted({window for rule in RULES for window in (rule.long, rule.short)})


def everywhere(ratio: str, events: int | None = None) -> dict[timedelta, Errors]:
    return dict.fromkeys(WINDOWS, Errors(Fraction(ratio), events))


def test_the_table_is_the_workbooks() -> None:
    assert [(r.asks, r.budget * 100, r.long, r.short) for r in RULES] == [
        (Burn.PAGE, 2, HOUR, 5 * MINUTE),
        (Burn.PAGE, 5, 6 * HOUR, 30 * MINUTE),
        (Burn.TICKET, 10, DAY, 2 * HOUR),
        (Burn.TICKET, 10, 3 * DAY, 6 * HOUR),
    ]


@pytest.mark.parametrize(
    ("days", "factors"),
    [
        (30, ["14.4", "6", "3", "1"]),
        (28, ["13.44", "5.6", "2.8", "14/15"]),
        (7, ["3.36", "1.4", "0.7", "7/30"]),
    ],
)
def test_a_factor_follows_from_the_period(days: int, factors: list[str]) -> None:
    assert [factor(rule, days * DAY) for rule in RULES] == [Fraction(text) for text in factors]


def test_three_nines_page_above_one_point_forty_four_per_cent() -> None:
    assert threshold(FAST, 99.9, MONTH) == Fraction("0.0144")
    assert burn(everywhere("0.0144"), 99.9, MONTH) is Burn.PAGE  # by the six hours' 0.6 %
    only_fast = (FAST,)
    assert burn(everywhere("0.0144"), 99.9, MONTH, rules=only_fast) is Burn.QUIET
    assert burn(everywhere("0.01440001"), 99.9, MONTH, rules=only_fast) is Burn.PAGE


def test_a_total_outage_passes_the_hour_after_0_864_minutes() -> None:
    assert detection_time(FAST, 99.9, MONTH) == timedelta(minutes=0.864)
    assert detection_time(FAST, 99.9, MONTH, Fraction("0.0144")) is None
    assert detection_time(FAST, 90, MONTH) is None


def test_ninety_per_cent_can_never_burn_fourteen_times_as_fast() -> None:
    assert can_never_fire(FAST, 90, MONTH)
    assert [can_never_fire(rule, 90, MONTH) for rule in RULES] == [True, False, False, False]
    [warning] = warnings(90, MONTH)
    assert warning == (
        "the page rule over 1 h can never fire: at 90 % it needs more than 144 % of errors"
    )
    assert warnings(99.9, MONTH) == ()
    # Above 100 % there is nothing: a threshold of just that is never passed.
    assert can_never_fire(RULES[3], 0.0001, MONTH) is False
    assert can_never_fire(RULES[2], 66, MONTH) is True


@pytest.mark.parametrize(
    ("ratio", "asks"),
    [
        ("0", Burn.QUIET),
        ("0.001", Burn.QUIET),
        ("0.0011", Burn.TICKET),
        ("0.006", Burn.TICKET),
        ("0.0061", Burn.PAGE),
        ("1", Burn.PAGE),
    ],
)
def test_the_gravest_rule_that_fires_is_what_it_asks(ratio: str, asks: Burn) -> None:
    assert burn(everywhere(ratio), 99.9, MONTH) is asks


def test_what_is_over_does_not_fire() -> None:
    errors = everywhere("0") | {HOUR: Errors(Fraction(1, 2)), 6 * HOUR: Errors(Fraction(1, 10))}
    assert burn(errors, 99.9, MONTH) is Burn.QUIET


def test_no_traffic_is_no_proof_of_health() -> None:
    assert burn({}, 99.9, MONTH) is Burn.NO_DATA
    assert burn(dict.fromkeys(WINDOWS, counted(0, 0)), 99.9, MONTH) is Burn.NO_DATA
    silent_now = everywhere("0.5") | {window: counted(0, 0) for window in (5 * MINUTE,)}
    assert burn(silent_now, 99.9, MONTH) is Burn.PAGE  # six hours and thirty minutes say enough
    assert burn(silent_now, 99.9, MONTH, rules=(FAST,)) is Burn.NO_DATA


def test_one_window_below_decides_whatever_the_other_lacks() -> None:
    quiet = {rule.long: Errors(Fraction(0)) for rule in RULES}
    assert burn(quiet, 99.9, MONTH) is Burn.QUIET


def test_too_few_events_are_not_judged_by() -> None:
    assert burn(everywhere("0.5", events=3), 99.9, MONTH) is Burn.PAGE
    assert burn(everywhere("0.5", events=3), 99.9, MONTH, min_events=100) is Burn.NO_DATA
    enough = everywhere("0.5", events=3) | {DAY: Errors(Fraction(1, 2), 100)}
    assert burn(enough, 99.9, MONTH, min_events=100) is Burn.TICKET


def test_errors_are_what_values_over_time_lack() -> None:
    values = [Measured(NOW - 2 * HOUR, 100), Measured(NOW - 30 * MINUTE, 90)]
    assert measured(values, HOUR, now=NOW).ratio == Fraction(1, 20)
    assert measured(values, 5 * MINUTE, now=NOW).ratio == Fraction(1, 10)
    assert measured([], HOUR, now=NOW).ratio is None
    stale = measured(values, 5 * MINUTE, now=NOW, stands=10 * MINUTE)
    assert stale.ratio is None


ANSWERS = st.none() | st.sampled_from(
    [Fraction(0), Fraction(1, 500), Fraction(1, 100), Fraction(1)]
)


@given(st.fixed_dictionaries(dict.fromkeys(WINDOWS, ANSWERS)))
@settings(max_examples=50)
def test_what_is_said_without_all_data_holds_whatever_the_rest_would_be(
    ratios: dict[timedelta, Fraction | None],
) -> None:
    said = burn({at: Errors(ratio) for at, ratio in ratios.items()}, 99.9, MONTH)
    for filled in (Fraction(0), Fraction(1)):
        whole = {at: Errors(filled if ratio is None else ratio) for at, ratio in ratios.items()}
        then = burn(whole, 99.9, MONTH)
        if said is Burn.QUIET or said is Burn.PAGE:
            assert then is said
        if said is Burn.TICKET:
            assert then in (Burn.TICKET, Burn.PAGE)


def test_the_worked_examples_are_right() -> None:
    assert doctest.testmod(burn_rules).failed == 0
