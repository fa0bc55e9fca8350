"""The values that a target compares: columns, paths into JSON, times, texts, numbers."""

from datetime import datetime

from vedette.actions.target import (
    COLUMNS,
    Column,
    Interval,
    Json,
    Kind,
    Literally,
    Operand,
    Shifted,
    Step,
)
from vedette.actions.target_reader import Reader, read_number
from vedette.actions.target_values import read_interval, read_path, read_time

_KINDS: dict[Kind, str] = {
    "text": "text",
    "number": "a whole number",
    "moment": "a time",
    "json": "JSON, which is compared only after ->> or #>>",
}
_JSON_STEPS = ("->", "->>", "#>", "#>>")


def read_operand(reader: Reader) -> Operand:
    """Return the value that comes next, with its steps into JSON or its shifts in time."""
    found = _primary(reader)
    while reader.token.kind == "operator":
        if reader.token.value in _JSON_STEPS:
            found = _deeper(reader, found)
        elif reader.token.value in ("+", "-"):
            found = _shifted(reader, found)
        else:
            break
    return found


def read_pattern(reader: Reader, left: Operand) -> str:
    """Return the pattern that `left` is held against; raises Invalid unless both are text."""
    if left.kind != "text" or isinstance(left, Literally):
        raise reader.wrong(f"patterns are for columns of text; this is {_KINDS[left.kind]}")
    return reader.expect_text("a pattern")


def read_constant(reader: Reader, left: Operand) -> str | int | datetime:
    """Return a value of a list that `left` is looked for in."""
    at = reader.token.at
    found = as_kind(reader, read_operand(reader), left, at)
    as_kind(reader, left, found, at)
    match found:
        case Literally(value):
            return value
        case Shifted(datetime() as start, ()):
            return start
    raise reader.wrong("a list holds values as they are, no columns", at=at)


def as_kind(reader: Reader, value: Operand, other: Operand, at: int) -> Operand:
    """Return `value` as it is compared with `other`: a text may be a number or a time there."""
    if isinstance(value, Literally) and isinstance(other, Literally):
        raise reader.wrong("one of both must be a column", at=at, hint="TRUE is every agent")
    if isinstance(value, Literally) and isinstance(value.value, str):
        with reader.at(at):
            if other.kind == "number":
                return Literally(read_number(value.value))
            if other.kind == "moment":
                return Shifted(read_time(value.value))
    if "json" in (value.kind, other.kind) or value.kind != _as_written(other, value):
        raise reader.wrong(
            f"{_KINDS[value.kind]} cannot be compared with {_KINDS[other.kind]}",
            at=at,
            hint="texts stand in single quotes, and environment->>'os' is text",
        )
    return value


def _as_written(other: Operand, value: Operand) -> Kind:
    """Return the kind that `other` takes beside `value`."""
    if isinstance(other, Literally) and isinstance(other.value, str):
        return value.kind
    return other.kind


def _primary(reader: Reader) -> Operand:
    token = reader.token
    if token.kind == "text":
        reader.step()
        return Literally(token.value)
    if token.kind == "number":
        return Literally(reader.expect_number())
    if token.kind == "operator" and token.value in ("+", "-"):
        reader.step()
        number = reader.expect_number()
        return Literally(-number if token.value == "-" else number)
    if token.kind == "word":
        return _named(reader)
    if reader.take_mark("("):
        with reader.deeper():
            found = read_operand(reader)
        reader.expect_mark(")")
        return found
    raise reader.wrong(f"a column or a value was expected, not {reader.shown()}")


def _named(reader: Reader) -> Operand:
    at, word = reader.token.at, reader.token.value
    reader.step()
    if word == "now":
        reader.expect_mark("(")
        reader.expect_mark(")")
        return Shifted(None)
    if word == "current_timestamp":
        return Shifted(None)
    if word == "timestamptz":
        with reader.at(reader.token.at):
            return Shifted(read_time(reader.expect_text("a time")))
    if word == "agents" and reader.take_mark("."):
        at, word = reader.token.at, reader.token.value
        if reader.token.kind != "word":
            raise reader.wrong(f"a column was expected, not {reader.shown()}")
        reader.step()
    return _column(reader, word, at)


def _column(reader: Reader, word: str, at: int) -> Column:
    if reader.token.kind == "mark" and reader.token.value == "(":
        raise reader.wrong(f"the function {word[:40]} has no place in a target; now() has", at=at)
    if word == "null":
        raise reader.wrong("nothing equals NULL", at=at, hint="write IS NULL or IS NOT NULL")
    if word not in COLUMNS:
        raise reader.wrong(
            f"{word[:40]!a} is no column of agents",
            at=at,
            hint=f"there are {', '.join(COLUMNS)}; texts stand in single quotes",
        )
    return Column(word)


def _deeper(reader: Reader, found: Operand) -> Json:
    operator = reader.token.value
    steps: tuple[Step, ...] = ()
    match found:
        case Json(column, steps, as_text=False):
            pass
        case Column(column) if found.kind == "json":
            pass
        case _:
            raise reader.wrong(
                f"{operator} goes into environment or tags, not into {_KINDS[found.kind]}"
            )
    if len(steps) >= 20:
        raise reader.wrong("more than 20 steps into JSON")
    reader.step()
    return Json(column, (*steps, _step(reader, operator)), as_text=operator.endswith(">>"))


def _step(reader: Reader, operator: str) -> Step:
    at = reader.token.at
    if operator.startswith("#"):
        with reader.at(at):
            return read_path(reader.expect_text("a path"))
    if reader.token.kind == "text":
        return reader.expect_text("a key")
    negative = reader.take("operator", "-")
    number = reader.expect_number()
    if number >= 2**31:
        raise reader.wrong("that is no place in a list", at=at)
    return -number if negative else number


def _shifted(reader: Reader, found: Operand) -> Shifted:
    operator = reader.token.value
    match found:
        case Shifted(start, by):
            pass
        case Column() if found.kind == "moment":
            start, by = found, ()
        case _:
            raise reader.wrong(
                f"{operator} moves a time by an interval; this is {_KINDS[found.kind]}",
                hint="write now() - interval '5 minutes'",
            )
    if len(by) >= 20:
        raise reader.wrong("a time is moved more than 20 times")
    reader.step()
    interval = _interval(reader)
    return Shifted(start, (*by, interval.negated() if operator == "-" else interval))


def _interval(reader: Reader) -> Interval:
    worded = reader.take_word("interval")
    at = reader.token.at
    if reader.token.kind != "text":
        raise reader.wrong(
            f"an interval was expected, not {reader.shown()}",
            hint="write heartbeattime > now() - interval '5 minutes'",
        )
    written = reader.expect_text("an interval")
    if not worded:
        reader.expect_operator("::")
        reader.expect_words("interval")
    with reader.at(at):
        return read_interval(written)
