"""Where an objective stands: what is left of its budgets, and how fast it burns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from vedette.records.burn_rules import RULES, Burn, BurnRule, burn, factor, measured, warnings
from vedette.records.model import Objective
from vedette.records.slo_rules import (
    STANDS,
    Budget,
    Measured,
    Period,
    allowed_share,
    budget,
    calendar_period,
    period_of,
    rolling,
)

ROLLING = timedelta(days=30)
"""The rolling period that everything is counted over beside its own and the month."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget over one period. what: `own` (as the objective says), `month` (of the calendar), `rolling` (30 days)."""

    what: str
    period: Period
    budget: Budget


@dataclass(frozen=True, slots=True)
class Window:
    """A rule of burning and what it sees; long and short: the burn rate of each window, None is no data."""

    rule: BurnRule
    factor: Fraction
    long: Fraction | None
    short: Fraction | None


@dataclass(frozen=True, slots=True)
class Account:
    """Where an objective stands. warnings: a line for each rule that can never fire."""

    budgets: Sequence[Counted]
    burn: Burn
    windows: Sequence[Window]
    warnings: Sequence[str]


def bounds(objective: Objective, *, now: datetime) -> set[datetime]:
    """Return the times since which something is counted of it until now."""
    windows = {now - length for rule in RULES for length in (rule.long, rule.short)}
    return windows | {period.since for _, period in _periods(objective, now=now)}


def account(
    objective: Objective,
    values: Sequence[Measured],
    *,
    now: datetime,
    stands: timedelta = STANDS,
) -> Account:
    """Return where an objective stands by these values; a value is believed for as long as it `stands`."""
    periods = _periods(objective, now=now)
    length = periods[0][1].length
    lengths = {length for rule in RULES for length in (rule.long, rule.short)}
    errors = {each: measured(values, each, now=now, stands=stands) for each in lengths}
    allowed = allowed_share(objective.target)
    rates = {
        each: None if one.ratio is None else one.ratio / allowed for each, one in errors.items()
    }
    return Account(
        budgets=[
            Counted(what, period, budget(values, objective.target, period, now=now, stands=stands))
            for what, period in periods
        ],
        burn=burn(errors, objective.target, length),
        windows=[
            Window(rule, factor(rule, length), rates[rule.long], rates[rule.short])
            for rule in RULES
        ],
        warnings=warnings(objective.target, length),
    )


def _periods(objective: Objective, *, now: datetime) -> list[tuple[str, Period]]:
    """Return the objective's own period first."""
    return [
        ("own", period_of(objective, now=now)),
        ("month", calendar_period("month", zone=objective.zone, now=now)),
        ("rolling", rolling(ROLLING, now=now)),
    ]
