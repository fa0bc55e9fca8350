"""A policy decides from what stands; and who flaps is told by Nagios' own table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import at

from vedette.incidents.model import Impact
from vedette.incidents.policy_rules import (
    Deed,
    Last,
    Policies,
    Policy,
    Standing,
    Told,
    changed_slots,
    decide,
    flapping_percent,
    flaps,
)

CALM = Standing(policy=Policy())
OURS = Told(1, Impact.MINOR, ours=True)


@pytest.mark.parametrize(
    ("changed", "percent"),
    [
        (range(1, 21), 100.0),
        ([20], 6.25),
        ([1], 3.75),
        ([18, 19, 20], 18.355),
        ([1, 2, 3], 11.645),
        (range(14, 21), 40.987),
        ([3, 4, 5, 9, 12, 16, 19], 34.276),
    ],
)
def test_the_weights_are_nagios(changed, percent):
    assert flapping_percent(changed) == pytest.approx(percent, abs=5e-4)


def test_flapping_begins_at_high_ends_at_low_and_stays_between():
    policy = Policy(flap_high=20, flap_low=5)
    assert [flaps(p, policy, is_flapping=False) for p in (5.0, 19.9, 20.0)] == [False, False, True]
    assert [flaps(p, policy, is_flapping=True) for p in (19.9, 5.1, 5.0)] == [True, True, False]
    assert not flaps(100.0, Policy(flap_high=0), is_flapping=True)


def test_changes_fall_into_the_minutes_of_the_last_twenty():
    times = [at("11:40:59"), at("11:41:00"), at("11:59:01"), at("11:59:59"), at("12:00:30")]
    assert changed_slots(times, now=at("12:00:40")) == {1, 19, 20}


@pytest.mark.parametrize(
    ("state", "standing", "deed"),
    [
        ("up", CALM, Deed.NOTHING),
        ("unknown", CALM, Deed.NOTHING),
        ("down", CALM, Deed.OPEN),
        ("down", replace(CALM, policy=Policy(enabled=False)), Deed.DISABLED),
        ("down", replace(CALM, is_maintained=True), Deed.MAINTENANCE),
        ("down", replace(CALM, told=OURS), Deed.ESCALATE),
        ("down", replace(CALM, told=OURS, is_maintained=True), Deed.KEEP),
        ("degraded", replace(CALM, told=OURS), Deed.KEEP),
        ("degraded", replace(CALM, told=replace(OURS, is_observing=True)), Deed.RESUME),
        ("up", replace(CALM, told=OURS), Deed.LEAVE),
        ("up", replace(CALM, told=OURS, flapping_since=at("09:00")), Deed.FLAPPING),
        ("down", replace(CALM, told=replace(OURS, ours=False)), Deed.NOTE),
        ("up", replace(CALM, told=replace(OURS, ours=False)), Deed.NOTE),
        ("down", replace(CALM, last=Last(1, Impact.MAJOR, False, at("09:50"))), Deed.REOPEN),
        ("down", replace(CALM, last=Last(1, Impact.MAJOR, False, at("09:49"))), Deed.OPEN),
        ("down", replace(CALM, last=Last(1, Impact.MAJOR, True, at("09:55"))), Deed.REJOIN),
        ("down", replace(CALM, last=Last(1, Impact.MINOR, True, at("09:55"))), Deed.OPEN),
        (
            "down",
            replace(
                CALM, last=Last(1, Impact.MAJOR, False, at("09:55")), flapping_since=at("09:40")
            ),
            Deed.FLAPPING,
        ),
        (
            "down",
            replace(
                CALM, last=Last(1, Impact.MAJOR, False, at("09:59")), maintained_until=at("10:30")
            ),
            Deed.OPEN,
        ),
    ],
)
def test_a_state_is_judged_by_what_stands(state, standing, deed):
    assert decide(state, at("10:00"), standing) is deed


def test_what_a_narrow_place_leaves_out_holds_as_the_wider_says():
    said = Policies(
        {
            ("", ""): {"cap": 3, "publish_after": timedelta(minutes=1)},
            ("Orders", ""): {"cap": 1},
            ("Orders", "EU-DE"): {"close": "ask"},
        }
    )
    assert said.of("Orders", "EU-DE") == Policy(
        cap=Impact.MINOR, publish_after=timedelta(minutes=1), close="ask"
    )
    assert said.of("Orders", "").cap is Impact.MINOR
    assert said.of("Mail", "EU-DE").cap is Impact.OUTAGE
    assert Policies().of("Mail", "") == Policy()
