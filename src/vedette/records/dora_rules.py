"""DORA's five measures of delivery, out of deployments, their commits, and the incidents people linked to them.

Medians and 90th percentiles, never means, interpolated linearly between neighbours as PostgreSQL's `percentile_cont`
does. Where there is nothing to measure the answer is None, never 0.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from vedette.records.model import Deployment

MEDIAN, P90 = Fraction(1, 2), Fraction(9, 10)
_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
_MONTH_DAYS = Fraction(146_097, 4_800)
"""The mean month of the Gregorian calendar."""

_REHEARSAL = re.compile(
    r"(?<![a-z])(?:ci|dev|devel|development|test|testing|int|integration|qa|uat|review|preview|sandbox|stage|staging"
    r"|stg|pre-?prod|pre-?production)(?![a-z])",
    re.IGNORECASE,
)
"""Names of environments that no user meets."""


class Band(StrEnum):
    """How DORA's reports call a frequency of deployments."""

    ELITE = "elite"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Failure:
    """An incident that a person confirmed a deployment to have caused. recovered_at: None while it lasts."""

    began_at: datetime
    recovered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A deployment with what was confirmed of it. remedy: it was made, unplanned, to mend an incident."""

    deployment: Deployment
    failures: tuple[Failure, ...] = ()
    remedy: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the long tail of times in seconds, and of how many."""

    count: int
    median_s: float
    p90_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """The five measures over a period, of whatever deployments one asked for.

    lead_time: commit to deployment. per_day: deployments a day. fail_rate: the share of deployments that caused an
    incident. recovery: from an incident's beginning to its end, a failed deployment at a time. unrecovered: failed
    deployments whose incidents last. rework_rate: the share of deployments made to mend an incident.
    """

    deployments: int
    lead_time: Spread | None
    per_day: Fraction | None
    fail_rate: Fraction | None
    recovery: Spread | None
    unrecovered: int
    rework_rate: Fraction | None

    @property
    def per_week(self) -> Fraction | None:
        """Deployments a week."""
        return None if self.per_day is None else self.per_day * 7

    @property
    def band(self) -> Band | None:
        """What DORA calls this frequency."""
        return None if self.per_day is None else band(self.per_day)


def by_environment(
    changes: Iterable[Change], *, since: datetime, until: datetime
) -> dict[str, Delivery]:
    """Return the measures of each environment that was deployed to in the period."""
    grouped: dict[str, list[Change]] = {}
    for change in _within(changes, since, until):
        grouped.setdefault(change.deployment.environment, []).append(change)
    return {name: delivery(grouped[name], since=since, until=until) for name in sorted(grouped)}


def delivery(changes: Iterable[Change], *, since: datetime, until: datetime) -> Delivery:
    """Return the measures of the deployments that finished from `since`, before `until`."""
    chosen = _within(changes, since, until)
    recoveries = [recovery_s(change) for change in chosen if change.failures]
    return Delivery(
        deployments=len(chosen),
        lead_time=spread(lead_times(change.deployment for change in chosen)),
        per_day=len(chosen) / _days(until - since) if chosen else None,
        fail_rate=_share(len(recoveries), len(chosen)),
        recovery=spread([time for time in recoveries if time is not None]),
        unrecovered=recoveries.count(None),
        rework_rate=_share(sum(change.remedy for change in chosen), len(chosen)),
    )


def _within(changes: Iterable[Change], since: datetime, until: datetime) -> list[Change]:
    return [change for change in changes if since <= change.deployment.finished_at < until]


def _days(length: timedelta) -> Fraction:
    return Fraction(length // _MICROSECOND, _DAY // _MICROSECOND)


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def lead_times(deployments: Iterable[Deployment]) -> list[float]:
    """Return the seconds each commit took to its first deployment in an environment.

    Left out are reverts, which go out fast because something is wrong, and commits younger than their deployment,
    which nothing can have brought.
    """
    first: dict[tuple[str, str, str, str], float] = {}
    for deployment in sorted(deployments, key=lambda one: one.finished_at):
        for commit in deployment.commits:
            if not commit.revert and commit.lead_s >= 0:
                key = (deployment.environment, deployment.app, commit.repository, commit.revision)
                first.setdefault(key, float(commit.lead_s))
    return list(first.values())


def recovery_s(change: Change) -> float | None:
    """Return the seconds from the first of its failures to the end of the last; None while one lasts."""
    ends = [failure.recovered_at for failure in change.failures]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return None
    began_at = min(failure.began_at for failure in change.failures)
    return max((max(known) - began_at).total_seconds(), 0.0)


def spread(times: Sequence[float]) -> Spread | None:
    """Return median and 90th percentile; None of nothing."""
    if not times:
        return None
    return Spread(len(times), quantile(times, MEDIAN), quantile(times, P90))


def quantile(values: Sequence[float], share: Fraction) -> float:
    """Return the value below which that share lies, interpolated linearly; of at least one value.

    >>> quantile([1, 2, 3, 4], MEDIAN)
    2.5
    >>> quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], P90)
    9.1
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = place.numerator // place.denominator
    above = min(below + 1, len(ordered) - 1)
    low, high = Fraction(ordered[below]), Fraction(ordered[above])
    return float(low + (high - low) * (place - below))


def band(per_day: Fraction) -> Band:
    """Return DORA's band: more than daily, at least weekly, at least monthly, or rarer.

    >>> band(Fraction(1)).value, band(Fraction(3, 30)).value
    ('high', 'medium')
    """
    if per_day > 1:
        return Band.ELITE
    if per_day * 7 >= 1:
        return Band.HIGH
    return Band.MEDIUM if per_day * _MONTH_DAYS >= 1 else Band.LOW


def proposed_cause(
    deployments: Iterable[Deployment],
    incident_start: datetime,
    window: timedelta,
    *,
    services: Collection[str],
) -> Deployment | None:
    """Return the latest deployment of one of the services that finished at most `window` before; a person confirms.

    What was only tried (`is_rehearsal`) is not what users met. Of several that finished in the same instant, the one whose service comes first by name.
    """
    near = [
        one
        for one in deployments
        if one.app in services
        and timedelta(0) <= incident_start - one.finished_at <= window
        and not is_rehearsal(one.environment)
    ]
    near.sort(key=lambda one: (incident_start - one.finished_at, one.app, one.environment))
    return near[0] if near else None


def is_rehearsal(environment: str) -> bool:
    """Say whether an environment is one to try things in, by its name.

    >>> [is_rehearsal(name) for name in ("staging", "eu-stage2", "Pre-Prod", "prod", "latest", "devices")]
    [True, True, True, False, False, False]
    """
    return _REHEARSAL.search(environment) is not None
