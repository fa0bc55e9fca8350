"""The 90-day bar: one cell a day, drawn as SVG of numbers only.

A quiet day is a plain cell. A day with trouble stands taller and wears the worst state's tone from
the top down, as deep as the share of the day it took; so it can be read without telling colours
apart. A day on which we were blind is hatched, a day nobody watched is a stub.
"""

import re
from datetime import date, timedelta
from functools import lru_cache

import msgspec
from markupsafe import Markup

from vedette.health.model import State
from vedette.web.looks import LOOKS
from vedette.web.reads import GRAVEST_FIRST, Day, Days
from vedette.web.words import MONTHS, count, duration, percent

DAYS = 90
CELL, GAP = 4, 2
"""Widths in the bar's own units; the page scales them."""
HEIGHT, QUIET_TOP = 30, 8
LEAST_DEPTH = 10
"""However short, trouble must be seen."""
STEP = CELL + GAP
WIDTH = DAYS * STEP
RUN = re.compile("1+")

TONES = tuple(LOOKS[state].tone for state in GRAVEST_FIRST)
WORDS = tuple(LOOKS[state].word for state in GRAVEST_FIRST)
UNSEEN = LOOKS[State.UNKNOWN].tone
DRAWN_DAYS = 8_192
"""So many noted days are kept as drawn, some 4 MB."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A component's past, drawn and in words.

    share: how much of the time we saw it, it was up. summary: the whole bar in one sentence.
    noted: a list item for each day that was not quiet, the latest first. tally: what those days
    were, as in "4 days with trouble, 1 unseen"; "" when there are none.
    """

    svg: Markup
    share: str
    summary: str
    noted: Markup
    tally: str


def first_day(today: date) -> date:
    """Return the day of the bar's first cell."""
    return today - timedelta(days=DAYS - 1)


def day_names(today: date) -> list[str]:
    """Return what each cell's day is called, made once for all bars of a page."""
    first = first_day(today)
    days = [first + timedelta(days=nth) for nth in range(DAYS)]
    return [f"{day.day} {MONTHS[day.month - 1]}" for day in days]


def bar(days: Days | None, names: list[str]) -> Bar:
    """Return the bar of a component; None when nobody ever watched it.

    Its Markup is made of numbers and words of ours alone; nothing an operator typed comes near it.
    """
    if days is None:
        return Bar(_svg("", ""), "–", "Not watched yet.", Markup(), "")
    drawn = [_drawn(day, names[day.nth]) for day in days.troubled]
    unseen = sum([is_unseen for _, _, is_unseen in drawn])
    share = percent(days.up_s, days.seen_s)
    tally = _tally(len(drawn) - unseen, unseen)
    watched = count(days.quiet.count("1") + len(drawn), "day")
    return Bar(
        svg=_svg(_runs(days.quiet), "".join([cell for cell, _, _ in drawn])),
        share=share,
        summary=f"Up {share} of the time seen in {watched}{'; ' if tally else ''}{tally}.",
        noted=Markup("".join([item for _, item, _ in reversed(drawn)])),  # noqa: S704 - see above
        tally=tally,
    )


def _tally(trouble: int, unseen: int) -> str:
    """Return what the days were: our blindness is not counted as their trouble."""
    said = [f"{count(trouble, 'day')} with trouble"] if trouble else []
    if unseen:
        said.append(f"{unseen if trouble else count(unseen, 'day')} unseen")
    return ", ".join(said)


def _runs(quiet: str) -> str:
    """Return the quiet days as strokes, one a run; dashes make the cells: one path for them all."""
    return "".join(
        [
            f"M{run.start() * STEP} 19h{(run.end() - run.start()) * STEP - GAP}"
            for run in RUN.finditer(quiet)
        ]
    )


@lru_cache(DRAWN_DAYS)
def _drawn(day: Day, name: str) -> tuple[str, str, bool]:
    """Return the day's cell, its list item, and whether we were only blind.

    A day that is over does not change again, so it is drawn once.
    """
    said, tones = [], []
    for nth, seconds in enumerate(day.noted):
        if seconds > 0:
            said.append(f"{WORDS[nth]} {duration(max(1.0, seconds))}")
            tones.append(TONES[nth])
    text = f"{name}: {', '.join(said)}"
    is_unseen = tones[0] == UNSEEN
    x, top = day.nth * STEP, QUIET_TOP if is_unseen else 0
    noted = sum(day.noted)
    depth = max(LEAST_DEPTH, round((HEIGHT - top) * noted / (noted + day.up_s)))
    rest = HEIGHT - top - depth
    below = f'<path class="bar-up" d="M{x} {top + depth}h{CELL}v{rest}h-{CELL}z"/>' if rest else ""
    cell = (
        f'<g><title>{text}</title>{below}<path class="bar-{tones[0]}"'
        f' d="M{x} {top}h{CELL}v{depth}h-{CELL}z"/></g>'
    )
    return cell, f"<li>{text}</li>", is_unseen


def _svg(runs: str, cells: str) -> Markup:
    quiet = f'<path class="bar-quiet" d="{runs}"/>' if runs else ""
    return Markup(  # noqa: S704 - see `bar`
        f'<svg class="bar" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true"><use href="#bar-none"/>{quiet}{cells}</svg>'
    )
