"""How fast an error budget burns, and who must know: multi-window, multi-burn-rate (SRE workbook, chapter 5).

A burn rate of 1 uses the budget up exactly at its period's end. A rule fires while the share of errors is above its
threshold in a long window (it matters) and in a short one (it still goes on). Three answers are kept apart: it fires,
it does not, it cannot be said for want of events: no traffic is no proof of health.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from vedette.records.slo_rules import (
    STANDS,
    Measured,
    allowed_share,
    loss,
    microseconds,
    rolling,
)


class Burn(StrEnum):
    """What burning asks for, the gravest first."""

    PAGE = "page"
    TICKET = "ticket"
    NO_DATA = "no data"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Who must know when `budget`, a share of the whole, would be spent within the long window."""

    asks: Burn
    budget: Fraction
    long: timedelta
    short: timedelta


def _rule(asks: Burn, per_cent: int, **long: int) -> BurnRule:
    return BurnRule(asks, Fraction(per_cent, 100), timedelta(**long), timedelta(**long) / 12)


RULES = (
    _rule(Burn.PAGE, 2, hours=1),
    _rule(Burn.PAGE, 5, hours=6),
    _rule(Burn.TICKET, 10, days=1),
    _rule(Burn.TICKET, 10, days=3),
)
"""The workbook's, which Sloth ships as well; the short window is a twelfth of the long one."""


@dataclass(frozen=True, slots=True)
class Errors:
    """The share of errors in a window; None is "no data". events: how many there were, None where nobody counts."""

    ratio: Fraction | None
    events: int | None = None


def counted(bad: int, total: int) -> Errors:
    """Return the errors of so many events; of none, no data."""
    return Errors(Fraction(bad, total) if total else None, total)


def measured(
    values: Iterable[Measured], window: timedelta, *, now: datetime, stands: timedelta = STANDS
) -> Errors:
    """Return the errors that values over time say, over the time there is data of."""
    lost, known = loss(values, rolling(window, now=now), stands=stands)
    return Errors(lost / known if known else None)


def factor(rule: BurnRule, period: timedelta) -> Fraction:
    """Return the burn rate that spends the rule's share in its long window: share × period ÷ window.

    >>> [float(factor(rule, timedelta(days=30))) for rule in RULES]
    [14.4, 6.0, 3.0, 1.0]
    """
    return rule.budget * Fraction(microseconds(period), microseconds(rule.long))


def threshold(rule: BurnRule, target: float, period: timedelta) -> Fraction:
    """Return the share of errors above which the rule fires, in both windows."""
    return factor(rule, period) * allowed_share(target)


def can_never_fire(rule: BurnRule, target: float, period: timedelta) -> bool:
    """Say whether even a total outage would stay at or below the threshold."""
    return threshold(rule, target, period) >= 1


def warnings(
    target: float, period: timedelta, rules: Iterable[BurnRule] = RULES
) -> tuple[str, ...]:
    """Return a line for each rule that can never fire."""
    return tuple(
        f"the {rule.asks} rule over {_hours(rule.long)} can never fire: at {target:g} % it needs more than "
        f"{float(threshold(rule, target, period) * 100):.4g} % of errors"
        for rule in rules
        if can_never_fire(rule, target, period)
    )


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g} h"


def detection_time(
    rule: BurnRule, target: float, period: timedelta, errors: Fraction = Fraction(1)
) -> timedelta | None:
    """Return how long so many errors, after none, take to pass the rule's long window; None is never."""
    needed = threshold(rule, target, period)
    if errors <= needed:
        return None
    return timedelta(microseconds=float(needed / errors * microseconds(rule.long)))


def burn(
    errors: Mapping[timedelta, Errors],
    target: float,
    period: timedelta,
    *,
    rules: Sequence[BurnRule] = RULES,
    min_events: int = 0,
) -> Burn:
    """Return the gravest that the rules ask for; "no data" when none fires and one cannot be judged.

    errors: of each window's length. min_events: a long window of fewer is not judged by.
    """
    answers = {
        rule: _fires(rule, errors, threshold(rule, target, period), min_events) for rule in rules
    }
    for asks in (Burn.PAGE, Burn.TICKET):
        if any(fires for rule, fires in answers.items() if rule.asks is asks):
            return asks
    return Burn.NO_DATA if None in answers.values() or not answers else Burn.QUIET


def _fires(
    rule: BurnRule, errors: Mapping[timedelta, Errors], limit: Fraction, min_events: int
) -> bool | None:
    """Return whether both windows are above the limit; None when what is missing could decide it."""
    long = _above(errors.get(rule.long), limit, min_events)
    short = _above(errors.get(rule.short), limit, 0)
    if long is False or short is False:
        return False
    return None if long is None or short is None else True


def _above(window: Errors | None, limit: Fraction, min_events: int) -> bool | None:
    if window is None or window.ratio is None:
        return None
    if window.events is not None and window.events < min_events:
        return None
    return window.ratio > limit
