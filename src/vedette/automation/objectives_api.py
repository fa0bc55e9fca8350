"""REST route of objectives: what each promises, what is left of its budgets, how fast they burn."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
from litestar import Request, Response, get

from vedette import clock
from vedette.automation.objectives_measured import Shown, shown_objectives
from vedette.db.queries import Connection
from vedette.fleet.named import check_named
from vedette.incidents.availability_rules import Reporting
from vedette.records.asked import Format, Word
from vedette.records.budgets import Account
from vedette.records.listed import Listing
from vedette.records.objectives_reads import Place, Wanted
from vedette.rest.csv import csv_answer, wants_csv
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

DIGITS = 6
SECOND = timedelta(seconds=1)
COLUMNS = (
    "service", "name", "document", "source", "cluster", "namespace", "component", "sli", "target", "latest",
    "latest_at", "burn", "period", "since", "until", "allowed_min", "known_min", "lost_min", "remaining_min",
    "consumed", "attained",
)  # fmt: skip


class BudgetShown(msgspec.Struct, kw_only=True):
    """A budget, in minutes. period: `own`, `month` of the calendar, or `rolling` over 30 days.

    lost_min and what follows from it: null where nothing is known of the period. consumed: the share used, above 1
    when the objective is missed. attained: what the indicator was over the time known, in per cent.
    """

    period: str
    since: datetime
    until: datetime
    allowed_min: float
    known_min: float
    lost_min: float | None
    remaining_min: float | None
    consumed: float | None
    attained: float | None


class RuleShown(msgspec.Struct, kw_only=True):
    """A burn-rate rule: it fires while both windows burn faster than `factor`. null: no data."""

    asks: str
    factor: float
    long_s: float
    short_s: float
    long: float | None
    short: float | None


class ObjectiveShown(msgspec.Struct, kw_only=True):
    """An objective and where it stands.

    source: "" where no document defines it: its values state the target, and the month is its period. cluster,
    namespace: where its values come from. component: of ours, whose published availability is its indicator.
    target and latest in per cent. window_s: 0 where a calendar says the period. burn: page, ticket, quiet, no data,
    or "" where the target leaves nothing to lose.
    """

    service: str
    name: str
    document: str
    source: str
    sli: str
    description: str
    target: float
    window_s: int
    calendar: str
    calendar_count: int
    zone: str
    budgeting: str
    labels: dict[str, str]
    cluster: str
    namespace: str
    component: str
    latest: float | None
    latest_at: datetime | None
    burn: str
    budgets: list[BudgetShown]
    rules: list[RuleShown]
    warnings: list[str]


@get("/api/v1/objectives")
async def list_objectives(
    request: Request[Any, Any, Any],
    conn: Connection,
    reporting: Reporting,
    service: Word = None,
    team: Word = None,
    name: Word = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List objectives by service, with their error budgets and how fast these burn; JSON or CSV."""
    as_csv = wants_csv(request)
    rows = await shown_objectives(
        conn,
        Wanted(service=service, team=team, name=name),
        policy=reporting.policy,
        now=clock.now(),
        limit=limit + 1,
        after=decode_cursor(cursor, Place) if cursor else None,
    )
    if not rows:
        await check_named(conn, service=service, team=team)
    shown, headers = LISTING.page(request, rows, limit=limit)
    if as_csv:
        cells = [_cells(one, budget) for one in shown for budget in one.budgets]
        return csv_answer(COLUMNS, cells, name="objectives", headers=headers)
    return Response(shown, headers=headers)


routes = [list_objectives]


def _shown(row: Shown) -> ObjectiveShown:
    kept, held = row.kept, row.account
    return ObjectiveShown(
        service=kept.service,
        name=kept.name,
        document=kept.document,
        source=kept.source,
        sli=kept.sli,
        description=kept.description,
        target=kept.target,
        window_s=kept.window_s,
        calendar=kept.calendar,
        calendar_count=kept.calendar_count,
        zone=kept.zone,
        budgeting=kept.budgeting,
        labels=kept.labels,
        cluster=kept.cluster,
        namespace=kept.namespace,
        component=kept.component,
        latest=kept.latest,
        latest_at=kept.latest_at,
        burn=held.burn.value if held else "",
        budgets=_budgets(held) if held else [],
        rules=_rules(held) if held else [],
        warnings=list(held.warnings) if held else [],
    )


def _budgets(held: Account) -> list[BudgetShown]:
    return [
        BudgetShown(
            period=one.what,
            since=one.period.since,
            until=one.period.until,
            allowed_min=round(float(one.budget.allowed_min), DIGITS),
            known_min=round(float(one.budget.known_min), DIGITS),
            lost_min=_rounded(one.budget.lost_min),
            remaining_min=_rounded(one.budget.remaining_min),
            consumed=_rounded(one.budget.consumed),
            attained=_rounded(one.budget.attained),
        )
        for one in held.budgets
    ]


def _rules(held: Account) -> list[RuleShown]:
    return [
        RuleShown(
            asks=window.rule.asks.value,
            factor=round(float(window.factor), DIGITS),
            long_s=window.rule.long / SECOND,
            short_s=window.rule.short / SECOND,
            long=_rounded(window.long),
            short=_rounded(window.short),
        )
        for window in held.windows
    ]


def _rounded(share: Fraction | None) -> float | None:
    return None if share is None else round(float(share), DIGITS)


def _cells(one: ObjectiveShown, budget: BudgetShown) -> list[object]:
    return [
        getattr(one, name, None) if hasattr(one, name) else getattr(budget, name)
        for name in COLUMNS
    ]


LISTING = Listing(
    name="objectives", columns=COLUMNS, place=lambda row: row.kept.place, shown=_shown
)
