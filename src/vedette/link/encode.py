"""Reports into columns, and frames for the stream, at the cost of a few array appends a report.

No numpy: an agent has none. A batch is encoded without its number; the number is put before it when
it is sent, which protobuf allows because the fields of a message may come in any order.
"""

import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

import msgspec

from vedette.health.model import Naming, Report, Series
from vedette.link import vedette_pb2 as pb
from vedette.link.dictionary import Dictionary, Layout, Measured

BATCH = 1
"""Kind of a spooled record that holds a batch."""

ROWS = 4_000
BYTES = 256 * 1024
"""A batch of either size is full; the protocol's own limits are far above."""

NO_ANSWER = 0xFFFF_FFFF
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAME, _UNIT, _HELP, _WORD = 200, 32, 500, 64
"""Characters the protocol allows for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A report with what the wire wants to know about it.

    target_id: the server's number of the target.
    at: when the look began, aware, by this host's clock.
    units: name of each declared measurement → its unit and help.
    """

    target_id: int
    connector: str
    at: datetime
    report: Report
    units: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A batch without its number: what the spool keeps."""

    payload: bytes
    reports: int
    from_us: int
    to_us: int


class Encoder:
    """Collects reports and hands them over as one batch.

    Texts of a target (`facts`) are sent when they change; call `repeat_facts` after a loss.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._refs: dict[object, int] = {}
        self._namings: WeakKeyDictionary[Naming, dict[object, int]] = WeakKeyDictionary()
        self._facts: dict[int, dict[str, str]] = {}
        self._begin()

    def __len__(self) -> int:
        return len(self._at)

    @property
    def is_full(self) -> bool:
        """Say whether the batch should be taken now."""
        return len(self._at) >= ROWS or self._text_bytes + 8 * len(self._values) >= BYTES

    def add(self, looked: Looked) -> None:
        """Append one report; its measurements must be finite."""
        report = looked.report
        layout = self._layout_of(looked)
        self._note(len(self), looked.target_id, report)
        self._target.append(looked.target_id)
        self._at.append(microseconds(looked.at))
        self._state.append(report.state)
        self._error.append(self._dictionary.error_ref(report.error_class[:_WORD]))
        self._rtt.append(_rtt_us(report.rtt))
        self._layout.append(layout)
        if layout:
            self._values.extend([m.value for m in report.measurements])
            if report.bulk is not None:
                self._values.extend(report.bulk.values)

    def take(self) -> Encoded | None:
        """Return what was collected and begin anew; None when there is nothing."""
        if not self._at:
            return None
        batch = pb.Batch(
            rows=len(self._at),
            target=_bytes(self._target),
            at=_bytes(self._at),
            state=_bytes(self._state),
            error=_bytes(self._error),
            rtt=_bytes(self._rtt),
            layout=_bytes(self._layout),
            values=_bytes(self._values),
            notes=self._notes,
        )
        encoded = Encoded(
            payload=batch.SerializeToString(),
            reports=len(self._at),
            from_us=min(self._at),
            to_us=max(self._at),
        )
        self._begin()
        return encoded

    def repeat_facts(self) -> None:
        """Send every target's texts again with its next report."""
        self._facts.clear()

    def forget(self) -> None:
        """Begin anew with numbers, in step with the dictionary; only between two batches."""
        assert not self._at, "a batch under way uses the old numbers"
        self._refs.clear()
        self._namings.clear()
        self._dictionary.forget()

    def _begin(self) -> None:
        self._target = array("I")
        self._at = array("q")
        self._state = array("B")
        self._error = array("H")
        self._rtt = array("I")
        self._layout = array("I")
        self._values = array("d")
        self._notes: list[pb.Note] = []
        self._text_bytes = 0

    def _layout_of(self, looked: Looked) -> int:
        report = looked.report
        if not report.measurements and report.bulk is None:
            return 0
        key = (looked.connector, *[(m.name, m.entity) for m in report.measurements])
        bulk = () if report.bulk is None else report.bulk.naming.series
        # A naming is known by identity: its thousands of names are looked at once.
        refs = self._refs if report.bulk is None else self._refs_beside(report.bulk.naming)
        ref = refs.get(key)
        if ref is None:
            units = looked.units
            series = [
                Series(m.name, m.entity, *units.get(m.name, ("", ""))) for m in report.measurements
            ]
            ref = self._dictionary.layout_ref(_layout(looked.connector, (*series, *bulk)))
            if ref:
                refs[key] = ref
        return ref

    def _refs_beside(self, naming: Naming) -> dict[object, int]:
        refs = self._namings.get(naming)
        if refs is None:
            refs = self._namings[naming] = {}
        return refs

    def _note(self, row: int, target_id: int, report: Report) -> None:
        facts = ""
        if report.facts and self._facts.get(target_id) != report.facts:
            self._facts[target_id] = report.facts
            facts = msgspec.json.encode(report.facts).decode()
        if report.message or facts:
            self._notes.append(pb.Note(row=row, message=report.message, facts_json=facts))
            self._text_bytes += len(report.message) + len(facts)


def batch_frame(seq: int, prev: int, payload: bytes) -> bytes:
    """Return the serialised `FromAgent` of a spooled batch."""
    numbered = pb.Batch(seq=seq, prev=prev).SerializeToString() + payload
    return b"\x1a" + _varint(len(numbered)) + numbered


def refs_in(payload: bytes) -> tuple[set[int], set[int]]:
    """Return the numbers of the layouts and error classes a spooled batch uses."""
    batch = pb.Batch.FromString(payload)
    layouts, errors = array("I", batch.layout), array("H", batch.error)
    _swap(layouts)
    _swap(errors)
    return set(layouts) - {0}, set(errors) - {0}


def microseconds(at: datetime) -> int:
    """Return the instant in µs since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def _rtt_us(rtt: timedelta | None) -> int:
    return NO_ANSWER if rtt is None else min(max(rtt // _MICROSECOND, 0), NO_ANSWER - 1)


def _layout(connector: str, series: Iterable[Series]) -> Layout:
    measured = (
        Measured(
            _cut(s.name, _NAME), _cut(s.entity, _NAME), _cut(s.unit, _UNIT), _cut(s.help, _HELP)
        )
        for s in series
    )
    return Layout(_cut(connector, _WORD), tuple(measured))


def _cut(text: str, limit: int) -> str:
    return text.replace("\x00", "")[:limit]


def _bytes(column: "array[int] | array[float]") -> bytes:
    _swap(column)
    return column.tobytes()


def _swap(column: "array[int] | array[float]") -> None:
    if sys.byteorder == "big":
        column.byteswap()


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
