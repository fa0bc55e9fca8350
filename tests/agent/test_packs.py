"""Thresholds: entered, stayed past, and left; moved and switched off."""

from array import array

import pytest

from vedette.agent.packs import Guard, Judge, Threshold, guards_of, judged, threshold_of
from vedette.errors import Invalid
from vedette.health.model import Bulk, Measurement, Naming, Report, Series, State

HOT = {"disk_ratio": Threshold(0.8, 0.7)}


def up(*values, entity=""):
    return Report(
        state=State.UP, measurements=tuple(Measurement("disk_ratio", v, entity) for v in values)
    )


def states(guards, values):
    return [judged(up(value), guards).state.word for value in values]


def test_past_the_threshold_it_is_degraded_until_it_is_well_clear():
    seen = states(guards_of(HOT, {}), [0.75, 0.8, 0.81, 0.75, 0.7, 0.69, 0.75])
    assert seen == ["up", "up", "degraded", "degraded", "degraded", "up", "up"]


def test_below_is_the_same_upside_down():
    guards = guards_of({}, {"disk_ratio": {"enter": 14, "leave": 20}})
    seen = states(guards, [15, 13, 16, 20, 21, 15])
    assert seen == ["up", "degraded", "degraded", "degraded", "up", "up"]


def test_a_bare_number_has_no_hysteresis():
    assert states(guards_of({"disk_ratio": 0.0}, {}), [0, 1, 0, 2]) == [
        "up", "degraded", "up", "degraded",
    ]  # fmt: skip


def test_the_sign_does_not_matter_above():
    assert states(guards_of({"disk_ratio": 0.3}, {}), [-0.5, -0.1]) == ["degraded", "up"]


def test_the_message_names_measurement_value_and_limit():
    guards = guards_of(HOT, {})
    first = judged(up(0.9, entity="disk:/srv"), guards)
    assert (first.error_class, first.message) == (
        "threshold",
        "disk_ratio of disk:/srv is 0.9, above 0.8",
    )
    later = judged(up(0.75, entity="disk:/srv"), guards)
    assert (
        later.message == "disk_ratio of disk:/srv is 0.75, not yet below 0.7 after it was above 0.8"
    )


def test_each_entity_has_its_own_memory():
    guard = Guard(Threshold(0.8, 0.7))
    assert guard.catches("disk:/", 0.9)
    assert not guard.catches("disk:/srv", 0.75)
    assert guard.catches("disk:/", 0.75)


@pytest.mark.parametrize("off", [None, False, "off"])
def test_a_pack_is_overridden_and_switched_off(off):
    assert states(guards_of(HOT, {"disk_ratio": off}), [0.99]) == ["up"]
    assert states(guards_of(HOT, {"disk_ratio": 0.95}), [0.9, 0.96]) == ["up", "degraded"]


def test_what_is_not_up_is_left_alone():
    down = Report(state=State.DOWN, error_class="refused", measurements=up(0.9).measurements)
    assert judged(down, guards_of(HOT, {})) is down


@pytest.mark.parametrize(
    "said",
    [
        "soon",
        True,
        {"leave": 1},
        {"enter": "x"},
        {"enter": 1, "level": 2},
        {"enter": 1, "leave": 2, "when": "above"},
        {"enter": 2, "leave": 1, "when": "below"},
        {"enter": 2, "when": "beside"},
        float("nan"),
    ],
)
def test_a_threshold_that_is_none_is_refused_by_name(said):
    with pytest.raises(Invalid, match="disk_ratio"):
        threshold_of("disk_ratio", said)


def test_values_in_bulk_are_judged_by_name():
    naming = Naming((Series("jobs", "{queue=a}"), Series("jobs", "{queue=b}"), Series("other")))
    judge = Judge({}, {"jobs": {"enter": 10, "leave": 5}})

    def look(*values):
        return judge.judged(Report(state=State.UP, bulk=Bulk(naming, array("d", values))))

    assert look(1, 2, 99).state is State.UP
    assert look(1, 11, 99).message == "jobs of {queue=b} is 11, above 10"
    assert look(1, 6, 99).state is State.DEGRADED
    assert look(1, 4, 99).state is State.UP
