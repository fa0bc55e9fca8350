"""What of a report leaves the agent: `keep` and `drop`, globs on measurements and entities.

A glob is on the measurement's name, as in `queue_*`, or on name and entity, `*/queue:tmp-*`. Without
`keep` everything is kept; `drop` goes before it. The state always leaves, and so does the number of
what was dropped.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from vedette.health.model import Bulk, Measurement, Naming, Report

DROPPED = "dropped_measurements"
ALWAYS = frozenset({"request_failed"})
"""A failure of the operator's own is never kept back."""
REMEMBERED = 100_000
"""Decisions that are remembered; entities that come and go must not fill the memory."""


class Filter:
    """Decides once for each name and entity."""

    def __init__(self, keep: Sequence[str], drop: Sequence[str]) -> None:
        self._keep = [_split(glob) for glob in keep]
        self._drop = [_split(glob) for glob in drop]
        self._known: dict[tuple[str, str], bool] = {}
        self._bulk: tuple[Naming, Naming, list[int]] | None = None

    def __bool__(self) -> bool:
        """Whether anything could be dropped."""
        return bool(self._keep or self._drop)

    def keeps(self, name: str, entity: str) -> bool:
        """Say whether this measurement leaves the agent."""
        key = (name, entity)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            wanted = not self._keep or _any(self._keep, name, entity)
            wanted = wanted and not _any(self._drop, name, entity)
            known = self._known[key] = wanted or name in ALWAYS
        return known

    def filtered(self, report: Report) -> tuple[Report, int]:
        """Return the report with what is kept, and how much was dropped."""
        if not self:
            return report, 0
        kept = tuple(m for m in report.measurements if self.keeps(m.name, m.entity))
        dropped = len(report.measurements) - len(kept)
        bulk = report.bulk
        if bulk is not None:
            bulk = self._filtered_bulk(bulk)
            dropped += len(report.bulk.values) - len(bulk.values) if report.bulk else 0
        return replace(report, measurements=kept, bulk=bulk), dropped

    def _filtered_bulk(self, bulk: Bulk) -> Bulk:
        if self._bulk is None or self._bulk[0] is not bulk.naming:
            series = bulk.naming.series
            places = [n for n, s in enumerate(series) if self.keeps(s.name, s.entity)]
            self._bulk = bulk.naming, Naming(tuple(series[n] for n in places)), places
        _, naming, places = self._bulk
        values = bulk.values
        return Bulk(naming, array("d", [values[place] for place in places]))


def counted(dropped: int) -> Measurement:
    """Return the measurement that says how much was dropped."""
    return Measurement(DROPPED, float(dropped))


def _split(glob: str) -> tuple[str, str]:
    name, slash, entity = glob.partition("/")
    return name, entity if slash else "*"


def _any(globs: Sequence[tuple[str, str]], name: str, entity: str) -> bool:
    return any(fnmatchcase(name, n) and fnmatchcase(entity, e) for n, e in globs)
