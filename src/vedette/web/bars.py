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
from vedette.web.reader import gettext, ngettext, reading
from vedette.web.reads import Days
from vedette.web.words import day_of, duration, percent

DAYS = 90
CELL, GAP = 4, 2
"""Widths in the bar's own units; the page scales them."""
HEIGHT, QUIET_TOP = 30, 8
LEAST_DEPTH = 10
"""However short, trouble must be seen."""
STEP = CELL + GAP
WIDTH = DAYS * STEP
RUN = re.compile("1+")

GRAVEST_FIRST = (State.DOWN, State.DEGRADED, State.DRAINING, State.INITIALISING, State.UNKNOWN)
"""The states a day may be noted for, in the order of `Day.noted`."""
TONES = tuple(LOOKS[state].tone for state in GRAVEST_FIRST)
WORDS = tuple(LOOKS[state].word for state in GRAVEST_FIRST)
UNSEEN = LOOKS[State.UNKNOWN].tone
DRAWN_DAYS = 8_192
"""So many noted days are kept as drawn, some 4 MB."""
DRAWN_PASTS = 2_048
"""So many bars are kept as drawn, some 8 MB: most components were quiet since the last rendering."""


class Day(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One day that was not quiet, `nth` from the first.

    up_s: its seconds of being up. noted: its seconds in each state of `GRAVEST_FIRST`.
    """

    nth: int
    up_s: float
    noted: tuple[float, float, float, float, float]


_troubled = msgspec.json.Decoder(list[Day])


class Past(msgspec.Struct, frozen=True, gc=False):
    """What of a bar depends on its days alone; `watched` as in "82 days"."""

    svg: Markup
    noted: Markup
    tally: str
    watched: str


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


def bar(days: Days | None, today: date) -> Bar:
    """Return the bar of a component; None when nobody ever watched it."""
    if days is None:
        return Bar(_svg("", ""), "–", gettext("Not watched yet."), Markup(), "")
    past = _past(days.quiet, days.troubled, today, reading().language)
    share = percent(days.up_s, days.seen_s)
    also = f"; {past.tally}" if past.tally else ""
    summary = gettext("Up {share} of the time seen in {watched}{also}.")
    return Bar(
        svg=past.svg,
        share=share,
        summary=summary.format(share=share, watched=past.watched, also=also),
        noted=past.noted,
        tally=past.tally,
    )


@lru_cache(DRAWN_PASTS)
def _past(quiet: str, troubled: str, today: date, language: str) -> Past:
    """Draw these days for readers of this language.

    Its Markup is made of numbers and words of ours alone; nothing an operator typed comes near it.
    """
    names = _day_names(today, language)
    drawn = [_drawn(day, names[day.nth], language) for day in _troubled.decode(troubled)]
    unseen = sum([is_unseen for _, _, is_unseen in drawn])
    return Past(
        svg=_svg(_runs(quiet), "".join([cell for cell, _, _ in drawn])),
        noted=Markup("".join([item for _, item, _ in reversed(drawn)])),  # noqa: S704 - see above
        tally=_tally(len(drawn) - unseen, unseen),
        watched=_days(quiet.count("1") + len(drawn)),
    )


def _days(number: int) -> str:
    return ngettext("{number} day", "{number} days", number).format(number=number)


@lru_cache(8)
def _day_names(today: date, language: str) -> list[str]:
    """Return what each cell's day is called."""
    first = first_day(today)
    return [day_of(first + timedelta(days=nth)) for nth in range(DAYS)]


def _tally(trouble: int, unseen: int) -> str:
    """Return what the days were: our blindness is not counted as their trouble."""
    said = []
    if trouble:
        said.append(
            ngettext("{number} day with trouble", "{number} days with trouble", trouble).format(
                number=trouble
            )
        )
    if unseen:
        number = unseen if trouble else _days(unseen)
        said.append(gettext("{number} unseen").format(number=number))
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
def _drawn(day: Day, name: str, language: str) -> tuple[str, str, bool]:
    """Return the day's cell, its list item, and whether we were only blind.

    A day that is over does not change again, so it is drawn once in each language.
    """
    said, tones = [], []
    for nth, seconds in enumerate(day.noted):
        if seconds > 0:
            said.append(f"{gettext(WORDS[nth])} {duration(max(1.0, seconds))}")
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
    return Markup(  # noqa: S704 - see `_past`
        f'<svg class="bar" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true"><use href="#bar-none"/>{quiet}{cells}</svg>'
    )
