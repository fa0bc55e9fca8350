"""What the operator wants of a target beyond its connector: requests, thresholds, and what to keep."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from vedette.agent.connector import Description, Look
from vedette.agent.keep import DROPPED, Filter, counted
from vedette.agent.packs import Judge, threshold_of
from vedette.agent.requests import Request, requests_of
from vedette.agent.requests_round import FAILED, Round
from vedette.errors import Invalid
from vedette.health.model import Bulk, Measurement, Naming, Report, Series, State

LONGER_NAMINGS = 16

OWN_UNITS = {DROPPED: ("count", "Measurements that `keep` and `drop` kept back on the agent.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """As the settings file says it, unchecked."""

    requests: Sequence[Any] = ()
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)


def checked(wanted: Wanted, description: Description) -> tuple[Request, ...]:
    """Return the requests, checked with all the rest; raise `Invalid` naming what is wrong."""
    requests = requests_of(description, wanted.requests)
    known = {measure.name for measure in description.measures} | {FAILED}
    known |= {request.measure(column) for request in requests for column in request.measurements}
    for name, said in wanted.thresholds.items():
        threshold_of(name, said)
        # What an exporter or a stranger's connector measures is not known beforehand.
        if name not in known and description.name != "prometheus":
            raise Invalid(
                f"{description.name} does not measure {name!r}",
                hint=f"thresholds may name: {', '.join(sorted(known))}",
            )
    return requests


class Extras:
    """The requests, thresholds and filters of one target at work."""

    def __init__(
        self,
        wanted: Wanted,
        description: Description,
        settings: Mapping[str, Any],
        monotonic: Callable[[], float],
    ) -> None:
        requests = checked(wanted, description)
        self._judge = Judge(description.pack, wanted.thresholds)
        self._filter = Filter(wanted.keep, wanted.drop)
        self._round = (
            Round(requests, connector=description.name, settings=settings, monotonic=monotonic)
            if requests
            else None
        )
        self._monotonic = monotonic
        self._longer: dict[tuple[Series, ...], tuple[Naming, Naming]] = {}
        self.units: dict[str, tuple[str, str]] = dict(OWN_UNITS) if self._filter else {}
        if self._round is not None:
            self.units |= self._round.units

    async def complete(
        self, report: Report, look: Look, *, left_s: float, unjudged: Set[str]
    ) -> Report:
        """Return the report with what was requested, judged, and without what is not wanted.

        unjudged: measures the connector's pack leaves alone in this look.
        """
        if self._round is not None and report.state not in (State.DOWN, State.UNKNOWN):
            await self._round.ask(look, within_s=max(left_s, 0.0))
            report = self._joined(report, self._round.measurements())
            report = replace(report, facts={**report.facts, **self._round.facts()})
        report = self._judge.judged(report, unjudged)
        if self._filter:
            report, dropped = self._filter.filtered(report)
            report = self._joined(report, [counted(dropped)])
        return report

    async def aclose(self) -> None:
        """End what is under way."""
        if self._round is not None:
            await self._round.aclose()

    def _joined(self, report: Report, more: list[Measurement]) -> Report:
        if report.bulk is None or not more:
            return replace(report, measurements=(*report.measurements, *more))
        naming = report.bulk.naming
        series = tuple(Series(m.name, m.entity, *self.units.get(m.name, ("", ""))) for m in more)
        # The same naming for the same names: it is known by identity all the way to the wire.
        known = self._longer.get(series)
        if known is None or known[0] is not naming:
            if len(self._longer) > LONGER_NAMINGS:
                self._longer.clear()
            known = self._longer[series] = naming, Naming((*naming.series, *series))
        values = report.bulk.values[:]
        values.extend(m.value for m in more)
        return replace(report, bulk=Bulk(known[1], values))
