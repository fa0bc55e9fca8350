"""The availability of components and groups, month by month: one statement a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

import msgspec

from vedette.db.queries import Connection, load
from vedette.incidents.availability_ask import GROUPS, Question, later
from vedette.incidents.availability_rules import (
    Budget,
    Told,
    availability,
    budget,
    month_bounds,
    objective,
)
from vedette.incidents.availability_share import Share, mean, share_of

Q = load(__file__, "availability.sql")

NOTHING = Told(0)

_TOLD = msgspec.json.Decoder(dict[int, Told])
_PUBLISHED = msgspec.json.Decoder(list[tuple[str, list[tuple[date, int, str, datetime]]]])
_COMPATIBLE = msgspec.json.Decoder(list[tuple[int, int, int]])


class Published(msgspec.Struct, frozen=True, gc=False):
    """The number of a month that was published for good, how it was counted, and when."""

    share: Share | None
    policy: str
    at: datetime


class Cell(msgspec.Struct, frozen=True, gc=False):
    """One month of a component or group.

    share: as counted from what is known now; None before its birth, in months to come and where
    nothing was seen. compatible: by the compatible formula, where it was asked for. members_mean:
    of a group, the mean of its members' shares.
    """

    told: Told
    share: Share | None
    published: Published | None = None
    compatible: Share | None = None
    members_mean: Share | None = None

    @property
    def revised(self) -> bool:
        """Whether it is another number by now than the one that was published."""
        return self.published is not None and self.published.share != self.share


@dataclass(frozen=True, slots=True)
class Line:
    """A component and its months; budget: of the month it is now, where it has an objective."""

    group_id: int
    slug: str
    service: str
    region: str
    category: str
    type: str
    objective: Fraction | None
    budget: Budget | None
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Group:
    """Components of one region, category or service (as asked; the others are "") taken together.

    A cell's share is that of the time in which all of them were up.
    """

    region: str
    category: str
    service: str
    members: Sequence[Line]
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Components by service and region, the groups asked for by their names, the months by time."""

    question: Question
    months: Sequence[date]
    lines: Sequence[Line]
    groups: Sequence[Group] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    group_id: int
    slug: str
    service: str
    region: str
    category: str
    type: str
    slo: str | None
    told: str
    published: str
    compatible: str


async def table(conn: Connection, asked: Question, *, now: datetime) -> Table:
    """Return the public components asked for, with every month; open incidents count until `now`."""
    months = [later(asked.first, nth) for nth in range(asked.months)]
    bounds = month_bounds(asked.first, asked.months, asked.policy.zone)
    rows = await Q.all(
        conn,
        "table",
        row=_Row,
        component=asked.component,
        service=asked.service,
        region=asked.region,
        category=asked.category,
        by=list(asked.by),
        bounds=bounds,
        now=now,
        shielded=asked.policy.shielded,
        zone=asked.policy.zone,
        first=asked.first,
        until=later(asked.first, asked.months),
        compatible=asked.compatible,
    )
    lines = [_line(row, asked, months, bounds, now) for row in rows if row.slug]
    lines.sort(key=lambda line: (line.service, line.type, line.region, line.slug))
    groups = [_group(row, asked, lines) for row in rows if not row.slug]
    groups.sort(key=lambda group: (group.region, group.category, group.service))
    return Table(asked, months, lines, groups)


def _line(
    row: _Row, asked: Question, months: Sequence[date], bounds: Sequence[datetime], now: datetime
) -> Line:
    told = _TOLD.decode(row.told)
    published = {
        month: Published(_published(whole, lost), policy, at)
        for policy, cells in _PUBLISHED.decode(row.published)
        for month, whole, lost, at in cells
    }
    compatible = {
        nth: share_of(elapsed, lost) for nth, elapsed, lost in _COMPATIBLE.decode(row.compatible)
    }
    cells = [
        Cell(
            meanwhile := told.get(nth, NOTHING),
            availability(meanwhile, asked.policy),
            published.get(month),
            compatible.get(nth),
        )
        for nth, month in enumerate(months, 1)
    ]
    goal = objective(row.slo)
    return Line(
        row.group_id,
        row.slug,
        row.service,
        row.region,
        row.category,
        row.type,
        goal,
        _budget(cells, asked, goal, bounds, now),
        cells,
    )


def _published(whole: int, lost: str) -> Share | None:
    """Return the share; lost: microseconds as a decimal number."""
    if not whole:
        return None
    before, _, after = lost.partition(".")
    return share_of(whole * 10 ** len(after), int(before + after))


def _budget(
    cells: Sequence[Cell],
    asked: Question,
    goal: Fraction | None,
    bounds: Sequence[datetime],
    now: datetime,
) -> Budget | None:
    if goal is None:
        return None
    for cell, opens, closes in zip(cells, bounds, bounds[1:], strict=False):
        if opens <= now < closes:
            # Seconds of the same zone are compared as clocks show them; timestamps are not.
            to_come_us = round((closes.timestamp() - now.timestamp()) * 1_000_000)
            return budget(cell.told, asked.policy, goal, to_come_us=to_come_us)
    return None


def _group(row: _Row, asked: Question, lines: Iterable[Line]) -> Group:
    members = [line for line in lines if line.group_id == row.group_id]
    told = _TOLD.decode(row.told)
    cells = [
        Cell(
            meanwhile := told.get(nth, NOTHING),
            availability(meanwhile, asked.policy),
            members_mean=mean([line.cells[nth - 1].share for line in members]),
        )
        for nth in range(1, asked.months + 1)
    ]
    names = {name: getattr(members[0], name) if name in asked.by else "" for name in GROUPS}
    return Group(**names, members=members, cells=cells)
