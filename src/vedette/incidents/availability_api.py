"""REST: availability month by month, as JSON or CSV. Nothing in it that was not published."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Literal, cast

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from vedette import clock
from vedette.db.queries import Connection
from vedette.incidents.availability import Cell, Group, Line, Table, table
from vedette.incidents.availability_ask import question
from vedette.incidents.availability_rules import Policy, Reporting, loss, whole
from vedette.incidents.availability_share import Share, percent
from vedette.rest.csv import MEDIA_TYPE

DIGITS = 6
SECOND_US = 1_000_000

Word = Annotated[str | None, Parameter(max_length=200)]


class Counting(msgspec.Struct, kw_only=True):
    """How the numbers were made; weights are what a second of each impact costs. says: it in words."""

    zone: str
    minor: float
    major: float
    outage: float
    maintenance: str
    unseen: str
    says: str


class Frozen(msgspec.Struct, kw_only=True):
    """What was published of a month for good, when, and how it was counted."""

    percent: str | None
    at: datetime
    policy: str


class Month(msgspec.Struct, kw_only=True):
    """One month; per cents are rounded down, null where there is nothing to count.

    lost_s is weighted, of whole_s. revised: it is not what was published. compatible_percent: by the
    first Status Dashboard's formula, if asked for. mean_percent: of a group, the mean of its members.
    """

    month: str
    percent: str | None
    lost_s: float
    whole_s: float
    unseen_s: float
    published: Frozen | None = None
    revised: bool = False
    compatible_percent: str | None = None
    mean_percent: str | None = None


class Item(msgspec.Struct, kw_only=True):
    """A component, or a group: component is empty then, percent the time in which all were up.

    budget: what the objective (`slo`, in per cent) leaves to lose this month, in words.
    """

    component: str
    service: str
    region: str
    category: str
    type: str = ""
    members: list[str] = []
    slo: str | None = None
    budget: str | None = None
    months: list[Month] = []


class Availability(msgspec.Struct, kw_only=True):
    """The months, how they were counted, and every line."""

    counting: Counting
    months: list[str]
    items: list[Item]


@get("/api/v1/availability")
async def show_availability(
    conn: Connection,
    reporting: Reporting,
    component: Word = None,
    service: Word = None,
    region: Word = None,
    category: Word = None,
    since: Annotated[
        str | None, Parameter(query="from", description="The first month, as in 2026-01.")
    ] = None,
    months: Annotated[str | None, Parameter(description="How many; 1 to 36.")] = None,
    zone: Annotated[str | None, Parameter(description="Whose months, as Europe/Berlin.")] = None,
    by: Annotated[
        str | None, Parameter(description="component, or some of region,category,service.")
    ] = None,
    beside: Annotated[str | None, Parameter(description="compatible: a second number.")] = None,
    as_format: Annotated[
        Literal["json", "csv"], Parameter(query="format", description="json or csv.")
    ] = "json",
) -> Response[Availability]:
    """Show the availability of components, or of groups in which all must be up, month by month."""
    now = clock.now()
    said = {
        "component": component,
        "service": service,
        "region": region,
        "category": category,
        "from": since,
        "months": months,
        "zone": zone,
        "by": by,
        "beside": beside,
    }
    found = document(await table(conn, question(said, reporting, now=now), now=now))
    if as_format == "json":
        return Response(found)
    sheet: Response[str] = Response(
        sheet_of(found),
        media_type=MEDIA_TYPE,
        headers={"content-disposition": 'attachment; filename="availability.csv"'},
    )
    return cast("Response[Availability]", sheet)


routes = [show_availability]


def document(found: Table) -> Availability:
    """Return the table as the document of this route: its groups where there are some, else its lines."""
    policy = found.question.policy
    names = [f"{month:%Y-%m}" for month in found.months]
    items = (
        [_group(group, names, policy) for group in found.groups]
        if found.question.by
        else [_line(line, names, policy) for line in found.lines]
    )
    counting = Counting(
        zone=policy.zone,
        minor=float(policy.minor),
        major=float(policy.major),
        outage=float(policy.outage),
        maintenance=policy.maintenance,
        unseen=policy.unseen,
        says=policy.said(),
    )
    return Availability(counting=counting, months=names, items=items)


def _line(line: Line, names: Sequence[str], policy: Policy) -> Item:
    return Item(
        component=line.slug,
        service=line.service,
        region=line.region,
        category=line.category,
        type=line.type,
        slo=_percent(line.objective),
        budget=line.budget.said() if line.budget else None,
        months=_months(line.cells, names, policy),
    )


def _group(group: Group, names: Sequence[str], policy: Policy) -> Item:
    return Item(
        component="",
        service=group.service,
        region=group.region,
        category=group.category,
        members=[line.slug for line in group.members],
        months=_months(group.cells, names, policy),
    )


def _months(cells: Sequence[Cell], names: Sequence[str], policy: Policy) -> list[Month]:
    return [
        Month(
            month=name,
            percent=_percent(cell.share),
            lost_s=float(loss(cell.told, policy) / SECOND_US),
            whole_s=whole(cell.told, policy) / SECOND_US,
            unseen_s=cell.told.unseen_us / SECOND_US,
            published=Frozen(
                percent=_percent(cell.published.share),
                at=cell.published.at,
                policy=cell.published.policy,
            )
            if cell.published
            else None,
            revised=cell.revised,
            compatible_percent=_percent(cell.compatible),
            mean_percent=_percent(cell.members_mean),
        )
        for name, cell in zip(names, cells, strict=True)
    ]


def _percent(share: Share | Fraction | None) -> str | None:
    return None if share is None else percent(share, DIGITS)


COLUMNS = (
    "region", "category", "service", "type", "component", "month", "percent", "lost_s", "whole_s",
    "unseen_s", "published_percent", "revised", "compatible_percent", "mean_percent",
)  # fmt: skip


def sheet_of(found: Availability) -> str:
    """Return the document as CSV, a row a month; no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(found))
    return out.getvalue()


def _rows(found: Availability) -> Iterator[list[object]]:
    for item in found.items:
        place = [item.region, item.category, item.service, item.type, item.component]
        for month in item.months:
            numbers = [month.percent, month.lost_s, month.whole_s, month.unseen_s]
            published = month.published.percent if month.published else None
            yield [
                *map(_harmless, place),
                month.month,
                *numbers,
                published,
                "revised" if month.revised else "",
                month.compatible_percent,
                month.mean_percent,
            ]


def _harmless(text: str) -> str:
    plain = " ".join(text.split())
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain
