"""Reports as frames, events and lines: the forms of a moment of the stream of reports."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import msgspec

from vedette.health.feed_reads import Layout
from vedette.health.stream_reads import Report
from vedette.link import vedette_pb2 as pb
from vedette.link.audience import Moment
from vedette.link.documents import page_events, page_lines
from vedette.link.frames import microseconds

PAGE_REPORTS = 500
PAGE_VALUES = 2_000
"""A page is closed when it has so many measurements; the last report's come on top of them."""


class ShownValue(msgspec.Struct, kw_only=True):
    """A measurement; entity is "" for the target itself, else `kind:id`."""

    name: str
    entity: str
    unit: str
    value: float


class ShownReport(msgspec.Struct, kw_only=True):
    """One look; rtt_s is null when no answer came."""

    target: str
    agent: str
    component: str
    cluster: str
    at: datetime
    state: str
    error_class: str
    rtt_s: float | None
    measurements: list[ShownValue]


class ReportPage(msgspec.Struct, kw_only=True):
    """What became known at one moment.

    kind: `snapshot`: this and its further pages are the latest reports of all there is; or `reports`.
    cursor, more: as in a page of changes. skipped: reports left out before it, superseded.
    """

    kind: str
    cursor: int
    more: bool
    skipped: int
    reports: list[ShownReport]


@dataclass(frozen=True)
class Reported(Moment[Report]):
    """Reports; layouts: what their values are called, of every layout they have."""

    layouts: Mapping[int, Layout] = field(default_factory=dict)

    @cached_property
    def frames(self) -> list[bytes]:
        """The moment as gRPC sends it."""
        return [
            pb.ReportFrame(
                snapshot=self.snapshot,
                cursor=0 if more else self.cursor,
                more=more,
                skipped=0 if more else self.skipped,
                reports=[self._row(report) for report in part],
            ).SerializeToString()
            for part, more in _parts(self.items)
        ]

    @cached_property
    def events(self) -> list[bytes]:
        """The moment as server-sent events."""
        return page_events(self._pages())

    @cached_property
    def lines(self) -> list[bytes]:
        """The moment as JSON lines."""
        return page_lines(self._pages())

    def _pages(self) -> Iterator[ReportPage]:
        for part, more in _parts(self.items):
            yield ReportPage(
                kind="snapshot" if self.snapshot else "reports",
                cursor=0 if more else self.cursor,
                more=more,
                skipped=0 if more else self.skipped,
                reports=[self._shown(report) for report in part],
            )

    def _row(self, report: Report) -> pb.ReportRow:
        return pb.ReportRow(
            target=report.target,
            agent=report.agent,
            component=report.component,
            cluster=report.cluster,
            at_us=microseconds(report.at),
            state=report.state,
            error_class=report.error_class,
            rtt_s=-1.0 if math.isnan(report.rtt_s) else report.rtt_s,
            values=[
                pb.MeasuredValue(name=name, entity=entity, unit=unit, value=value)
                for name, entity, unit, value in self._measured(report)
            ],
        )

    def _shown(self, report: Report) -> ShownReport:
        return ShownReport(
            target=report.target,
            agent=report.agent,
            component=report.component,
            cluster=report.cluster,
            at=report.at,
            state=report.state,
            error_class=report.error_class,
            rtt_s=None if math.isnan(report.rtt_s) else report.rtt_s,
            measurements=[
                ShownValue(name=name, entity=entity, unit=unit, value=value)
                for name, entity, unit, value in self._measured(report)
            ],
        )

    def _measured(self, report: Report) -> Iterator[tuple[str, str, str, float]]:
        layout = self.layouts.get(report.layout_id)
        if layout is not None:
            yield from zip(layout.names, layout.entities, layout.units, report.values, strict=False)


def _parts(reports: Sequence[Report]) -> Iterator[tuple[Sequence[Report], bool]]:
    """Cut the reports into pages, at least one, each with whether more follow."""
    begin = values = 0
    for place, report in enumerate(reports):
        values += len(report.values)
        is_full = values >= PAGE_VALUES or place - begin + 1 >= PAGE_REPORTS
        if is_full and place + 1 < len(reports):
            yield reports[begin : place + 1], True
            begin, values = place + 1, 0
    yield reports[begin:], False
