"""A target in plain words, for those who are asked to sign it."""

from datetime import datetime
from functools import singledispatch

from vedette.actions.target import (
    All,
    Always,
    Among,
    Any,
    Column,
    Compare,
    Earlier,
    Interval,
    IsNull,
    Json,
    Like,
    Literally,
    Local,
    Not,
    Operand,
    Regex,
    Selector,
    Shifted,
)
from vedette.actions.target_judged import judged

_SHOWN = 5
_COLUMNS = {
    "queueloc": "queue",
    "os": "operating system",
    "starttime": "start",
    "destructiontime": "destruction",
    "heartbeattime": "last heartbeat",
    "refreshtime": "last refresh",
    "loadername": "loader",
}
_ORDERS = {
    "=": "is",
    "<>": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}
_TIMES = {"<": "is before", "<=": "is not after", ">": "is after", ">=": "is not before"}


def as_words(selector: Selector) -> str:
    """Return who is meant, in one sentence without its full stop; texts of the author in quotes."""
    match selector:
        case All(parts):
            return " and ".join(_part(part) for part in parts)
        case Any(parts):
            return " or ".join(_part(part) for part in parts)
        case Not(IsNull(operand)):
            return f"{_value(operand)} is there"
        case Not(part):
            return f"not ({as_words(part)})"
    return _condition(selector)


def judged_words(selector: Selector) -> str:
    """Return in a sentence what the agents see to themselves, whatever a server says; "" when it is all of it."""
    left = judged(selector)
    if left is None:
        return "any agent may run it: what the target asks, only a server knows"
    words = as_words(left)
    return "" if words == as_words(selector) else f"each agent itself sees to it that {words}"


def _part(selector: Selector) -> str:
    words = as_words(selector)
    return f"({words})" if isinstance(selector, All | Any) else words


@singledispatch
def _condition(selector: Selector) -> str:
    raise TypeError(f"{type(selector).__name__} is no condition")


@_condition.register
def _(selector: Always) -> str:
    return "every agent" if selector.value else "no agent"


@_condition.register
def _(_: Local) -> str:
    return "the host one is on"


@_condition.register
def _(selector: IsNull) -> str:
    return f"{_value(selector.operand)} is not there"


@_condition.register
def _(selector: Compare) -> str:
    words = _ORDERS | _TIMES if selector.left.kind == "moment" else _ORDERS
    return f"{_value(selector.left)} {words[selector.order]} {_value(selector.right)}"


@_condition.register
def _(selector: Among) -> str:
    shown = ", ".join(_literal(value) for value in selector.values[:_SHOWN])
    more = len(selector.values) - _SHOWN
    rest = f" and {more:,} more" if more > 0 else ""
    return f"{_value(selector.operand)} is one of {shown}{rest}"


@_condition.register
def _(selector: Like) -> str:
    case = ", capital or not" if selector.ignore_case else ""
    return f"{_value(selector.operand)} looks like {_literal(selector.pattern)}{case}"


@_condition.register
def _(selector: Regex) -> str:
    case = ", capital or not" if selector.ignore_case else ""
    pattern = _literal(selector.pattern)
    return f"{_value(selector.operand)} matches the regular expression {pattern}{case}"


@_condition.register
def _(selector: Earlier) -> str:
    if selector.found is None:
        return f"was asked by action {selector.action}"
    found = "something" if selector.found else "nothing"
    return f"found {found} in action {selector.action}"


@singledispatch
def _value(operand: Operand) -> str:
    raise TypeError(f"{type(operand).__name__} is no value")


@_value.register
def _(operand: Column) -> str:
    return _COLUMNS.get(operand.name, operand.name)


@_value.register
def _(operand: Json) -> str:
    steps = [
        part for step in operand.steps for part in (step if isinstance(step, tuple) else [step])
    ]
    word = {"tags": "tag"}.get(operand.column, operand.column)
    return " ".join([word, *(_literal(str(step)) for step in steps)])


@_value.register
def _(operand: Literally) -> str:
    return _literal(operand.value)


@_value.register
def _(operand: Shifted) -> str:
    match operand.start:
        case Column() as column:
            text = _value(column)
        case None:
            text = "now"
        case at:
            text = _literal(at)
    return "".join([text, *(_interval(one) for one in operand.by)])


def _interval(interval: Interval) -> str:
    sign = -1 if min(interval.months, interval.days, interval.rest.total_seconds()) < 0 else 1
    minutes, seconds = divmod(sign * interval.rest.total_seconds(), 60)
    counts = {
        "month": sign * interval.months,
        "day": sign * interval.days,
        "minute": minutes,
        "second": seconds,
    }
    parts = [f"{count:g} {unit}{'s' * (count != 1)}" for unit, count in counts.items() if count]
    return f" {'minus' if sign < 0 else 'plus'} {' '.join(parts) or 'nothing'}"


def _literal(value: str | int | datetime) -> str:
    """Return a value as one line, in which nothing can look like words of ours."""
    match value:
        case str():
            return f"“{''.join(_shown(one) for one in value)}”"
        case datetime():
            return value.isoformat()
    return str(value)


def _shown(character: str) -> str:
    is_plain = character.isprintable() and character not in "“”\\"
    return character if is_plain else f"\\u{ord(character):04x}"
