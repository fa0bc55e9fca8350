"""A whole body, read against the one before: only lines that changed cost anything.

Two levels. A line equal to the one in its place last time has said nothing new. One that differs is
looked up by its series' text, and only its number is read. What is left, a series never seen, is read
by the grammar, once.
"""

import re
from array import array
from dataclasses import dataclass
from itertools import compress, count
from operator import ne, not_

from vedette.agent.exposition.grammar import (
    NUMBER,
    Dialect,
    Labels,
    Malformed,
    read_comment,
    read_sample,
)
from vedette.health.label_text import label_text
from vedette.health.model import Series

_NUMBER = re.compile(NUMBER)
_TAILS = {
    Dialect.TEXT: re.compile(rf"[ \t]+({NUMBER})(?:[ \t]+(-?[0-9]+))?[ \t]*"),
    Dialect.OPENMETRICS: re.compile(rf" ({NUMBER})(?: ({NUMBER}))?"),
}
_STAMP_S = {Dialect.TEXT: 0.001, Dialect.OPENMETRICS: 1.0}
_SUFFIX = re.compile(r"(.+?)(?:_total|_sum|_count|_bucket|_created|_info|_gsum|_gcount)")
_UNITS = ("seconds", "bytes", "ratio", "celsius", "volts", "amperes", "joules", "grams", "meters")
_SPARE = 1_024


class TooMuch(ValueError):  # noqa: N818 - what the body is
    """A body is past one of the limits; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a body may hold; 0 means no limit."""

    samples: int = 0
    labels: int = 0
    label_name_chars: int = 0
    label_value_chars: int = 0


