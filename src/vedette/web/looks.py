"""How each state looks and what it is called: a word, an icon and a tone, never colour alone."""

from dataclasses import dataclass

from markupsafe import Markup

from vedette.health.model import State
from vedette.web.reader import N_


@dataclass(frozen=True, slots=True)
class Look:
    """A state as people meet it.

    word: as in "Orders is …". label: the same at the start of a line. meaning: one sentence for
    the legend. icon: an SVG that differs in shape, not only in colour; hidden from screen readers,
    which have the word. All words are messages: say them through gettext where readers of other
    languages come.
    """

    tone: str
    word: str
    label: str
    meaning: str
    icon: Markup


def _look(tone: str, word: str, label: str, meaning: str) -> Look:
    icon = Markup(  # noqa: S704 - a tone is a word of ours
        f'<svg class="icon tone-{tone}" aria-hidden="true"><use href="#icon-{tone}"/></svg>'
    )
    return Look(tone, word, label, meaning, icon)


LOOKS: dict[State, Look] = {
    State.UP: _look("up", N_("up"), N_("Up"), N_("It answers as it should.")),
    State.UNKNOWN: _look(
        "unknown",
        N_("unknown"),
        N_("Unknown"),
        N_("We cannot see it. The fault is ours until we know better."),
    ),
    State.INITIALISING: _look(
        "initialising", N_("starting"), N_("Starting"), N_("It is coming up.")
    ),
    State.DRAINING: _look(
        "draining", N_("draining"), N_("Draining"), N_("It is being emptied on purpose.")
    ),
    State.DEGRADED: _look(
        "degraded", N_("degraded"), N_("Degraded"), N_("It answers, but not as it should.")
    ),
    State.DOWN: _look("down", N_("down"), N_("Down"), N_("It does not answer.")),
}

LEGEND = [LOOKS[state] for state in sorted(State, reverse=True) if state is not State.UNKNOWN] + [
    LOOKS[State.UNKNOWN]
]
"""The states as the legend lists them: the gravest first, our own blindness last."""


BY_WORD = {state.word: (state, look) for state, look in LOOKS.items()}
"""The state and its look by the word SQL writes."""


def look_of(word: str) -> Look:
    """Return the look of a state written as SQL writes it."""
    return BY_WORD[word][1]
