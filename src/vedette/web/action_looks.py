"""How an action and its commands stand: words, looks, and a bar of how many stand how."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from vedette.web.looks import Look, look_of
from vedette.web.reader import N_, gettext

STATES: dict[str, tuple[str, str]] = {
    "proposed": (N_("Waits for signatures"), "degraded"),
    "new": (N_("Begins later"), "draining"),
    "inflight": (N_("Runs"), "initialising"),
    "done": (N_("Over"), "up"),
    "invalid": (N_("Not run"), "unknown"),
}
"""What the states of an action are called, and which state of a component they look like."""
PAUSED = (N_("Paused"), "degraded")
ANSWERED = (N_("All have answered"), "draining")
"""Of one that runs on for hosts that come before it expires."""
UNDER_WAY = frozenset({"running", "waiting", "quarantined", "unheard", "held", "offline", "silent"})
"""How commands stand that may still be answered."""

STANDINGS: dict[str, tuple[str, str]] = {
    "success": (N_("answered"), "up"),
    "failed": (N_("failed"), "down"),
    "timeout": (N_("ran out of time"), "down"),
    "lost": (N_("lost in the middle"), "down"),
    "refused": (N_("refused"), "degraded"),
    "running": (N_("running"), "initialising"),
    "waiting": (N_("about to be asked"), "initialising"),
    "quarantined": (N_("in quarantine, gets no orders"), "degraded"),
    "unheard": (N_("asked, and not heard while in quarantine"), "degraded"),
    "held": (N_("held for its turn"), "draining"),
    "cancelled": (N_("cancelled"), "draining"),
    "offline": (N_("offline, not asked yet"), "unknown"),
    "silent": (N_("silent since it was asked"), "unknown"),
    "expired": (N_("expired unasked or unanswered"), "unknown"),
}
"""How a command stands (`CommandRow.standing`), in the order of the bar."""
WIDTH = 400


class Part(NamedTuple):
    """So many commands stand so."""

    standing: str
    look: Look
    number: int
    word: str


class Progress(NamedTuple):
    """How many commands there are, how many are over, the parts and a picture of them."""

    total: int
    over: int
    parts: Sequence[Part]
    bar: Markup


def look_of_action(
    state: str, paused_at: datetime | None, counts: Mapping[str, int] | None = None
) -> tuple[Look, str]:
    """Return how an action looks, and in a word how it stands; counts: how its commands do, if that is known."""
    is_paused = paused_at is not None and state in ("proposed", "new", "inflight")
    is_answered = state == "inflight" and bool(counts) and not UNDER_WAY & (counts or {}).keys()
    word, look = PAUSED if is_paused else ANSWERED if is_answered else STATES[state]
    return look_of(look), gettext(word)


def look_of_command(standing: str) -> tuple[Look, str]:
    """Return how a command looks, and in words how it stands."""
    word, look = STANDINGS[standing]
    return look_of(look), gettext(word)


def progress(counts: Mapping[str, int]) -> Progress:
    """Return how far the commands are, from the number that stand each way."""
    parts = [
        Part(standing, *_pair(standing, counts[standing]))
        for standing in STANDINGS
        if counts.get(standing)
    ]
    total = sum(part.number for part in parts)
    over = sum(part.number for part in parts if part.standing not in UNDER_WAY)
    return Progress(total, over, parts, _bar(parts, total))


def _pair(standing: str, number: int) -> tuple[Look, int, str]:
    look, word = look_of_command(standing)
    return look, number, word


def _bar(parts: Sequence[Part], total: int) -> Markup:
    """Return the picture; the words beside it say the same, so it is hidden from screen readers."""
    drawn, begin = [], 0.0
    for part in parts:
        width = part.number / total * WIDTH
        drawn.append(
            f'<rect class="bar-{part.look.tone}" x="{begin:.2f}" width="{max(width - 1, 0.8):.2f}" height="10"/>'
        )
        begin += width
    return Markup(  # noqa: S704 - numbers, and tones that are words of ours
        f'<svg class="bar counts-bar" viewBox="0 0 {WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )
