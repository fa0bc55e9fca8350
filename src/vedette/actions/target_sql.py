"""MIG's targets: a condition over `agents` in SQL, read with PostgreSQL's own precedence.

Only what a target may say is read; everything else, functions, sub-queries, casts, is refused with
its place. What stands here is held against PostgreSQL itself: the same text means the same there.
"""

from collections.abc import Callable

from vedette.actions.target import (
    All,
    Always,
    Among,
    Any,
    Compare,
    IsNull,
    Like,
    Not,
    Operand,
    Order,
    Regex,
    Selector,
)
from vedette.actions.target_earlier import read_earlier
from vedette.actions.target_operands import as_kind, read_constant, read_operand, read_pattern
from vedette.actions.target_patterns import check_like, check_regex
from vedette.actions.target_reader import Reader
from vedette.actions.target_tokens import cut

_ORDERS: dict[str, Order] = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MATCHES: dict[str, tuple[type[Like] | type[Regex], bool, bool]] = {
    "~": (Regex, False, False),
    "~*": (Regex, True, False),
    "!~": (Regex, False, True),
    "!~*": (Regex, True, True),
    "~~": (Like, False, False),
    "~~*": (Like, True, False),
    "!~~": (Like, False, True),
    "!~~*": (Like, True, True),
}
"""Operator → which match, whether case counts for nothing, whether it is turned round."""


def read_sql(text: str) -> Selector:
    """Return the selector of an SQL condition; raises Invalid, which names line and column."""
    reader = Reader(text, cut(text))
    if reader.is_at_end():
        raise reader.wrong("a target is empty", hint="status='online' is every agent that is there")
    found = _any(reader)
    if not reader.is_at_end():
        raise reader.wrong(
            f"{reader.shown()} was not expected here", hint="join conditions by AND or OR"
        )
    return found


def _any(reader: Reader) -> Selector:
    return _joined(reader, "or", _all, Any)


def _all(reader: Reader) -> Selector:
    return _joined(reader, "and", _not, All)


def _joined(
    reader: Reader,
    word: str,
    read: Callable[[Reader], Selector],
    join: Callable[[tuple[Selector, ...]], Selector],
) -> Selector:
    parts = [read(reader)]
    while reader.take_word(word):
        parts.append(read(reader))
    return parts[0] if len(parts) == 1 else join(tuple(parts))


def _not(reader: Reader) -> Selector:
    if not reader.take_word("not"):
        return _condition(reader)
    with reader.deeper():
        return Not(_not(reader))


def _condition(reader: Reader) -> Selector:
    reader.count_condition()
    for word, value in (("true", True), ("false", False)):
        if reader.take_word(word):
            return Always(value)
    if reader.opens_condition():
        reader.take_mark("(")
        with reader.deeper():
            found = _any(reader)
        reader.expect_mark(")")
        return found
    return _after_operand(reader, read_operand(reader))


def _after_operand(reader: Reader, left: Operand) -> Selector:
    token = reader.token
    if token.kind == "operator" and token.value in _ORDERS:
        reader.step()
        return _compare(reader, left, _ORDERS[token.value])
    if token.kind == "operator" and token.value in _MATCHES:
        reader.step()
        return _match(reader, left, *_MATCHES[token.value])
    if reader.take_word("is"):
        negated = reader.take_word("not")
        reader.expect_words("null", hint="only IS NULL and IS NOT NULL are understood")
        return Not(IsNull(left)) if negated else IsNull(left)
    negated = reader.take_word("not")
    found = _worded(reader, left)
    return Not(found) if negated else found


def _worded(reader: Reader, left: Operand) -> Selector:
    if reader.take_word("like"):
        return _like(reader, left, ignore_case=False)
    if reader.take_word("ilike"):
        return _like(reader, left, ignore_case=True)
    if reader.take_word("between"):
        return _between(reader, left)
    if reader.take_word("in"):
        return _among(reader, left)
    raise reader.wrong(
        f"{reader.shown()} was not expected here",
        hint="a condition is a column, an operator (=, <, LIKE, ~, IN, IS NULL …) and a value",
    )


def _compare(reader: Reader, left: Operand, order: Order) -> Selector:
    at = reader.token.at
    right = read_operand(reader)
    left, right = as_kind(reader, left, right, at), as_kind(reader, right, left, at)
    return Compare(left, order, right)


def _match(
    reader: Reader,
    left: Operand,
    match: type[Like] | type[Regex],
    ignore_case: bool,
    negated: bool,
) -> Selector:
    found = (_like if match is Like else _regex)(reader, left, ignore_case=ignore_case)
    return Not(found) if negated else found


def _like(reader: Reader, left: Operand, *, ignore_case: bool) -> Selector:
    at = reader.token.at
    pattern = read_pattern(reader, left)
    escape = "\\"
    if reader.take_word("escape"):
        at_escape = reader.token.at
        escape = reader.expect_text("the escape character")
        if len(escape) > 1:
            raise reader.wrong("an escape is one character, or none", at=at_escape)
    with reader.at(at):
        check_like(pattern, escape)
    return Like(left, pattern, ignore_case, escape)


def _regex(reader: Reader, left: Operand, *, ignore_case: bool) -> Selector:
    at = reader.token.at
    pattern = read_pattern(reader, left)
    with reader.at(at):
        check_regex(pattern)
    return Regex(left, pattern, ignore_case)


def _between(reader: Reader, left: Operand) -> Selector:
    low = _compare(reader, left, ">=")
    reader.expect_words("and", hint="BETWEEN takes two values: BETWEEN a AND b")
    return All((low, _compare(reader, left, "<=")))


def _among(reader: Reader, left: Operand) -> Selector:
    reader.expect_mark("(")
    if reader.token.kind == "word" and reader.token.value == "select":
        return read_earlier(reader, left)
    return _listed(reader, left)


def _listed(reader: Reader, left: Operand) -> Selector:
    values = []
    while True:
        values.append(read_constant(reader, left))
        if not reader.take_mark(","):
            break
    reader.expect_mark(")")
    return Among(left, tuple(values))  # type: ignore[arg-type]  # `read_constant` gives one kind
