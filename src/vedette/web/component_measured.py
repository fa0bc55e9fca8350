"""What an operator chose to publish of a component's measurements, drawn for everyone.

Nothing is published by itself: the component names each measurement, and the page draws those alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.web.charts import Chart, chart
from vedette.web.languages import ENGLISH
from vedette.web.reader import N_, gettext, reading
from vedette.web.reads import Series
from vedette.web.words import Moment, measurement_name, moment, value

Q = load(__file__, "component_measured.sql")

MOST = 8
"""Measurements of one page."""
TARGETS = 20
"""Targets of one component that are drawn; the rest are left out."""
LIMIT_MS = 1_000
"""Charts that take longer are left out, and the page says so."""
_DECIMAL = re.compile(r"(-?[0-9]+)\.([0-9]+)")
ANSWERED = "rtt"
"""Until a look was answered: what reports of every connector hold, and no connector describes."""
FRESH_STEPS = 2
"""A value older than so many steps is not what it is now."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far back the charts reach, and how finely they are drawn."""

    word: str
    text: str
    length: timedelta
    step: timedelta


SPANS = {
    "24h": Span("24h", N_("24 hours"), timedelta(hours=24), timedelta(minutes=10)),
    "7d": Span("7d", N_("7 days"), timedelta(days=7), timedelta(hours=1)),
}
"""What `?span=` takes; the first is the default."""


@dataclass(frozen=True, slots=True)
class Published:
    """A measurement as a component publishes it; entity: "" for the target itself; label: "" for its name's."""

    name: str
    entity: str
    label: str

    @property
    def title(self) -> str:
        """What the public calls it."""
        return self.label or measurement_name(self.name)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement as the page shows it: now, least and greatest in words; chart None without points."""

    title: str
    help: str
    now: str
    least: str
    most: str
    summary: str
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Measurements:
    """All of them over one span; `is_slow` says that they took too long and were left out."""

    span: Span
    starts: Moment
    measured: list[Measured]
    is_slow: bool


@dataclass(frozen=True, slots=True)
class _Row:
    place: int
    unit: str
    help: str
    at_s: list[float]
    mean: list[float]
    least: list[float]
    most: list[float]
    last: float | None


def span_of(text: str) -> Span:
    """Return the span asked for; raises Invalid."""
    if text not in SPANS:
        raise Invalid(f"span cannot be {text[:40]!r}", hint=f"one of {', '.join(SPANS)}")
    return SPANS[text]


def published(items: Iterable[str]) -> list[Published]:
    """Return what these items of the attribute name: `NAME`, `NAME/ENTITY`, either with ` = LABEL`; each once."""
    found: dict[tuple[str, str], Published] = {}
    for item in items:
        what, _, label = item.partition("=")
        name, _, entity = what.strip().partition("/")
        if name:
            found.setdefault((name, entity), Published(name, entity, label.strip()))
    return list(found.values())[:MOST]


async def measurements(
    conn: Connection, component_id: int, items: Iterable[str], span: Span, *, now: datetime
) -> Measurements | None:
    """Return what the component publishes; None when that is nothing."""
    asked = published(items)
    if not asked:
        return None
    since = _floor(now - span.length, span.step)
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}")
            rows = await Q.all(
                conn,
                "drawn",
                row=_Row,
                component_id=component_id,
                names=[one.name for one in asked],
                entities=[one.entity for one in asked],
                targets=TARGETS,
                since=since,
                until=now,
                step=span.step,
            )
    except psycopg.errors.QueryCanceled:
        return Measurements(span, moment(since, now), [], is_slow=True)
    shown = [_measured(one, row, span, now - since) for one, row in zip(asked, rows, strict=True)]
    return Measurements(span, moment(since, now), shown, is_slow=False)


def _floor(at: datetime, step: timedelta) -> datetime:
    """Return where the step begins that holds this instant: the first point is a whole one."""
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin + (at - origin) // step * step


def _measured(asked: Published, row: _Row, span: Span, length: timedelta) -> Measured:
    # What connectors say of their measurements is English.
    about = row.help if reading().language == ENGLISH else ""
    if not row.help and (asked.name, asked.entity) == (ANSWERED, ""):
        about = gettext("Until the target answered")
    if not row.at_s:
        return Measured(asked.title, about, "–", "–", "–", "", None)
    is_fresh = length.total_seconds() - row.at_s[-1] <= FRESH_STEPS * span.step.total_seconds()
    now = _value(row.last, row.unit) if row.last is not None and is_fresh else "–"
    least, most = _value(min(row.least), row.unit), _value(max(row.most), row.unit)
    said = gettext("{title} over the last {span}: now {now}, least {least}, greatest {most}.")
    return Measured(
        title=asked.title,
        help=about,
        now=now,
        least=least,
        most=most,
        summary=said.format(
            title=asked.title, span=gettext(span.text), now=now, least=least, most=most
        ),
        chart=_localised(chart(_series(asked, row), span=length, bucket=span.step)),
    )


def _value(number: float, unit: str) -> str:
    """Return the value with its unit as the reader's language writes it."""
    return _local(value(number, unit))


def _local(text: str) -> str:
    return _DECIMAL.sub(
        lambda found: gettext("{whole}.{hundredths}").format(whole=found[1], hundredths=found[2]),
        text,
    )


def _localised(drawn: Chart) -> Chart:
    return replace(drawn, top=_local(drawn.top), bottom=_local(drawn.bottom))


def _series(asked: Published, row: _Row) -> Series:
    return Series(asked.name, asked.entity, row.unit, row.at_s, row.mean, row.least, row.most)


def spans() -> Sequence[Span]:
    """Return the spans one may choose from."""
    return list(SPANS.values())
