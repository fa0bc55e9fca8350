"""What two incidents weigh together; no clock, no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.incidents.model import Impact

Steps = list[tuple[datetime, Impact]]


@dataclass(frozen=True, slots=True)
class Course:
    """How grave one incident was from when on; ends_at None: it is open. steps: in their order."""

    starts_at: datetime
    ends_at: datetime | None
    steps: Sequence[tuple[datetime, Impact]]

    def runs(self, at: datetime) -> bool:
        """Say whether it lasted at that instant."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)

    def impact(self, at: datetime) -> Impact:
        """Return how grave it was then; before its first step as grave as at its start."""
        return [step for step in self.steps if step[0] <= at or step is self.steps[0]][-1][1]


def together(one: Course, other: Course) -> Steps:
    """Return the steps of both as one: at each instant the graver of those that lasted then.

    Between two that do not touch nobody is affected; there the last step goes on.
    """
    courses = (one, other)
    edges = {
        edge
        for course in courses
        for edge in (course.starts_at, course.ends_at, *(since for since, _ in course.steps))
        if edge is not None
    }
    steps: Steps = []
    for edge in sorted(edges):
        weights = [course.impact(edge) for course in courses if course.runs(edge)]
        if weights and (not steps or max(weights) != steps[-1][1]):
            steps.append((edge, max(weights)))
    if not steps:  # neither lasted at all
        start = min(edges)
        steps.append((start, max(course.impact(start) for course in courses)))
    return steps
