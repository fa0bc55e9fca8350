"""What a target's settings expect of an HTTP answer, and whether one meets it; no I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.http_conditions import Condition, Seen, condition
from vedette.agent.connectors.http_patterns import found, pattern
from vedette.errors import Invalid
from vedette.health.model import State

_USUAL = ((200, 399),)

_FAULTS = {
    "STATUS": ("bad_status", State.DOWN),
    "RESPONSE_TIME": ("slow", State.DEGRADED),
    "CERTIFICATE_EXPIRATION": ("expiring", State.DEGRADED),
}
"""What a condition is about → what it means when it does not hold; others are `bad_content`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What must hold for the target to be up.

    statuses: ranges, both ends included; empty when the conditions judge the status.
    """

    statuses: tuple[tuple[int, int], ...]
    contains: str | None
    matches: re.Pattern[str] | None
    conditions: tuple[Condition, ...]

    @property
    def reads_body(self) -> bool:
        """Whether the whole body is needed to judge."""
        about_body = any(held.about == "BODY" for held in self.conditions)
        return about_body or self.contains is not None or self.matches is not None

    def wants_redirect(self, status: int) -> bool:
        """Whether a redirect with this status is itself what is expected, by its number."""
        named = any(300 <= low <= status <= high <= 399 for low, high in self.statuses)
        seen = Seen(status=status, response_ms=0.0)
        equal = (c for c in self.conditions if c.about == "STATUS" and c.operator == "==")
        return named or any(held.holds(seen) for held in equal)

    def fault_in(self, seen: Seen) -> Fault | None:
        """Return the gravest thing that does not hold, None when all does."""
        faults = list(self._faults(seen))
        return max(faults, key=lambda fault: fault.state) if faults else None

    def _faults(self, seen: Seen) -> Sequence[Fault]:
        faults: list[Fault] = []
        if self.statuses and not any(low <= seen.status <= high for low, high in self.statuses):
            faults.append(Fault("bad_status", f"the status is {seen.status}"))
        for held in self.conditions:
            if not held.holds(seen):
                error_class, state = _FAULTS.get(held.about, ("bad_content", State.DOWN))
                faults.append(Fault(error_class, f"{held.text} does not hold", state))
        if self.contains is not None and self.contains.encode() not in seen.body:
            faults.append(Fault("bad_content", f"the body does not hold {self.contains[:60]!r}"))
        if self.matches is not None and not found(self.matches, seen.body):
            words = f"no line of the body matches {self.matches.pattern[:60]!r}"
            faults.append(Fault("bad_content", words))
        return faults


def expectations(settings: Mapping[str, Any]) -> Expectations:
    """Read what the settings expect; raise `Invalid`, naming what cannot be understood."""
    conditions = tuple(condition(str(text)) for text in settings["conditions"] or ())
    judged = any(held.about == "STATUS" for held in conditions)
    statuses = tuple(_range(given) for given in settings["status"] or ())
    return Expectations(
        statuses=statuses or (() if judged else _USUAL),
        contains=settings["contains"],
        matches=pattern(settings["matches"]) if settings["matches"] is not None else None,
        conditions=conditions,
    )


def _range(given: object) -> tuple[int, int]:
    text = str(given).strip().lower()
    if re.fullmatch(r"[1-5]xx", text):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    ends = re.fullmatch(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?", text)
    if ends is None:
        raise Invalid(f"{given!r} is not an HTTP status", hint="write it as 200, 200-299 or 2xx")
    return int(ends[1]), int(ends[2] or ends[1])
