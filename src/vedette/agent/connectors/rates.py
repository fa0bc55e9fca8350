"""Counters into rates: what a counter gained since the look before."""

from collections.abc import Mapping


class Counters:
    """The counters of the look before; one a connector (or a node)."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._values: dict[str, float] = {}

    def gained(self, values: Mapping[str, float | None], *, at: float) -> "Gains":
        """Keep these values and return what each gained since the last ones.

        at: a monotonic time in seconds. A counter that fell was reset: it gained what it now shows.
        """
        elapsed = at - self._at if self._at is not None else 0.0
        gains = {
            name: value - before if value >= before else value
            for name, value in values.items()
            if value is not None and (before := self._values.get(name)) is not None
        }
        self._at = at
        self._values = {name: value for name, value in values.items() if value is not None}
        return Gains(gains, elapsed)


class Gains:
    """What counters gained in a time; nothing on a first look."""

    def __init__(self, gains: Mapping[str, float], elapsed_s: float) -> None:
        self._gains = gains
        self._elapsed_s = elapsed_s

    def of(self, name: str) -> float | None:
        """Return the gain; None on a first look or when the counter was not there."""
        return self._gains.get(name)

    def per_s(self, name: str) -> float | None:
        """Return the gain a second."""
        gain = self._gains.get(name)
        return gain / self._elapsed_s if gain is not None and self._elapsed_s > 0 else None

    def share(self, part: str, *wholes: str) -> float | None:
        """Return what `part` gained of what all `wholes` gained; None when they gained nothing."""
        gained = [self._gains.get(name) for name in wholes]
        whole = sum(gain for gain in gained if gain is not None)
        mine = self._gains.get(part)
        return mine / whole if mine is not None and whole else None
