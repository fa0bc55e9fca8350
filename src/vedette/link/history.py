"""Kept reports for a client: checked bounds, then pages, a short query each.

A page is asked for when the client has taken the one before it, and no connection is held in
between: a client that reads slowly costs nothing.
"""

import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from vedette import clock
from vedette.errors import Invalid, Missing
from vedette.health import feed_reads
from vedette.health.feed_reads import KeptReport, Layout
from vedette.health.model import State
from vedette.link import vedette_pb2 as pb
from vedette.link.brief import BriefReads
from vedette.link.frames import EPOCH, microseconds

DEFAULT_LIMIT = 10_000
MOST = 100_000
"""Reports in one answer."""

DEFAULT_SPAN = timedelta(hours=1)
QUERY_ROWS = 500
PAGE_BYTES = 512 * 1024
"""A page is closed when it is this long; its last report, of 4,096 values, fits below 1 MiB."""


class History:
    """Reads kept reports for clients."""

    def __init__(self, reads: BriefReads) -> None:
        self._reads = reads

    async def pages(self, request: pb.RangeRequest) -> AsyncIterator[pb.ReportPage]:
        """Yield the reports of that target and time, oldest first; without times, the last hour.

        Raises Missing when there never was such a target, Invalid when the bounds make no sense.
        """
        since, until, limit = _bounds(request)
        async with self._reads.connection() as conn:
            target_id = await feed_reads.target_id(conn, request.target)
        if target_id is None:
            raise Missing(f"there is no target {request.target[:40]!r}", hint="vedette get targets")
        page, size = pb.ReportPage(), 0
        async for report, layout in self._kept(target_id, since=since, until=until, limit=limit):
            row = _row(request.target, report, layout)
            page.reports.append(row)
            size += row.ByteSize()
            if size > PAGE_BYTES:
                yield page
                page, size = pb.ReportPage(), 0
        if page.reports:
            yield page

    async def _kept(
        self, target_id: int, *, since: datetime, until: datetime, limit: int
    ) -> AsyncIterator[tuple[KeptReport, Layout | None]]:
        known: dict[int, Layout] = {}
        last: KeptReport | None = None
        while limit > 0:
            rows = min(limit, QUERY_ROWS)
            async with self._reads.connection() as conn:
                found = await feed_reads.kept_reports(
                    conn, target_id, since=since, until=until, after=last, limit=rows
                )
                wanted = {report.layout_id for report in found} - known.keys() - {0}
                known |= await feed_reads.layouts(conn, sorted(wanted)) if wanted else {}
            for report in found:
                yield report, known.get(report.layout_id)
            if len(found) < rows:
                return
            limit -= rows
            last = found[-1]


def _bounds(request: pb.RangeRequest) -> tuple[datetime, datetime, int]:
    if not request.target or "\0" in request.target:
        raise Invalid("the range names no target")
    if request.limit > MOST:
        raise Invalid(f"the limit is {request.limit}, at most {MOST} may be asked for")
    until = _at("until_us", request.until_us) if request.until_us else clock.now()
    since = _at("since_us", request.since_us) if request.since_us else until - DEFAULT_SPAN
    if since > until:
        raise Invalid("since lies after until")
    return since, until, request.limit or DEFAULT_LIMIT


def _at(field: str, us: int) -> datetime:
    if us < 0:
        raise Invalid(f"{field} is negative", hint="it counts µs since 1970 UTC")
    try:
        return EPOCH + timedelta(microseconds=us)
    except OverflowError:
        raise Invalid(f"{field} lies beyond the year 9999") from None


def _row(target: str, report: KeptReport, layout: Layout | None) -> pb.ReportRow:
    row = pb.ReportRow(
        target=target,
        agent=report.agent or "",
        at_us=microseconds(report.at),
        state=State(report.state).word,
        error_class=report.error_class,
        rtt_s=-1.0 if math.isnan(report.rtt_s) else report.rtt_s,
    )
    if layout:
        row.values.extend(
            pb.MeasuredValue(name=name, entity=entity, unit=unit, value=value)
            for name, entity, unit, value in zip(
                layout.names, layout.entities, layout.units, report.values, strict=False
            )
        )
    return row
