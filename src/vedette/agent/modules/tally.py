"""What a run has looked at and found so far, and what kept it from more."""

import time
from dataclasses import dataclass, field
from typing import Any

from vedette.agent.modules import Context, Result

_ERRORS = 1000
"""Errors told of one run; more of them say no more."""


@dataclass(slots=True)
class Tally:
    """Counts of one run.

    examined: things looked at. hits: of them, answers. ended: why it stopped early, "" otherwise.
    unanswered: whether a part of the question could not be answered at all.
    """

    context: Context
    examined: int = 0
    hits: int = 0
    ended: str = ""
    unanswered: bool = False
    errors: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be looked at: the time is over, or the answer is full."""
        if not self.ended and self.context.expired:
            self.ended = "the time was over"
        return bool(self.ended)

    @property
    def exectime(self) -> str:
        """How long it has taken, as Go writes it."""
        return f"{time.monotonic() - self.began:.6f}s"

    def hit(self) -> None:
        """Count one answer; the last that this host gives at once ends the run."""
        self.hits += 1
        if self.hits >= self.context.limits.elements:
            self.ended = f"it found {self.hits}, as many as this host gives at once"

    def fault(self, words: str, *, unanswered: bool = False) -> None:
        """Remember what could not be looked at."""
        self.unanswered = self.unanswered or unanswered
        if len(self.errors) < _ERRORS and words not in self.errors:
            self.errors.append(words)

    def result(self, elements: Any, statistics: Any, *, found: bool | None = None) -> Result:  # noqa: ANN401 - the module's shape
        """Return the answer; found: whether there is any, unless the hits say so."""
        early = [f"stopped early: {self.ended}"] if self.over else []
        return Result(
            foundanything=self.hits > 0 if found is None else found,
            success=not early and not self.unanswered,
            elements=elements,
            statistics=statistics,
            errors=early + self.errors,
        )
