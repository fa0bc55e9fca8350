"""The section `availability`: what it means, and what it must not say."""

from datetime import timedelta
from fractions import Fraction

import pytest

from vedette.app.settings import Settings
from vedette.app.settings_availability import (
    AvailabilitySettings,
    WeightsSettings,
    reporting_of,
)
from vedette.app.settings_rules import faults_of
from vedette.incidents.availability_rules import Maintenance, Reporting, Unseen


def test_without_a_word_it_counts_as_the_code_does():
    assert reporting_of(AvailabilitySettings()) == Reporting()


def test_what_is_written_is_meant_to_the_digit():
    said = AvailabilitySettings(
        zone="Europe/Berlin", weights=WeightsSettings(minor=0.1, major=0.7), maintenance="counts",
        unknown="down", months=6, freeze_after="10d", good=99.95,
    )  # fmt: skip
    found = reporting_of(said)
    assert (found.policy.minor, found.policy.major) == (Fraction(1, 10), Fraction(7, 10))
    assert (found.policy.maintenance, found.policy.unseen) == (Maintenance.COUNTS, Unseen.DOWN)
    assert (found.months, found.freeze_after) == (6, timedelta(days=10))
    assert found.good == Fraction(9995, 10_000)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (AvailabilitySettings(zone="Mars/Olympus"), "there is no time zone 'Mars/Olympus'"),
        (AvailabilitySettings(weights=WeightsSettings(minor=0.5)), "weights must grow"),
        (AvailabilitySettings(freeze_after="0x"), "'0x' is not a duration"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(said, complaint):
    [(where, message)] = faults_of(Settings(availability=said))
    assert where == ("availability",)
    assert complaint in message
