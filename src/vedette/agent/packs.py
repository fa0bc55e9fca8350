"""Thresholds with hysteresis: past one, a target that is up is degraded until it is well clear of it.

A pack is what experts alert on for one connector; it stands in the connector's description. A
target's `thresholds` go before it: another threshold, a bare number, or `off`.
"""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeGuard

from vedette.errors import Invalid
from vedette.health.model import Measurement, Naming, Report, State

ERROR_CLASS = "threshold"
WORDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where trouble begins and where it is over.

    enter: more than this is trouble (less, when `below`).
    leave: trouble lasts until the value is less than this (more, when `below`).
    """

    enter: float
    leave: float
    below: bool = False

    def __str__(self) -> str:
        """Return the threshold as descriptions show it."""
        side = "below " if self.below else ""
        return f"{side}{self.enter:g}" + (
            f" (until {self.leave:g})" if self.leave != self.enter else ""
        )


Pack: TypeAlias = Mapping[str, float | Threshold]
"""Measurement → its threshold; a bare number is one that is left where it was entered."""


def shown(threshold: float | Threshold) -> str:
    """Return a threshold of a pack as descriptions show it."""
    return str(_full(threshold))


class Guard:
    """A threshold at work in one target: remembers which entities are past it."""

    __slots__ = ("_past", "threshold")

    def __init__(self, threshold: float | Threshold) -> None:
        self.threshold = _full(threshold)
        self._past: set[str] = set()

    def catches(self, entity: str, value: float) -> bool:
        """Say whether the value is past the threshold, or was and is not clear of it yet."""
        if self._is_past(value, held=entity in self._past):
            self._past.add(entity)
            return True
        self._past.discard(entity)
        return False

    def words(self, measurement: Measurement) -> str:
        """Say in words which value is past which threshold."""
        threshold, value = self.threshold, measurement.value
        name = measurement.name
        if measurement.entity:
            name = f"{name} of {measurement.entity}"
        side, way_out = ("below", "above") if threshold.below else ("above", "below")
        if self._is_past(value, held=False):
            return f"{name} is {value:.4g}, {side} {threshold.enter:g}"
        return (
            f"{name} is {value:.4g}, not yet {way_out} {threshold.leave:g} "
            f"after it was {side} {threshold.enter:g}"
        )

    def _is_past(self, value: float, *, held: bool) -> bool:
        enter, leave = self.threshold.enter, self.threshold.leave
        if self.threshold.below:
            return value < enter or (held and leave > enter and value <= leave)
        # A clock that is ahead is as wrong as one that is behind.
        size = abs(value)
        return size > enter or (held and leave < enter and size >= leave)


Guards: TypeAlias = Mapping[str, Guard]
"""Measurement → the threshold that watches it."""


def threshold_of(name: str, said: Any) -> Threshold | None:  # noqa: ANN401 - as YAML has it
    """Return the threshold that was written for a measurement; None: it was switched off."""
    if said is None or said is False or said == "off":
        return None
    if _is_number(said):
        return Threshold(float(said), float(said))
    if isinstance(said, Threshold):
        return said
    if not isinstance(said, Mapping):
        raise Invalid(
            f"the threshold of {name!r} must be a number, a map or off, not {said!r}",
            hint="write {enter: 0.8, leave: 0.7}",
        )
    return _written(name, said)


def guards_of(pack: Pack, said: Mapping[str, Any]) -> dict[str, Guard]:
    """Return the thresholds at work: the pack's, as what was said changes them."""
    guards = {name: Guard(threshold) for name, threshold in pack.items()}
    for name, each in said.items():
        threshold = threshold_of(name, each)
        if threshold is None:
            guards.pop(name, None)
        else:
            guards[name] = Guard(threshold)
    return guards


def judged(report: Report, guards: Guards) -> Report:
    """Return the report, degraded when it is up and a measurement is past its threshold."""
    if not guards or not _may_be_judged(report):
        return report
    return _degraded(
        report,
        [
            guard.words(m)
            for m in report.measurements
            if (guard := guards.get(m.name)) is not None and guard.catches(m.entity, m.value)
        ],
    )


class Judge:
    """Judges a target's reports by its connector's pack and what was said for the target.

    Of what came in bulk, the places of the watched values are looked up once a naming.
    """

    def __init__(self, pack: Pack, said: Mapping[str, Any]) -> None:
        self._guards = guards_of(pack, said)
        self._said = frozenset(said)
        self._naming: Naming | None = None
        self._places: Sequence[tuple[int, Guard]] = ()

    def judged(self, report: Report, unjudged: Set[str] = frozenset()) -> Report:
        """Return the report, degraded when it is up and a value is past its threshold.

        unjudged: measures the pack leaves alone this time; what was said for the target holds.
        """
        left_alone = unjudged - self._said
        guards = {n: guard for n, guard in self._guards.items() if n not in left_alone}
        report = judged(report, guards)
        if not self._guards or report.bulk is None or not _may_be_judged(report):
            return report
        naming, values = report.bulk.naming, report.bulk.values
        if naming is not self._naming:
            self._naming = naming
            self._places = [
                (place, self._guards[series.name])
                for place, series in enumerate(naming.series)
                if series.name in self._guards
            ]
        words = []
        for place, guard in self._places:
            series = naming.series[place]
            if guard.catches(series.entity, values[place]):
                words.append(guard.words(Measurement(series.name, values[place], series.entity)))
        return _degraded(report, words)


def _may_be_judged(report: Report) -> bool:
    return report.state is State.UP or report.error_class == ERROR_CLASS


def _degraded(report: Report, words: Sequence[str]) -> Report:
    if not words:
        return report
    said = [*([report.message] if report.message else []), *words[:WORDS_SHOWN]]
    return replace(
        report,
        state=State.DEGRADED,
        error_class=ERROR_CLASS,
        message="; ".join(said)[:1024],
    )


def _written(name: str, said: Mapping[str, Any]) -> Threshold:
    unknown = said.keys() - {"enter", "leave", "when"}
    enter, leave = said.get("enter"), said.get("leave", said.get("enter"))
    if unknown or not _is_number(enter) or not _is_number(leave):
        raise Invalid(
            f"the threshold of {name!r} takes the numbers enter and leave, and when",
            hint="write {enter: 0.8, leave: 0.7}, or off",
        )
    when = said.get("when", "below" if leave > enter else "above")
    if when not in ("above", "below"):
        raise Invalid(f"when of the threshold of {name!r} is above or below, not {when!r}")
    if (leave > enter) if when == "above" else (leave < enter):
        raise Invalid(
            f"the threshold of {name!r} is left on the wrong side of where it is entered",
            hint="above: leave is the lower; below: leave is the higher",
        )
    return Threshold(float(enter), float(leave), below=when == "below")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _full(threshold: float | Threshold) -> Threshold:
    if isinstance(threshold, Threshold):
        return threshold
    return Threshold(float(threshold), float(threshold))
