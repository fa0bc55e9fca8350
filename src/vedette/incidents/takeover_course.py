"""How grave an incident of a Status Dashboard was at which time, read from what was said of it.

It keeps one impact of each incident. Its engine notes a change with both impacts, an operator's update
says that there was one, and not which; so the course is known only where these notes lead to the impact
that is kept.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from vedette.errors import Invalid
from vedette.incidents.model import Impact, Said
from vedette.incidents.rules import impact_of

STEP = re.compile(r"impact changed from (\w{1,20}) to (\w{1,20})")

Steps = tuple[tuple[datetime | None, Impact], ...]
"""Since when it was how grave; None: from the start."""


class Update(Protocol):
    """What was said: when, under which word."""

    @property
    def at(self) -> datetime:
        """When it was said."""
        ...

    @property
    def status(self) -> str:
        """Under which word."""
        ...

    @property
    def text(self) -> str:
        """In which words."""
        ...


def course_of(impact: Impact, updates: Sequence[Update]) -> Steps:
    """Return the steps of an incident that ended as grave as `impact`; one alone where they are not known.

    updates: in the order of their times.
    """
    steps: list[tuple[datetime | None, Impact]] = []
    unknown: datetime | None = None
    for said in updates:
        if said.status == Said.IMPACT_CHANGED:
            unknown = said.at
        step = _step(said)
        if step is None:
            continue
        before, after = step
        if not steps:
            if unknown is not None:
                return ((None, impact),)
            steps.append((None, before))
        elif not _leads(steps, before, unknown):
            return ((None, impact),)
        steps.append((said.at, after))
        unknown = None
    if not steps or not _leads(steps, impact, unknown):
        return ((None, impact),)
    return tuple(steps)


def _leads(
    steps: list[tuple[datetime | None, Impact]], impact: Impact, unknown: datetime | None
) -> bool:
    """Say whether the steps come to this impact, by the operator's change of that time if need be."""
    if steps[-1][1] == impact:
        return True
    if unknown is None:
        return False
    steps.append((unknown, impact))
    return True


def _step(said: Update) -> tuple[Impact, Impact] | None:
    found = STEP.fullmatch(said.text.strip()) if said.status == Said.SYSTEM else None
    if found is None:
        return None
    try:
        before, after = (impact_of(word) for word in found.groups())
    except Invalid:
        return None
    return (before, after) if before and after else None
