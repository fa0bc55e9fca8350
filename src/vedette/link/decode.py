"""From frames to columns, believing nothing: what arrives is an agent's claim until it is checked.

Only sizes and ranges cost; the columns themselves are views of the bytes that came off the wire.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from vedette.errors import Invalid
from vedette.health.columns import Columns, Note
from vedette.health.layouts import Layout, Measure
from vedette.health.model import State
from vedette.health.record import Lost
from vedette.link import vedette_pb2 as pb

Number = TypeVar("Number", bound=np.number)

ROWS_LIMIT = 65_536
"""Reports a batch may hold."""
MEASURES_LIMIT = 65_536
"""Values a report may hold."""
REF_LIMIT = 16_384
"""Highest number an agent may give a layout or an error class."""
NAME_LIMIT = 200
HELP_LIMIT = 500
ERROR_CLASS_LIMIT = 64
MESSAGE_LIMIT = 1_024
FACTS_LIMIT = 8_192

PAST_US = 400 * 86_400_000_000
"""Older than this no clock of an agent can honestly be."""
AHEAD_US = 1_000_000
"""A report from further ahead than this, after correction, is dated now."""


class BadFrame(Invalid):
    """A frame breaks the protocol; the stream is refused with `reason`, a word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Dictionary:
    """What the numbers of one stream stand for: agent's reference → our id and length."""

    def __init__(self) -> None:
        self._layout_ids: NDArray[np.int32] = np.zeros(1, dtype=np.int32)  # 0 is "no measurements"
        self._lengths: NDArray[np.int32] = np.zeros(1, dtype=np.int32)
        self._error_ids: NDArray[np.int16] = np.zeros(1, dtype=np.int16)  # 0 is "none"

    def define_layouts(
        self, refs: Sequence[int], ids: Sequence[int], lengths: Sequence[int]
    ) -> None:
        """Learn layouts; a reference given again means the newer."""
        self._layout_ids = _grown(self._layout_ids, refs, fill=-1)
        self._lengths = _grown(self._lengths, refs, fill=-1)
        self._layout_ids[list(refs)] = ids
        self._lengths[list(refs)] = lengths

    def define_error_classes(self, refs: Sequence[int], ids: Sequence[int]) -> None:
        """Learn error classes."""
        self._error_ids = _grown(self._error_ids, refs, fill=-1)
        self._error_ids[list(refs)] = ids

    def layouts(self, refs: NDArray[np.uint32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the ids and lengths of the layouts; raise `BadFrame` on one never defined."""
        if not len(refs) or int(refs.max()) >= len(self._layout_ids):
            raise BadFrame("bad_frame", "a report names a layout that was never defined")
        ids = self._layout_ids[refs]
        if ids.min() < 0:
            raise BadFrame("bad_frame", "a report names a layout that was never defined")
        return ids, self._lengths[refs]

    def error_classes(self, refs: NDArray[np.uint16]) -> NDArray[np.int16]:
        """Return the ids of the error classes; raise `BadFrame` on one never defined."""
        if int(refs.max(initial=0)) >= len(self._error_ids):
            raise BadFrame("bad_frame", "a report names an error class that was never defined")
        ids = self._error_ids[refs]
        if ids.min(initial=0) < 0:
            raise BadFrame("bad_frame", "a report names an error class that was never defined")
        return ids


def _grown(column: NDArray[Number], refs: Sequence[int], *, fill: int) -> NDArray[Number]:
    if not refs or max(refs) < len(column):
        return column
    grown = np.full(max(refs) + 1, fill, dtype=column.dtype)
    grown[: len(column)] = column
    return grown


class Begun:
    """The pieces of a layout whose end has not come yet; a stream has at most one."""

    def __init__(self) -> None:
        self.ref = 0
        self.measures: list[Measure] = []

    def goes_on(self, ref: int, measures: Sequence[Measure]) -> tuple[Measure, ...]:
        """Add a piece and return all there is; raise `BadFrame` on a piece of another layout."""
        if self.ref not in (0, ref):
            raise BadFrame("bad_frame", f"layout {self.ref} was begun and not ended")
        if len(self.measures) + len(measures) > MEASURES_LIMIT:
            count = len(self.measures) + len(measures)
            raise BadFrame(
                "bad_frame", f"a layout of {count} measurements; {MEASURES_LIMIT} are the limit"
            )
        self.ref = ref
        self.measures += measures
        return tuple(self.measures)


def read_layouts(define: pb.Define, begun: Begun) -> tuple[list[int], list[Layout]]:
    """Return the layouts that a Define message ends, checked; raise `BadFrame`.

    begun: what the messages before left open; changed.
    """
    refs, layouts = [], []
    for layout in define.layouts:
        ref = _ref(layout.ref)
        measures = tuple(
            Measure(
                _word(m.name, "a measurement's name", NAME_LIMIT),
                _word(m.entity, "an entity", NAME_LIMIT, may_be_empty=True),
                _word(m.unit, "a unit", 32, may_be_empty=True),
                _word(m.help, "a help text", HELP_LIMIT, may_be_empty=True),
            )
            for m in layout.measures
        )
        whole = begun.goes_on(ref, measures)
        if not layout.more:
            begun.ref, begun.measures = 0, []
            refs.append(ref)
            layouts.append(Layout(_word(layout.connector, "a connector's name", 64), whole))
    return refs, layouts


def read_error_classes(define: pb.Define) -> tuple[list[int], list[str]]:
    """Return the error classes a Define message holds, checked; raise `BadFrame`."""
    refs = [_ref(each.ref) for each in define.error_classes]
    return refs, [_word(e.name, "an error class", ERROR_CLASS_LIMIT) for e in define.error_classes]


def _ref(ref: int) -> int:
    if not 0 < ref < REF_LIMIT:
        raise BadFrame("bad_frame", f"a reference is {ref}; 1 to {REF_LIMIT - 1} are allowed")
    return ref


def _word(text: str, what: str, limit: int, *, may_be_empty: bool = False) -> str:
    if not text and not may_be_empty:
        raise BadFrame("bad_frame", f"{what} is empty")
    if len(text) > limit or "\x00" in text:
        raise BadFrame("bad_frame", f"{what} is longer than {limit} characters or holds a NUL")
    return text


def read_batch(batch: pb.Batch, dictionary: Dictionary, *, offset_us: int, now_us: int) -> Columns:
    """Return the batch as checked columns; raise `BadFrame` naming what is wrong.

    offset_us: added to every time, because the agent's clock is wrong by it. A time still ahead of
    `now_us` becomes now.
    """
    rows = batch.rows
    if not 1 <= rows <= ROWS_LIMIT:
        raise BadFrame("bad_frame", f"a batch of {rows} reports; 1 to {ROWS_LIMIT} are allowed")
    target = _column("target", batch.target, np.uint32, rows)
    at = _column("at", batch.at, np.int64, rows)
    state = _column("state", batch.state, np.uint8, rows)
    error = _column("error", batch.error, np.uint16, rows)
    rtt = _column("rtt", batch.rtt, np.uint32, rows)
    layout_ids, lengths = dictionary.layouts(_column("layout", batch.layout, np.uint32, rows))
    values = _column("values", batch.values, np.float64, int(lengths.sum()))
    if int(state.max()) > max(State):
        raise BadFrame("bad_frame", f"state {int(state.max())} does not exist")
    if not np.isfinite(values).all():
        raise BadFrame("bad_frame", "a value is not finite; a measurement not taken is left out")
    return Columns(
        target=target,
        at=_times(at, offset_us=offset_us, now_us=now_us),
        state=state,
        error=dictionary.error_classes(error),
        rtt=rtt,
        layout=layout_ids,
        lengths=lengths,
        values=values,
        notes=[_note(note, rows) for note in batch.notes],
    )


def _column(name: str, content: bytes, form: type[Number], count: int) -> NDArray[Number]:
    size = np.dtype(form).itemsize
    if len(content) != count * size:
        raise BadFrame(
            "bad_frame",
            f"column {name} has {len(content)} bytes; {count} entries need {count * size}",
        )
    # The wire is little-endian, as every machine is that numpy's wheels are made for.
    return np.frombuffer(content, dtype=form)


def _times(at: NDArray[np.int64], *, offset_us: int, now_us: int) -> NDArray[np.int64]:
    if int(at.min()) < now_us - offset_us - PAST_US or int(at.max()) > now_us - offset_us + PAST_US:
        raise BadFrame("bad_frame", "a report is dated more than a year from now")
    corrected = at + offset_us if offset_us else at
    return np.minimum(corrected, now_us) if int(corrected.max()) > now_us + AHEAD_US else corrected


def _note(note: pb.Note, rows: int) -> Note:
    if note.row >= rows:
        raise BadFrame("bad_frame", f"a note is for row {note.row} of {rows}")
    if len(note.message) > MESSAGE_LIMIT or "\x00" in note.message:
        raise BadFrame(
            "bad_frame", f"a message is longer than {MESSAGE_LIMIT} characters or holds a NUL"
        )
    return Note(note.row, note.message, _facts(note.facts_json))


def _facts(text: str) -> str:
    if not text:
        return ""
    if len(text) > FACTS_LIMIT:
        raise BadFrame("bad_frame", f"facts are longer than {FACTS_LIMIT} characters")
    try:
        facts = msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise BadFrame("bad_frame", "facts are not a JSON object of texts") from None
    if any("\x00" in key or "\x00" in word for key, word in facts.items()):
        raise BadFrame("bad_frame", "facts hold a NUL")
    return msgspec.json.encode(facts).decode()


def read_gap(gap: pb.Gap, *, offset_us: int) -> Lost:
    """Return the reports an agent says it had to drop; raise `BadFrame`."""
    try:
        from_at, to_at = (
            datetime.fromtimestamp((us + offset_us) / 1e6, tz=UTC)
            for us in (gap.from_us, gap.to_us)
        )
    except (ValueError, OverflowError, OSError):
        raise BadFrame("bad_frame", "a gap has times that do not exist") from None
    if gap.reports >= 1 << 63:
        raise BadFrame("bad_frame", "a gap counts more reports than there can be")
    return Lost(
        gap.seq, gap.reports, from_at, max(from_at, to_at), _word(gap.reason, "a gap's reason", 64)
    )
