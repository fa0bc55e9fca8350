"""How each severity looks and what it is called: a word, an icon and a tone, as states have them."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from vedette.records.model import Severity
from vedette.web.looks import look_of
from vedette.web.reader import N_, gettext

WORDS: dict[Severity, tuple[str, str]] = {
    Severity.DEFCON1: (N_("Defcon 1"), "down"),
    Severity.CRITICAL: (N_("Critical"), "down"),
    Severity.HIGH: (N_("High"), "degraded"),
    Severity.MEDIUM: (N_("Medium"), "draining"),
    Severity.LOW: (N_("Low"), "unknown"),
    Severity.NEGLIGIBLE: (N_("Negligible"), "unknown"),
    Severity.UNKNOWN: (N_("Nobody rated it"), "unknown"),
}
"""The word, and the state whose tone and icon it shares."""


class Grave(NamedTuple):
    """A severity as people meet it."""

    severity: int
    word: str
    tone: str
    icon: Markup


def grave(severity: int) -> Grave:
    """Return how a severity looks to whoever reads."""
    word, state = WORDS[Severity(severity)]
    look = look_of(state)
    # A question mark stands for what nobody rated alone.
    is_rated_low = 0 < severity < Severity.MEDIUM
    return Grave(severity, gettext(word), look.tone, Markup() if is_rated_low else look.icon)


class Tallied(NamedTuple):
    """So many of one severity."""

    grave: Grave
    number: int


def tallied(counts: Sequence[int]) -> list[Tallied]:
    """Return the severities there are any of, the gravest first; counts: from unknown to defcon 1."""
    return [Tallied(grave(n), number) for n, number in reversed(list(enumerate(counts))) if number]
