"""The page of availability: components by region and category, a column a month, the policy beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

import msgspec
from psycopg_pool import AsyncConnectionPool

from vedette.health.model import State
from vedette.incidents.availability import Cell, Group, Line, Table, table
from vedette.incidents.availability_ask import later, month_of, question
from vedette.incidents.availability_rules import Budget, Reporting
from vedette.incidents.availability_share import Share, shortly
from vedette.web.answers import Answer, Request
from vedette.web.availability_said import PolicySaid, number, policy_said
from vedette.web.lent import lent
from vedette.web.looks import LOOKS, Look
from vedette.web.reader import N_, for_them, gettext
from vedette.web.templates import render
from vedette.web.words import MONTHS
from vedette.web.words import month_of as month_name

FILTERS = ("region", "category", "service", "component", "zone", "months", "beside")


@dataclass(frozen=True, slots=True)
class Grade:
    """How a number is called by the thresholds: a word for those who see no colour, a look, and its icon or ""."""

    word: str
    look: Look
    mark: str = ""


GOOD = Grade(N_("good"), LOOKS[State.UP])
FAIR = Grade(N_("fair"), LOOKS[State.DEGRADED], LOOKS[State.DEGRADED].icon)
POOR = Grade(N_("poor"), LOOKS[State.DOWN], LOOKS[State.DOWN].icon)
NONE = Grade(N_("nothing to count"), LOOKS[State.UNKNOWN])


class Shown(msgspec.Struct, frozen=True, gc=False):
    """One cell: the number that counts, and in small what else is known of the month; "" is nothing.

    month, word: of the grade, both in the reader's language: a thousand cells share a dozen months and four words.
    """

    month: str
    text: str
    grade: Grade
    word: str
    revised: str = ""
    compatible: str = ""
    mean: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A component's months."""

    slug: str
    name: str
    budget: str
    is_over: bool
    cells: list[Shown]


@dataclass(frozen=True, slots=True)
class Category:
    """The components of a category in one region, and what they were together."""

    name: str
    together: list[Shown]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Region:
    """A region and its categories; anchor: its id on the page."""

    anchor: str
    name: str
    categories: list[Category]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page; months: short name and year. earlier, later, beside, csv, json: addresses."""

    regions: list[Region]
    months: list[tuple[str, int]]
    policy: PolicySaid
    good: str
    fair: str
    is_beside: bool
    beside: str
    earlier: str
    later: str
    csv: str
    json: str


@dataclass(frozen=True, slots=True)
class _Words:
    """The months' names, and the grades' by ours, as this reader's language has them."""

    months: Sequence[str]
    grades: Mapping[str, str]


class AvailabilityPage:
    """`/availability`, as it is for whoever asks; one statement."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        reporting: Callable[[], Reporting],
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._reporting = reporting
        self._clock = clock

    async def answer(self, request: Request) -> Answer:
        """Answer the request; raises Invalid."""
        now, reporting, query = self._clock(), self._reporting(), request.query
        asked = question({**query, "by": "region,category"}, reporting, now=now)
        async with lent(self._pool) as conn:
            found = await table(conn, asked, now=now)
        given = {name: query[name] for name in FILTERS if query.get(name)}
        return for_them(render("availability.html", page=page(found, reporting, given, now=now)))


def page(found: Table, reporting: Reporting, given: dict[str, str], *, now: datetime) -> Page:
    """Return the page of this table; given: the filters, as they go on in its links."""
    asked = found.question
    regions: dict[str, list[Group]] = {}
    for group in found.groups:
        regions.setdefault(group.region, []).append(group)
    ordered = sorted(regions, key=lambda name: (not name, name))
    beyond = later(asked.first, asked.months)
    without = {name: text for name, text in given.items() if name != "beside"}
    beside = without if asked.compatible else {**given, "beside": "compatible"}
    since = {"from": f"{asked.first:%Y-%m}"}
    words = _Words(
        [month_name(month) for month in found.months],
        {grade.word: gettext(grade.word) for grade in (GOOD, FAIR, POOR, NONE)},
    )
    return Page(
        regions=[
            Region(f"region-{nth}", name, _categories(regions[name], words, reporting))
            for nth, name in enumerate(ordered, 1)
        ],
        months=[(_short(month), month.year) for month in found.months],
        policy=policy_said(asked.policy),
        good=number(reporting.good),
        fair=number(reporting.fair),
        is_beside=asked.compatible,
        beside=_address("/availability", {**beside, **since}),
        earlier=_address(
            "/availability", {**given, "from": f"{later(asked.first, -asked.months):%Y-%m}"}
        ),
        later=_address("/availability", {**given, "from": f"{beyond:%Y-%m}"})
        if beyond <= month_of(now, asked.policy.zone)
        else "",
        csv=_address("/api/v1/availability", {**given, **since, "format": "csv"}),
        json=_address("/api/v1/availability", {**given, **since}),
    )


def _categories(groups: Sequence[Group], words: _Words, reporting: Reporting) -> list[Category]:
    return [
        Category(
            group.category,
            _cells(group.cells, words, reporting),
            [_row(line, words, reporting) for line in group.members],
        )
        for group in sorted(groups, key=lambda group: (not group.category, group.category))
    ]


def _row(line: Line, words: _Words, reporting: Reporting) -> Row:
    return Row(
        line.slug,
        f"{line.service} ({line.type})" if line.type else line.service,
        _said(line.budget) if line.budget else "",
        line.budget is not None and line.budget.left_min < 0,
        _cells(line.cells, words, reporting),
    )


def _cells(cells: Sequence[Cell], words: _Words, reporting: Reporting) -> list[Shown]:
    return [
        _shown(cell, month, words.grades, reporting)
        for cell, month in zip(cells, words.months, strict=True)
    ]


def _shown(cell: Cell, month: str, grades: Mapping[str, str], reporting: Reporting) -> Shown:
    # What was published stands in front; what is known by now is said beside it.
    first = cell.published.share if cell.published else cell.share
    grade = _grade(first, reporting)
    return Shown(
        month=month,
        text=number(first),
        grade=grade,
        word=grades[grade.word],
        revised=number(cell.share) if cell.revised else "",
        compatible="" if cell.compatible is None or first is None else number(cell.compatible),
        mean="" if cell.members_mean is None else number(cell.members_mean),
    )


def _grade(share: Share | None, reporting: Reporting) -> Grade:
    if share is None:
        return NONE
    if share >= reporting.good:
        return GOOD
    return FAIR if share >= reporting.fair else POOR


def _said(budget: Budget) -> str:
    at = shortly(budget.objective)
    if budget.left_min < 0:
        return gettext("{over} min over the {allowed} allowed at {at} %").format(
            over=-budget.left_min, allowed=budget.allowed_min, at=at
        )
    return gettext("{left} min of {allowed} left at {at} %").format(
        left=budget.left_min, allowed=budget.allowed_min, at=at
    )


def _short(month: date) -> str:
    return gettext(MONTHS).split()[month.month - 1]


def _address(path: str, words: dict[str, str]) -> str:
    return f"{path}?{urlencode(words)}"
