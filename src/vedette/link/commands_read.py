"""Reading answers of agents: nothing is believed that was not declared when it was asked."""

from dataclasses import dataclass

import msgspec

from vedette.actions.model import (
    MESSAGE_CHARACTERS,
    PART_BYTES,
    ROWS,
    SIZE_BYTES,
    Cell,
    Due,
    Ending,
    Outcome,
    Part,
)
from vedette.actions.rules import misfit
from vedette.link import vedette_pb2 as pb
from vedette.trust.names import plain_text

HOUR_MS = 3_600_000
WORD_CHARACTERS = 64

_ROWS = msgspec.json.Decoder(list[list[Cell]])
_REFUSALS = {"refused_by_host", "busy"}


@dataclass(slots=True)
class Carried:
    """A command that a stream carried down, and how much of its answer has come up."""

    due: Due
    parts: int = 0
    rows: int = 0
    size_bytes: int = 0


class Unfit(Exception):  # noqa: N818 - of what came
    """An answer that cannot be one to what was asked."""


def read_answer(answer: pb.Answer, carried: Carried) -> tuple[Part | None, Ending | None]:
    """Return the part and the ending it brings, and count it in `carried`; raise `Unfit`."""
    carried.parts += 1
    part = _part(answer, carried)
    return part, _ending(answer) if answer.last else None


def _part(answer: pb.Answer, carried: Carried) -> Part | None:
    content = answer.rows_json
    if len(content) > PART_BYTES:
        raise Unfit(f"a part of {len(content)} bytes; {PART_BYTES} may be")
    try:
        rows = _ROWS.decode(content or b"[]")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unfit(f"its rows are not rows: {str(error)[:200]}") from None
    if not rows:
        if not answer.last:
            raise Unfit("a part without rows, and not the last")
        return None
    if wrong := misfit(carried.due.columns, rows):
        raise Unfit(wrong)
    carried.rows += len(rows)
    carried.size_bytes += len(content)
    if carried.rows > ROWS:
        raise Unfit(f"more than {ROWS} rows")
    # The brackets of the parts are not counted by the agent; there are fewer than rows.
    if carried.size_bytes > SIZE_BYTES + 2 * carried.rows:
        raise Unfit(f"more than {SIZE_BYTES} bytes")
    return Part(number=answer.number, rows=msgspec.json.encode(rows).decode(), row_count=len(rows))


def _ending(answer: pb.Answer) -> Ending:
    error_class = plain_text(answer.error_class, limit=WORD_CHARACTERS)
    if not error_class:
        outcome = Outcome.ANSWERED
    else:
        outcome = Outcome.REFUSED if error_class in _REFUSALS else Outcome.FAILED
    return Ending(
        outcome=outcome,
        error_class=error_class,
        message=plain_text(answer.message, limit=MESSAGE_CHARACTERS),
        truncated=answer.truncated if answer.truncated in ("rows", "bytes") else "",
        took_ms=min(answer.took_ms, HOUR_MS),
    )
