"""The decisions of health, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.health.model import Held, Patience, State
from vedette.health.rules import (
    Seen,
    Verdict,
    component_verdict,
    judge,
    reconnect_spread,
    target_verdict,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UP, UNKNOWN, DRAINING, DEGRADED, DOWN = (
    State.UP,
    State.UNKNOWN,
    State.DRAINING,
    State.DEGRADED,
    State.DOWN,
)
states = st.sampled_from(list(State))


USUAL = Patience()


def after(held: State, *looks: State, patience: Patience = USUAL) -> Held:
    """What is held after these looks, one a minute from 12:01."""
    now = Held(state=held, since=NOON)
    for minute, look in enumerate(looks, start=1):
        now = judge(now, look, NOON + timedelta(minutes=minute), patience)
    return now


@pytest.mark.parametrize(
    ("held", "looks", "then"),
    [
        (UP, [DOWN, DOWN], UP),
        (UP, [DOWN, DOWN, DOWN], DOWN),
        (UP, [DOWN, DOWN, UP, DOWN, DOWN], UP),
        (UP, [DEGRADED, DOWN, DEGRADED], DEGRADED),
        (DOWN, [UP], DOWN),
        (DOWN, [UP, UP], UP),
        (DOWN, [DEGRADED, UP], UP),
        (DOWN, [UP, DOWN, UP], DOWN),
        (DEGRADED, [UP, DOWN, UP], DEGRADED),
        (UNKNOWN, [UP], UP),
        (UNKNOWN, [DOWN, DOWN], UNKNOWN),
        (UNKNOWN, [DOWN, DOWN, DOWN], DOWN),
        (DOWN, [UNKNOWN, UNKNOWN], DOWN),
        (DOWN, [UNKNOWN, UNKNOWN, UNKNOWN], UNKNOWN),
    ],
)
def test_the_worse_needs_three_looks_in_a_row_the_better_two(held, looks, then):
    assert after(held, *looks).state is then


def test_the_new_state_counts_from_the_look_that_tipped_it():
    assert after(UP, DOWN, DOWN, DOWN).since == NOON + timedelta(minutes=3)


def test_patience_can_be_set_for_each_target():
    hasty = Patience(bad_after=1, good_after=1)
    assert after(UP, DOWN, patience=hasty).state is DOWN
    assert after(DOWN, UP, patience=hasty).state is UP


def test_time_does_not_run_backwards_when_a_report_is_older_than_the_state():
    late = judge(Held(state=UP, since=NOON), DOWN, NOON - timedelta(hours=1), Patience(bad_after=1))
    assert late.since == NOON


@given(st.lists(states, max_size=40), states)
def test_one_look_never_turns_a_good_state_bad(looks, first):
    held = Held(state=first, since=NOON)
    for look in looks:
        before, held = held, judge(held, look, NOON, Patience())
        if before.state is UP and held.state is not UP:
            assert before.dissent == 2
        assert 0 <= held.dissent < 3


@given(states, states)
def test_the_same_look_for_ever_is_believed_in_the_end(held, look):
    assert after(held, look, look, look).state is look


def seen(*states: State, silent: int = 0) -> list[Seen]:
    voices = [Seen(agent=f"a{n}", state=state, message="no") for n, state in enumerate(states)]
    return voices + [Seen(agent=f"s{n}", state=DOWN, is_silent=True) for n in range(silent)]


@pytest.mark.parametrize(
    ("observers", "state"),
    [
        (seen(), UNKNOWN),
        (seen(silent=2), UNKNOWN),
        (seen(UP), UP),
        (seen(UP, silent=3), UP),
        (seen(DOWN), DOWN),
        (seen(DOWN, UP), DEGRADED),
        (seen(DOWN, DOWN, UP), DOWN),
        (seen(DOWN, UP, UP), DEGRADED),
        (seen(UNKNOWN, UP), UP),
        (seen(UNKNOWN), UNKNOWN),
        (seen(DRAINING, UP), DRAINING),
    ],
)
def test_most_of_those_who_see_decide(observers, state):
    assert target_verdict(observers).state is state


def test_silence_is_named_with_the_agents_that_are_silent():
    assert target_verdict(seen(silent=2)) == Verdict(UNKNOWN, "no report from s0, s1", "silence")


@given(st.lists(st.sampled_from([UP, UNKNOWN]), min_size=1), st.integers(0, 3))
def test_our_own_blindness_is_never_red(states, silent):
    assert target_verdict(seen(*states, silent=silent)).state in (UP, UNKNOWN)


def test_a_component_is_as_its_gravest_target_and_says_which():
    verdict = component_verdict(
        [
            ("db", Verdict(DOWN, "refused")),
            ("api", Verdict(UP)),
            ("cache", Verdict(DOWN, "timeout")),
        ]
    )
    assert verdict == Verdict(DOWN, "cache: timeout and 1 more")


def test_a_component_of_which_half_is_unseen_is_not_called_up():
    assert (
        component_verdict([("a", Verdict(UP)), ("b", Verdict(UNKNOWN, "silent"))]).state is UNKNOWN
    )


def test_a_component_without_targets_is_unknown():
    assert component_verdict([]) == Verdict(UNKNOWN, "it has no targets")


def test_ten_thousand_agents_come_back_within_a_minute_or_so_and_one_at_once():
    assert timedelta(seconds=60) <= reconnect_spread(10_000) <= timedelta(seconds=75)
    assert reconnect_spread(1) <= timedelta(seconds=1)
