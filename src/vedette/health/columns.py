"""Reports as columns, the unit of the hot path: numpy on the server, bytes for PostgreSQL.

A report becomes a Python object only where its state contradicts what is held. Everything here works
on whole batches; row i of every column is one report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC in µs since 1970: PostgreSQL's timestamps count from there."""

NO_ANSWER = 0xFFFF_FFFF
"""The `rtt` column's "none came"."""

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"

FLOAT8_OID = 701


@dataclass(frozen=True, slots=True)
class Note:
    """What one row says in words: why it is not up, and the target's texts when they changed."""

    row: int
    message: str
    facts_json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Checked reports of one agent, in the order it made them.

    target: u32 ids. at: i64 µs since 1970 UTC, corrected. state: u8 `State`. error: i16 ids of
    `health.error_class`, 0 none. rtt: u32 µs or `NO_ANSWER`. layout: i32 ids of `health.layout`, 0
    none. lengths: i32, how many values each row has. values: f64, row after row.
    """

    target: NDArray[np.uint32]
    at: NDArray[np.int64]
    state: NDArray[np.uint8]
    error: NDArray[np.int16]
    rtt: NDArray[np.uint32]
    layout: NDArray[np.int32]
    lengths: NDArray[np.int32]
    values: NDArray[np.float64]
    notes: Sequence[Note] = field(default=())

    def __len__(self) -> int:
        return len(self.target)


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the parts as one; notes are renumbered."""
    if len(parts) == 1:
        return parts[0]
    notes: list[Note] = []
    offset = 0
    for part in parts:
        notes += [Note(note.row + offset, note.message, note.facts_json) for note in part.notes]
        offset += len(part)
    return Columns(
        target=np.concatenate([part.target for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        state=np.concatenate([part.state for part in parts]),
        error=np.concatenate([part.error for part in parts]),
        rtt=np.concatenate([part.rtt for part in parts]),
        layout=np.concatenate([part.layout for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        notes=notes,
    )


def copy_rows(columns: Columns, agent: NDArray[np.int32]) -> bytes:
    """Return the rows of `health.report` as a binary COPY stream.

    agent: the agent's id of each row. The fields are at, target_id, agent_id, layout_id, rtt_s, state,
    error_class_id, values. Format: PostgreSQL documentation, COPY, "Binary Format".
    """
    parts = [COPY_HEADER]
    starts = np.concatenate(([0], np.cumsum(columns.lengths)[:-1])) if len(columns) else None
    for length in np.unique(columns.lengths):
        rows = np.flatnonzero(columns.lengths == length)
        if len(rows) == len(columns):
            wide = columns.values.reshape(len(rows), length)
            parts.append(_rows_of_one_length(columns, slice(None), agent, wide))
        else:
            assert starts is not None
            wide = columns.values[starts[rows][:, None] + np.arange(length)]
            parts.append(_rows_of_one_length(columns, rows, agent, wide))
    parts.append(COPY_TRAILER)
    return b"".join(parts)


def _rows_of_one_length(
    columns: Columns,
    rows: NDArray[np.intp] | slice,
    agent: NDArray[np.int32],
    wide: NDArray[np.float64],
) -> bytes:
    length = wide.shape[1]
    out = np.empty(len(wide), dtype=_row_type(length))
    out[:] = _template(length)
    out["at"] = columns.at[rows] - POSTGRES_EPOCH_US
    out["target"] = columns.target[rows]
    out["agent"] = agent[rows]
    out["layout"] = columns.layout[rows]
    out["rtt"] = seconds(columns.rtt[rows])
    out["state"] = columns.state[rows]
    out["error"] = columns.error[rows]
    if length:
        out["cells"]["value"] = wide
    return out.tobytes()


def seconds(rtt: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return round-trip times in seconds, NaN where no answer came."""
    return np.where(rtt == NO_ANSWER, np.nan, rtt * 1e-6).astype(np.float32)


def _row_type(length: int) -> np.dtype[np.void]:
    # Each field is its length in bytes, then its value, all big-endian.
    fields: list[tuple[object, ...]] = [("fields", ">i2")]
    for name, form in (
        ("at", ">i8"),
        ("target", ">i4"),
        ("agent", ">i4"),
        ("layout", ">i4"),
        ("rtt", ">f4"),
        ("state", ">i2"),
        ("error", ">i2"),
    ):
        fields += [(f"{name}_bytes", ">i4"), (name, form)]
    fields += [
        ("array_bytes", ">i4"),
        ("dimensions", ">i4"),
        ("has_nulls", ">i4"),
        ("element", ">i4"),
    ]
    if length:
        fields += [
            ("size", ">i4"),
            ("lower", ">i4"),
            ("cells", [("bytes", ">i4"), ("value", ">f8")], (length,)),
        ]
    return np.dtype(fields)


def _template(length: int) -> NDArray[np.void]:
    row = np.zeros((), dtype=_row_type(length))
    row["fields"] = 8
    row["at_bytes"] = 8
    for name in ("target", "agent", "layout", "rtt"):
        row[f"{name}_bytes"] = 4
    for name in ("state", "error"):
        row[f"{name}_bytes"] = 2
    row["array_bytes"] = 20 + 12 * length if length else 12
    row["dimensions"] = 1 if length else 0
    row["element"] = FLOAT8_OID
    if length:
        row["size"] = length
        row["lower"] = 1
        row["cells"]["bytes"] = 8
    return row


def last_of_each(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the row numbers of each key's last row, ascending."""
    _, first_from_the_end = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - first_from_the_end)


def picked(columns: Columns, rows: NDArray[np.intp]) -> Columns:
    """Return those rows alone, without notes."""
    starts = np.concatenate(([0], np.cumsum(columns.lengths)))
    lengths = columns.lengths[rows]
    # Row r's values stand at starts[r] .. starts[r] + lengths[r].
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    values = columns.values[np.repeat(starts[rows], lengths) + within]
    return Columns(
        target=columns.target[rows],
        at=columns.at[rows],
        state=columns.state[rows],
        error=columns.error[rows],
        rtt=columns.rtt[rows],
        layout=columns.layout[rows],
        lengths=lengths,
        values=values,
    )
