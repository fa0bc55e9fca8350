"""How grave an imported incident was at which time: what its log says, and one impact where it does not."""

from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at

from vedette.incidents.model import Impact
from vedette.incidents.takeover_course import course_of

MINOR, MAJOR, OUTAGE = Impact.MINOR, Impact.MAJOR, Impact.OUTAGE


@dataclass(frozen=True)
class Said:
    at: datetime
    status: str
    text: str


def system(time, text):
    return Said(at(time), "SYSTEM", text)


def changed(time):
    return Said(at(time), "impact changed", "It is worse now.")


UP = system("10:00", "impact changed from minor to major")
NUMBERS = system("11:00", "impact changed from 2 to 3")


@pytest.mark.parametrize(
    ("impact", "updates", "steps"),
    [
        (MAJOR, [], [(None, MAJOR)]),
        (MAJOR, [UP], [(None, MINOR), (at("10:00"), MAJOR)]),
        (OUTAGE, [UP, NUMBERS], [(None, MINOR), (at("10:00"), MAJOR), (at("11:00"), OUTAGE)]),
        # An operator's change after the engine's can only have led to what is kept.
        (OUTAGE, [UP, changed("12:00")], [(None, MINOR), (at("10:00"), MAJOR), (at("12:00"), OUTAGE)]),
        (MAJOR, [UP, changed("12:00")], [(None, MINOR), (at("10:00"), MAJOR)]),
        (OUTAGE, [UP, changed("10:30"), system("11:00", "impact changed from minor to outage")],
         [(None, MINOR), (at("10:00"), MAJOR), (at("10:30"), MINOR), (at("11:00"), OUTAGE)]),
        # What it was before, or how it came so far, nobody knows.
        (MAJOR, [changed("09:00"), UP], [(None, MAJOR)]),
        (OUTAGE, [changed("12:00")], [(None, OUTAGE)]),
        (OUTAGE, [UP], [(None, OUTAGE)]),
        (MAJOR, [UP, system("11:00", "impact changed from minor to outage")], [(None, MAJOR)]),
        (MAJOR, [system("10:00", "impact changed from maintenance to major")], [(None, MAJOR)]),
        (MAJOR, [system("10:00", "impact changed from huge to 9")], [(None, MAJOR)]),
        (MAJOR, [Said(at("10:00"), "fixing", "impact changed from minor to major")], [(None, MAJOR)]),
    ],
)  # fmt: skip
def test_the_course_of_an_incident(impact, updates, steps):
    assert list(course_of(impact, updates)) == steps


words = st.sampled_from(["minor", "major", "outage", "maintenance", "1", "2", "3", "7", "²", ""])
texts = st.builds(lambda a, b: f"impact changed from {a} to {b}", words, words) | st.text()


@given(
    st.sampled_from([MINOR, MAJOR, OUTAGE]),
    st.lists(st.tuples(st.sampled_from(["SYSTEM", "impact changed", "fixing"]), texts), max_size=8),
)
def test_whatever_was_said_it_ends_as_grave_as_it_did(impact, said):
    updates = [Said(at(f"{10 + nth}:00"), status, text) for nth, (status, text) in enumerate(said)]
    steps = course_of(impact, updates)
    assert (steps[0][0], steps[-1][1]) == (None, impact)
    times = [since for since, _ in steps[1:]]
    assert times == sorted(times)
    assert all(impact in (MINOR, MAJOR, OUTAGE) for _, impact in steps)
