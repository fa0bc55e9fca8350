"""Questions about objectives: those that documents define, and those that values alone state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from vedette.db.queries import Connection, load
from vedette.records.cursors import Number, Text
from vedette.records.model import Objective
from vedette.records.slo_rules import STANDS, Measured

Q = load(__file__, "objectives_reads.sql")


class Place(NamedTuple):
    """Where a page ends."""

    service: Text
    name: Text
    slo_id: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any."""

    service: str | None = None
    team: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An objective and where its values come from.

    source: "" where no document defines it: its values state a target, and the month counts. slo_id: of the values,
    0 where there are none; cluster, namespace: theirs. component_id, component: whose availability it is of ours.
    latest: the last value, per cent.
    """

    service: str
    name: str
    document: str
    source: str
    target: float
    window_s: int
    calendar: str
    calendar_count: int
    starts_at: str
    zone: str
    budgeting: str
    sli: str
    description: str
    labels: dict[str, str]
    component_id: int | None
    component: str
    slo_id: int
    cluster: str
    namespace: str
    latest: float | None
    latest_at: datetime | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.service, self.name, self.slo_id)

    @property
    def objective(self) -> Objective:
        """The noun."""
        return Objective(
            name=self.name,
            service=self.service,
            document=self.document,
            source=self.source,
            target=self.target,
            window_s=self.window_s,
            calendar=self.calendar,
            zone=self.zone,
            budgeting=self.budgeting,
            sli=self.sli,
            calendar_count=self.calendar_count,
            starts_at=self.starts_at,
        )


async def objectives(
    conn: Connection, wanted: Wanted, *, limit: int, after: Place | None = None
) -> Sequence[Kept]:
    """Return a page by service and name; after: the place of the last one seen."""
    service, name, slo = after or (None, None, None)
    return await Q.all(
        conn,
        "page",
        row=Kept,
        **asdict(wanted),
        after_service=service,
        after_name=name,
        after_slo=slo,
        limit=limit,
    )


async def values_between(
    conn: Connection, bounds: Mapping[int, Iterable[datetime]], *, now: datetime
) -> dict[int, list[Measured]]:
    """Return what these SLOs were from each of their bounds to the next, the last until now: of all values one.

    A value is believed for as long as it `STANDS`; what is returned stands until the next.
    """
    pieces = [
        (slo, since, until)
        for slo, each in bounds.items()
        for since, until in pairwise([*sorted(each), now])
    ]
    found: dict[int, list[Measured]] = {slo: [] for slo in bounds}
    if pieces:
        slos, since, until = map(list, zip(*pieces, strict=True))
        for slo, at, known_us, value in await Q.all(
            conn, "values", slos=slos, since=since, until=until, stands=STANDS
        ):
            known = timedelta(microseconds=known_us)
            found[slo] += [Measured(at, value), Measured(at + known, None)]
    return found
