"""The decision table of reporters, row by row, and what holds whatever is posted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.incidents.model import Impact
from vedette.incidents.reporter_rules import Decision, Deed, Standing, decide

MINOR, MAJOR, OUTAGE = Impact.MINOR, Impact.MAJOR, Impact.OUTAGE


def machines(number, impact, *, contains=False, size=2, is_ours=True) -> Standing:
    return Standing(number, impact, system=True, is_ours=is_ours, contains=contains, size=size)


def persons(number, impact, *, contains=True) -> Standing:
    return Standing(number, impact, system=False, is_ours=False, contains=contains, size=1)


def decided(impact, *standing, maintenance=None, weigh_persons=True) -> Decision:
    return decide(impact, maintenance, standing, weigh_persons=weigh_persons)


def test_under_maintenance_nothing_happens():
    assert decided(OUTAGE, machines(1, MINOR, contains=True), maintenance=7) == Decision(
        Deed.KEEP_MAINTENANCE, 7
    )


@pytest.mark.parametrize("impact", [MINOR, MAJOR])
def test_what_a_person_holds_as_grave_or_graver_is_left_to_them(impact):
    assert decided(impact, persons(1, MAJOR)) == Decision(Deed.KEEP, 1)


def test_graver_than_a_persons_goes_beside_it_or_not():
    assert decided(OUTAGE, persons(1, MAJOR)) == Decision(Deed.OPEN)
    assert decided(OUTAGE, persons(1, MAJOR), weigh_persons=False) == Decision(Deed.KEEP, 1)


def test_a_persons_incident_of_somebody_else_is_no_reason():
    assert decided(MINOR, persons(1, MAJOR, contains=False)) == Decision(Deed.OPEN)


def test_the_first_opens():
    assert decided(MINOR) == Decision(Deed.OPEN)


def test_the_same_impact_joins_the_oldest_of_ours():
    assert decided(MINOR, machines(1, MAJOR), machines(2, MINOR), machines(3, MINOR)) == Decision(
        Deed.JOIN, target=2
    )


def test_another_impact_opens_beside():
    assert decided(MINOR, machines(1, MAJOR)) == Decision(Deed.OPEN)


def test_what_our_automation_opened_is_not_joined():
    assert decided(MINOR, machines(1, MINOR, is_ours=False)) == Decision(Deed.OPEN)


@pytest.mark.parametrize("impact", [MINOR, MAJOR])
def test_it_never_goes_down(impact):
    assert decided(impact, machines(1, MAJOR, contains=True)) == Decision(Deed.KEEP, 1)


@pytest.mark.parametrize(
    ("size", "target", "expected"),
    [
        (1, True, Decision(Deed.MOVE, 1, 2, empties=True)),
        (1, False, Decision(Deed.ESCALATE, 1)),
        (2, True, Decision(Deed.MOVE, 1, 2, empties=False)),
        (2, False, Decision(Deed.SPLIT, 1)),
    ],
)
def test_graver_than_its_own(size, target, expected):
    standing = [machines(1, MINOR, contains=True, size=size)]
    standing += [machines(2, MAJOR)] if target else []
    assert decided(MAJOR, *standing) == expected


IMPACTS = st.sampled_from([MINOR, MAJOR, OUTAGE])
STANDING = st.lists(
    st.builds(
        Standing,
        st.integers(1, 9),
        IMPACTS,
        system=st.booleans(),
        is_ours=st.booleans(),
        contains=st.booleans(),
        size=st.integers(1, 3),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
).map(lambda found: [one for one in found if one.system or not one.is_ours])


@given(IMPACTS, STANDING)
def test_posted_again_it_keeps_what_it_made(impact, standing):
    decision = decided(impact, *standing)
    if decision.deed is Deed.KEEP:
        kept = next(one for one in standing if one.id == decision.source)
        assert kept.contains
        assert kept.impact >= impact
    else:
        now_in = Standing(99, impact, system=True, is_ours=True, contains=True, size=1)
        left = [one for one in standing if not one.contains or one.impact < impact]
        assert decided(impact, *left, now_in).deed is Deed.KEEP or any(
            one.system and one.contains for one in left
        )
