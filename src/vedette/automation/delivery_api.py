"""REST route of DORA's five measures."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get

from vedette import clock
from vedette.automation.delivery import Line, Wanted, deliveries
from vedette.db.queries import Connection
from vedette.fleet.named import check_named
from vedette.records.asked import Format, Since, Until, Word, aware
from vedette.records.deployments_reads import check_service
from vedette.records.dora_rules import Delivery, Spread
from vedette.rest.csv import csv_answer, wants_csv

USUAL = timedelta(days=30)
DIGITS = 6
COLUMNS = (
    "service", "environment", "since", "until", "deployments", "per_day", "band", "lead_time_median_s",
    "lead_time_p90_s", "fail_rate", "recovery_median_s", "recovery_p90_s", "unrecovered", "rework_rate",
)  # fmt: skip


class SpreadShown(msgspec.Struct, kw_only=True):
    """The middle and the long tail of so many times, in seconds."""

    count: int
    median_s: float
    p90_s: float


class DeliveryShown(msgspec.Struct, kw_only=True):
    """The five measures of a time; null where there is nothing to measure.

    lead_time: from commit to deployment, without reverts. per_day: deployments a day; band: how DORA calls that.
    fail_rate: the share of deployments that caused an incident. recovery: from such an incident's beginning to its
    end; unrecovered: those that last. rework_rate: the share of deployments made to mend one.
    """

    since: datetime
    until: datetime
    deployments: int
    lead_time: SpreadShown | None
    per_day: float | None
    per_week: float | None
    band: str | None
    fail_rate: float | None
    recovery: SpreadShown | None
    unrecovered: int
    rework_rate: float | None


class LineShown(msgspec.Struct, kw_only=True):
    """A service ("" is all of them) in an environment; trend: each week or month, where it was asked for."""

    service: str
    environment: str
    measures: DeliveryShown
    trend: list[DeliveryShown]


@get("/api/v1/dora")
async def show_dora(
    request: Request[Any, Any, Any],
    conn: Connection,
    service: Word = None,
    team: Word = None,
    environment: Word = None,
    since: Since = None,
    until: Until = None,
    by: Literal["service", "environment"] = "service",
    trend: Literal["week", "month"] | None = None,
    format: Format = None,  # noqa: A002 - the word of the query
) -> Response[Any]:
    """Show DORA's five measures by service and environment, of the last 30 days unless said; JSON or CSV."""
    as_csv, now = wants_csv(request), clock.now()
    ends = aware(until, "to") or now
    wanted = Wanted(
        since=aware(since, "from") or ends - USUAL,
        until=ends,
        service=service,
        team=team,
        environment=environment,
        trend=trend or "",
        apart=by == "service",
    )
    lines = [_line(line, wanted) for line in await deliveries(conn, wanted, now=now)]
    if not lines:
        await check_named(conn, team=team)
        await check_service(conn, service)
    if as_csv:
        cells = [_cells(line, each) for line in lines for each in line.trend or [line.measures]]
        return csv_answer(COLUMNS, cells, name="dora")
    return Response(lines)


routes = [show_dora]


def _line(line: Line, wanted: Wanted) -> LineShown:
    return LineShown(
        service=line.service,
        environment=line.environment,
        measures=_shown(line.whole, wanted.since, wanted.until),
        trend=[_shown(each, period.since, period.until) for period, each in line.trend],
    )


def _shown(held: Delivery, since: datetime, until: datetime) -> DeliveryShown:
    return DeliveryShown(
        since=since,
        until=until,
        deployments=held.deployments,
        lead_time=_spread(held.lead_time),
        per_day=_rounded(held.per_day),
        per_week=_rounded(held.per_week),
        band=held.band.value if held.band else None,
        fail_rate=_rounded(held.fail_rate),
        recovery=_spread(held.recovery),
        unrecovered=held.unrecovered,
        rework_rate=_rounded(held.rework_rate),
    )


def _spread(times: Spread | None) -> SpreadShown | None:
    if times is None:
        return None
    return SpreadShown(count=times.count, median_s=times.median_s, p90_s=times.p90_s)


def _rounded(share: Fraction | None) -> float | None:
    return None if share is None else round(float(share), DIGITS)


def _cells(line: LineShown, each: DeliveryShown) -> list[object]:
    lead, recovery = each.lead_time, each.recovery
    return [
        line.service,
        line.environment,
        each.since,
        each.until,
        each.deployments,
        each.per_day,
        each.band,
        lead and lead.median_s,
        lead and lead.p90_s,
        each.fail_rate,
        recovery and recovery.median_s,
        recovery and recovery.p90_s,
        each.unrecovered,
        each.rework_rate,
    ]