class Page:
    """The last body of one exporter; `values[i]` is the newest value of `series[i]`.

    out: places whose value does not count: not in the last body, or not finite.
    samples, added, duplicates: sample lines of the last body, series never seen before it, and lines
    that repeat a series (the first counts). generation: grows when the places begin anew. stamps: when the exporter itself dates the value, in seconds.
    """

    series: list[Series]
    values: "array[float]"
    stamps: dict[int, float]
    out: set[int]

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.generation = 0
        self.samples = self.added = self.duplicates = 0
        self._dialect: Dialect | None = None
        self._lines: list[str] = []
        self._heads: list[str] = []
        self._places: list[int] = []
        self._begin()

    def read(self, text: str, dialect: Dialect) -> None:
        """Take in a body; raise `Malformed` or `TooMuch`, and then the values mean nothing."""
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        before, self._lines = self._lines, []
        if not (self._dialect is dialect and self._refreshed(lines, before)):
            if len(self.series) + len(self._texts) > 4 * (self.samples + _SPARE):
                self._begin()
            self._dialect = dialect
            self._read_anew(lines)
        self._lines = lines
        self.out = self._gone | self._not_finite

    @property
    def not_finite(self) -> int:
        """How many samples of the last body were NaN or infinite."""
        return len(self._not_finite - self._gone)

    def _begin(self) -> None:
        self.generation += 1
        self.series, self.values = [], array("d")
        self.stamps, self.out = {}, set()
        self._texts: dict[str, int] = {}
        self._known: dict[tuple[str, Labels], int] = {}
        self._families: dict[str, dict[str, str]] = {}
        self._noted: set[str] = set()
        self._gone: set[int] = set()
        self._not_finite: set[int] = set()

    def _refreshed(self, lines: list[str], before: list[str]) -> bool:
        """Take in the values that changed; False when more than values did."""
        if len(lines) != len(before):
            return False
        assert self._dialect is not None
        tail, heads, places = _TAILS[self._dialect].fullmatch, self._heads, self._places
        for at in compress(count(), map(ne, lines, before)):
            head, line = heads[at], lines[at]
            if not head or not line.startswith(head):
                return False
            found = tail(line, len(head))
            if found is None:
                return False
            self._keep(places[at], float(found[1]))
            if found[2]:
                self.stamps[places[at]] = float(found[2]) * _STAMP_S[self._dialect]
            elif self.stamps:
                self.stamps.pop(places[at], None)
        self.added = 0
        return True

    def _read_anew(self, lines: list[str]) -> None:
        dialect = self._dialect
        assert dialect is not None
        if dialect is Dialect.OPENMETRICS:
            _check_frame(lines)
        known_before = len(self.series)
        seen = bytearray(known_before)
        self._heads, self._places = [""] * len(lines), [-1] * len(lines)
        self.samples = self.duplicates = 0
        self.stamps.clear()
        for at, line in enumerate(lines):
            head, _, number = line.rpartition(" ")
            place = self._texts.get(head, -1)
            stamp = None
            if place >= 0 and _NUMBER.fullmatch(number):
                value = float(number)
            elif line in self._noted:
                continue
            elif line.lstrip(" \t")[:1] in ("", "#"):
                self._note(line, at, dialect)
                continue
            else:
                head, place, value, stamp = self._read_line(line, at, dialect)
            self.samples += 1
            if place >= len(seen):
                seen.extend(bytes(place + 1 - len(seen)))
            if seen[place]:
                self.duplicates += 1
                continue
            seen[place] = 1
            self._heads[at], self._places[at] = head, place
            self._keep(place, value)
            if stamp is not None:
                self.stamps[place] = stamp
        if self._bounds.samples and self.samples > self._bounds.samples:
            raise TooMuch(f"{self.samples} samples, sample_limit is {self._bounds.samples}")
        self.added = len(self.series) - known_before
        self._gone = set(compress(count(), map(not_, seen)))

    def _keep(self, place: int, value: float) -> None:
        self.values[place] = value
        if value - value == 0.0:
            self._not_finite.discard(place)
        else:
            self._not_finite.add(place)

    def _read_line(
        self, line: str, at: int, dialect: Dialect
    ) -> tuple[str, int, float, float | None]:
        try:
            sample = read_sample(line, dialect)
        except Malformed as why:
            raise Malformed(f"line {at + 1}: {why}") from None
        place = self._texts.get(sample.text, -1)
        if place < 0:
            place = self._place_of(sample.name, sample.labels)
            self._texts[sample.text] = place
        return sample.text, place, sample.value, sample.stamp

    def _place_of(self, name: str, labels: Labels) -> int:
        place = self._known.get((name, labels))
        if place is None:
            limit = self._bounds.samples
            if limit and len(self.series) > 4 * (limit + _SPARE):
                raise TooMuch(f"more than {limit} samples, sample_limit is {limit}")
            self._check_labels(name, labels)
            place = self._known[(name, labels)] = len(self.series)
            unit, help_ = self._said_of(name)
            self.series.append(Series(name, label_text(labels), unit, help_))
            self.values.append(0.0)
        return place

    def _check_labels(self, name: str, labels: Labels) -> None:
        bounds = self._bounds
        if bounds.labels and len(labels) > bounds.labels:
            raise TooMuch(f"{name[:80]} has {len(labels)} labels, label_limit is {bounds.labels}")
        for key, value in labels:
            if bounds.label_name_chars and len(key) > bounds.label_name_chars:
                limit = f"label_name_length_limit is {bounds.label_name_chars}"
                raise TooMuch(f"{name[:80]} has a label name of {len(key)} characters, {limit}")
            if bounds.label_value_chars and len(value) > bounds.label_value_chars:
                limit = f"label_value_length_limit is {bounds.label_value_chars}"
                raise TooMuch(f"{name[:80]} has a label value of {len(value)} characters, {limit}")

    def _note(self, line: str, at: int, dialect: Dialect) -> None:
        if dialect is Dialect.OPENMETRICS and line == "# EOF":
            return
        try:
            comment = read_comment(line, dialect)
        except Malformed as why:
            raise Malformed(f"line {at + 1}: {why}") from None
        if comment is not None and comment.word in ("HELP", "UNIT"):
            self._families.setdefault(comment.family, {})[comment.word] = comment.said
        if len(self._noted) < len(self._texts) + _SPARE:
            self._noted.add(line)

    def _said_of(self, name: str) -> tuple[str, str]:
        """Return unit and help of a metric, its family's if need be."""
        bare = _SUFFIX.fullmatch(name)
        family = bare[1] if bare else name
        said = self._families.get(name) or self._families.get(family) or {}
        if name.endswith(("_count", "_bucket", "_gcount")):
            return "count", said.get("HELP", "")
        unit = said.get("UNIT") or next((u for u in _UNITS if family.endswith(f"_{u}")), "")
        return unit, said.get("HELP", "")


def _check_frame(lines: list[str]) -> None:
    if not lines or lines[-1] != "# EOF":
        raise Malformed("the body does not end with # EOF")
    if lines.count("# EOF") > 1:
        raise Malformed("something follows # EOF")
