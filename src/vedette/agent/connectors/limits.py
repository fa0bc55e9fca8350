"""What connectors make measurements of: numbers that may be missing, states, shares and sums."""

import math
from collections.abc import Iterable, Mapping

from vedette.health.model import Measurement, State


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
