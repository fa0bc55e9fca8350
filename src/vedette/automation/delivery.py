"""When deployments are linked to incidents, then all five of DORA's measures can be told, by service and environment.

A deployment failed when a person confirmed that it caused an incident. It was made to mend one when it finished, in
the same service and environment, while an incident lasted that an earlier one had caused.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.records.dora_rules import Change, Delivery, Failure, delivery
from vedette.records.model import Commit, Deployment
from vedette.records.slo_rules import Period, calendar_period

Q = load(__file__, "delivery.sql")
MOST = 100_000
"""Deployments that one question may be about."""
LONGEST = timedelta(days=3 * 366)
_COMMITS = msgspec.json.Decoder(list[tuple[str, str, datetime, int, bool]])
_FAILURES = msgspec.json.Decoder(list[tuple[datetime, datetime | None]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked. service: of that name, or an app of it; environment: None is any.

    trend: `week` or `month`, or "" for none. apart: services apart, else each environment as a whole.
    """

    since: datetime
    until: datetime
    service: str | None = None
    team: str | None = None
    environment: str | None = None
    trend: str = ""
    apart: bool = True

    def __post_init__(self) -> None:
        """Refuse a period that is none, or too long."""
        if self.since >= self.until:
            raise Invalid("from is not before to")
        if self.until - self.since > LONGEST:
            raise Invalid("that is more than three years", hint="ask for a shorter time")


@dataclass(frozen=True, slots=True)
class Line:
    """The measures of a service ("" is all) in an environment, and of each week or month of the period."""

    service: str
    environment: str
    whole: Delivery
    trend: Sequence[tuple[Period, Delivery]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    service: str
    app: str
    environment: str
    finished_at: datetime
    commits: str
    failures: str
    remedy: bool


async def deliveries(conn: Connection, wanted: Wanted, *, now: datetime) -> list[Line]:
    """Return a line for each service and environment that was deployed to, by their names; one statement.

    Raises Invalid where there are more deployments than one question may be about.
    """
    rows = await Q.all(
        conn,
        "changes",
        row=_Row,
        since=wanted.since,
        until=wanted.until,
        service=wanted.service,
        team=wanted.team,
        environment=wanted.environment,
        now=now,
        most=MOST + 1,
    )
    if len(rows) > MOST:
        raise Invalid(
            f"these are more than {MOST} deployments",
            hint="ask for a shorter time, or for one service",
        )
    grouped: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for row in rows:
        grouped[row.service if wanted.apart else "", row.environment].append(_change(row))
    return [_line(name, grouped[name], wanted) for name in sorted(grouped)]


def _line(name: tuple[str, str], changes: Sequence[Change], wanted: Wanted) -> Line:
    return Line(
        *name,
        delivery(changes, since=wanted.since, until=wanted.until),
        [
            (period, delivery(changes, since=period.since, until=period.until))
            for period in _periods(wanted)
        ],
    )


def _periods(wanted: Wanted) -> Iterator[Period]:
    """Yield the weeks or months of the time asked for; the first and the last may be cut."""
    at = wanted.since
    while wanted.trend and at < wanted.until:
        whole = calendar_period(wanted.trend, now=at)
        yield Period(at, min(whole.until, wanted.until))
        at = whole.until


def _change(row: _Row) -> Change:
    return Change(
        Deployment(
            app=row.app,
            environment=row.environment,
            pipeline="",
            reason="",
            finished_at=row.finished_at,
            commits=tuple(Commit(*commit) for commit in _COMMITS.decode(row.commits)),
        ),
        tuple(Failure(*failure) for failure in _FAILURES.decode(row.failures)),
        row.remedy,
    )
