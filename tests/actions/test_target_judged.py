"""What is left of a target without its server is what an agent judges, no more and no less."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.target import All, Any, Column, Compare, Earlier, Literally, Not
from vedette.actions.target_judged import judged
from vedette.actions.target_match import Facts, Truth, evaluate
from vedette.actions.target_text import read_target
from vedette.actions.target_words import as_words

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("os='linux'", "operating system is “linux”"),
        ("os='linux' AND status='online'", "operating system is “linux”"),
        ("os='linux' OR status='online'", "operating system is “linux”"),
        ("status='online'", None),
        ("NOT status='online'", None),
        ("status='online' AND heartbeattime > now() - interval '1 hour'", None),
        ("tag:role=db", None),
        ("name LIKE 'db%' AND id = 7", "name looks like “db%”"),
        ("environment->>'arch' = 'arm64' AND tags->>'a' = 'b'", "environment “arch” is “arm64”"),
    ],
)
def test_what_only_a_server_knows_is_left_out(target, left):
    found = judged(read_target(target))
    assert (found and as_words(found)) == left


NAMES = st.sampled_from(["name", "os", "status", "mode"])
CONDITIONS = st.builds(
    Compare, st.builds(Column, NAMES), st.just("="), st.builds(Literally, st.sampled_from("ab"))
)
SELECTORS = st.recursive(
    CONDITIONS | st.builds(Earlier, st.just(1)),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
FACTS = st.builds(
    lambda name, mode, os: Facts(name=name, mode=mode, environment={"os": os}),
    *[st.sampled_from("abc")] * 3,
)


@given(SELECTORS, FACTS)
def test_an_agent_judges_the_rest_as_it_judges_the_whole(selector, facts):
    left = judged(selector)
    whole = evaluate(selector, facts, {}, now=NOW)
    assert whole is (Truth.UNKNOWN if left is None else evaluate(left, facts, {}, now=NOW))
