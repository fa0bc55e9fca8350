"""How a component stands in one word: the worse of what we told of it and what we measure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from vedette.web.feeds.reads import Component


class Standing(IntEnum):
    """The greater, the graver."""

    UP = 0
    UNKNOWN = 1
    MAINTENANCE = 2
    MINOR = 3
    MAJOR = 4
    OUTAGE = 5


@dataclass(frozen=True, slots=True)
class Words:
    """What others call it; tone: of our own pages; badge, colour: of a badge, with contrast to its white text."""

    tone: str
    component: str
    indicator: str
    description: str
    badge: str
    colour: str


WORDS: dict[Standing, Words] = {
    Standing.UP: Words("up", "operational", "none", "All Systems Operational", "up", "#2e7d5b"),
    # Statuspage knows no blindness, and that we cannot see says nothing about the service.
    Standing.UNKNOWN: Words("unknown", "operational", "none", "", "unknown", "#5f6b76"),
    Standing.MAINTENANCE: Words(
        "draining",
        "under_maintenance",
        "maintenance",
        "Service Under Maintenance",
        "maintenance",
        "#2b6cb0",
    ),
    Standing.MINOR: Words(
        "degraded",
        "degraded_performance",
        "minor",
        "Partially Degraded Service",
        "degraded",
        "#8a6100",
    ),
    Standing.MAJOR: Words(
        "degraded", "partial_outage", "major", "Partial System Outage", "major trouble", "#b04a00"
    ),
    Standing.OUTAGE: Words(
        "down", "major_outage", "critical", "Major Service Outage", "down", "#b3261e"
    ),
}

_MEASURED = {
    None: Standing.UP,
    "up": Standing.UP,
    "unknown": Standing.UNKNOWN,
    "initialising": Standing.MINOR,
    "draining": Standing.MINOR,
    "degraded": Standing.MINOR,
    "down": Standing.OUTAGE,
}
_TOLD = {0: Standing.MAINTENANCE, 1: Standing.MINOR, 2: Standing.MAJOR, 3: Standing.OUTAGE}


def standing_of(component: Component) -> Standing:
    """Return how it stands.

    During a maintenance what we measure is expected. What nobody looks at stands as we tell.
    """
    told = None if component.impact is None else _TOLD[component.impact]
    if told is Standing.MAINTENANCE:
        return told
    measured = _MEASURED[component.state]
    return measured if told is None else max(told, measured)


def overall(standings: Iterable[Standing]) -> Standing:
    """Return the gravest; of nothing, that we do not know."""
    return max(standings, default=Standing.UNKNOWN)
