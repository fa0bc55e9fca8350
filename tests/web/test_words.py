"""Times, shares and values as people read them."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from tests.factories import NOON, at

from vedette.web.words import duration, moment, percent, value


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (3_900, "1 h 5 min"),
        (86_400, "1 day"),
        (90_000, "1 day 1 h"),
        (8 * 86_400 + 7_200, "8 days"),
    ],
)
def test_a_duration_has_its_two_greatest_units(seconds, said):
    assert duration(seconds) == said


def test_a_share_is_rounded_down_so_that_100_percent_means_all_of_it():
    assert percent(86_399, 86_400) == "99.99 %"
    assert percent(86_400, 86_400) == "100 %"
    assert percent(0, 86_400) == "0.00 %"
    assert percent(2 / 3, 1) == "66.66 %"


def test_a_share_of_nothing_is_not_said():
    assert percent(0, 0) == "–"


def test_a_moment_names_its_zone_and_says_no_more_than_needed():
    assert moment(at("11:48"), NOON).text == "11:48 UTC"
    assert moment(at("23:10", day="2026-11-20"), NOON).text == "20 Nov 23:10 UTC"
    assert moment(at("23:10", day="2026-10-01"), NOON).text == "1 Oct"
    assert moment(at("23:10", day="2025-10-01"), NOON).text == "1 Oct 2025"


def test_a_moment_is_for_machines_too():
    assert moment(at("11:48"), NOON).tag == (
        '<time datetime="2026-11-21T11:48:00Z">11:48 UTC</time>'
    )
    assert moment(at("11:48"), NOON).ago == "12 min"


def test_a_moment_of_another_zone_is_shown_in_utc():
    from zoneinfo import ZoneInfo

    local = datetime(2026, 11, 21, 12, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment(local, NOON).text == "11:30 UTC"


def test_a_moment_to_come_is_zero_seconds_ago():
    assert moment(NOON + timedelta(seconds=5), datetime(2026, 11, 21, 12, tzinfo=UTC)).ago == "0 s"


@pytest.mark.parametrize(
    ("number", "unit", "said"),
    [
        (0.0012, "seconds", "1.2 ms"),
        (0.0000042, "s", "4.2 µs"),
        (2.5, "seconds", "2.5 s"),
        (7_500, "seconds", "2 h 5 min"),
        (-7_500, "seconds", "-2 h 5 min"),
        (512, "bytes", "512 B"),
        (48_300_000_000, "bytes", "44.98 GiB"),
        (0.9931, "ratio", "99.31 %"),
        (12, "percent", "12 %"),
        (200, "", "200"),
        (1_234_567, "count", "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
        (3e15, "count", "3e+15"),
        (40, "per_second", "40/s"),
        (2_048, "bytes_per_second", "2 KiB/s"),
        (21.5, "celsius", "21.5 celsius"),
        (math.nan, "bytes", "–"),
        (math.inf, "per_second", "–"),
    ],
)
def test_a_value_wears_its_unit(number, unit, said):
    assert value(number, unit) == said
