"""Limits on measurements: a connector's own pack of thresholds and the setting that moves it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from vedette.agent.connector import Description, Setting
from vedette.agent.packs import Guards, Pack, guards_of, judged
from vedette.errors import Invalid
from vedette.health.model import Measurement, State

__all__ = [
    "Limits",
    "judged",
    "limits_of",
    "limits_setting",
    "measurements",
    "ratio",
    "state_of",
    "total",
]

Limits = Guards
"""Measurement → what watches it; made once an instance, for it remembers what is past."""

SETTING = "degraded_above"


def limits_setting(defaults: Pack) -> Setting:
    """Return the setting every connector with limits offers."""
    usual = ", ".join(f"{name}: {_shown(value)}" for name, value in defaults.items()) or "none"
    return Setting(
        SETTING,
        "map",
        "Measurement → the value above which the target is degraded; null lifts a limit. "
        f"Default: {usual}.",
    )


def limits_of(description: Description, settings: Mapping[str, Any], defaults: Pack) -> Limits:
    """Return the limits that hold: the connector's own, as the settings change them."""
    said = settings.get(SETTING) or {}
    known = {measure.name for measure in description.measures}
    for name in said:
        if name not in known:
            raise Invalid(
                f"{description.name} does not measure {name!r}",
                hint=f"{SETTING} may name: {', '.join(sorted(known))}",
            )
    return guards_of(defaults, said)


def measurements(
    values: Mapping[str, float | int | bool | None], entity: str = ""
) -> list[Measurement]:
    """Return those values that are there and finite."""
    return [
        Measurement(name, float(value), entity)
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def state_of(entity: str, state: State) -> Measurement:
    """Return an entity's own state as the measurement `state`."""
    return Measurement("state", float(state), entity)


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, None when there is no whole."""
    return part / whole if part is not None and whole else None


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum of those that are there, None when none is."""
    present = [value for value in values if value is not None]
    return sum(present) if present else None


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
