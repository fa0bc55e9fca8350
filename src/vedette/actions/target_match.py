"""A target as the agent judges it: by its own facts, and labels of its trust bundle.

SQL's three truths and a fourth: UNKNOWN, for what only the server knows (status, heartbeats, what
agents answered earlier, labels that no bundle holds) or what PostgreSQL might read otherwise. The
unknown is left out of every AND and OR: a server may pick fewer agents by it, but no server can
make an agent one of those that the rest of the target excludes.
"""

import json
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import singledispatch
from typing import Any as Anything

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
    Step,
)
from vedette.actions.target_patterns import is_found, is_like, like_tokens


class Truth(Enum):
    """What a condition says of one agent."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Facts:
    """What an agent knows of itself; None is "does not know", and `environment` as it reports it.

    key: the fingerprint of its own key, `sha256:…`.
    """

    name: str | None = None
    queueloc: str | None = None
    mode: str | None = None
    version: str | None = None
    pid: int | None = None
    id: int | None = None
    key: str | None = None
    starttime: datetime | None = None
    environment: Mapping[str, Anything] = field(default_factory=dict)


@dataclass(frozen=True)
class _Missing:
    """SQL's NULL (`known`), or a value that only the server has."""

    known: bool


_NULL, _HIDDEN = _Missing(known=True), _Missing(known=False)

Value = str | int | datetime | _Missing


@dataclass(frozen=True)
class _Host:
    facts: Facts
    labels: Mapping[str, str | None]
    now: datetime


def excludes(
    selector: Selector, facts: Facts, labels: Mapping[str, str | None], *, now: datetime
) -> bool:
    """Whether the agent is none of those the selector means, as far as it can know."""
    return evaluate(selector, facts, labels, now=now) in (Truth.FALSE, Truth.NULL)


def evaluate(
    selector: Selector, facts: Facts, labels: Mapping[str, str | None], *, now: datetime
) -> Truth:
    """Return what the selector says of an agent with these facts, and labels that roots signed.

    A label that is None is one the roots give, and not to this agent.
    """
    return _truth(selector, _Host(facts, labels, now))


@singledispatch
def _truth(selector: Selector, host: _Host) -> Truth:
    raise TypeError(f"{type(selector).__name__} is no condition")


@_truth.register
def _(selector: Always, host: _Host) -> Truth:
    return _of(selector.value)


@_truth.register(Earlier)
@_truth.register(Local)
def _(selector: Earlier | Local, host: _Host) -> Truth:
    # `local` never leaves its host: that it came over a link at all is somebody's mistake or attack.
    return Truth.FALSE if isinstance(selector, Local) else Truth.UNKNOWN


@_truth.register
def _(selector: Not, host: _Host) -> Truth:
    found = _truth(selector.part, host)
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(found, found)


@_truth.register
def _(selector: All, host: _Host) -> Truth:
    return _first(selector.parts, host, (Truth.FALSE, Truth.NULL, Truth.TRUE))


@_truth.register
def _(selector: Any, host: _Host) -> Truth:
    return _first(selector.parts, host, (Truth.TRUE, Truth.NULL, Truth.FALSE))


def _first(parts: Iterable[Selector], host: _Host, order: tuple[Truth, ...]) -> Truth:
    """Return the strongest truth among the parts, UNKNOWN only where nothing else is."""
    found = {_truth(part, host) for part in parts}
    return next((truth for truth in order if truth in found), Truth.UNKNOWN)


@_truth.register
def _(selector: IsNull, host: _Host) -> Truth:
    value = _value(selector.operand, host)
    return Truth.UNKNOWN if value is _HIDDEN else _of(value is _NULL)


@_truth.register
def _(selector: Compare, host: _Host) -> Truth:
    left, right = _value(selector.left, host), _value(selector.right, host)
    missing = _missing(left, right)
    return missing or _of(_holds(selector.order, left, right))


def _holds(order: str, left: Anything, right: Anything) -> bool:  # noqa: ANN401  # of one kind, as was read
    match order:
        case "=":
            return bool(left == right)
        case "<>":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)


@_truth.register
def _(selector: Among, host: _Host) -> Truth:
    value = _value(selector.operand, host)
    return _missing(value) or _of(value in selector.values)


@_truth.register
def _(selector: Like, host: _Host) -> Truth:
    value = _value(selector.operand, host)
    missing = _missing(value)
    if missing:
        return missing
    text, tokens = str(value), like_tokens(selector.pattern, selector.escape)
    if not selector.ignore_case:
        return _of(is_like(text, tokens))
    if not (text.isascii() and selector.pattern.isascii()):
        return Truth.UNKNOWN  # which letters are the same, the database's language says
    lowered = [None if token is None else token.lower() for token in tokens]
    return _of(is_like(text.lower(), lowered))


@_truth.register
def _(selector: Regex, host: _Host) -> Truth:
    value = _value(selector.operand, host)
    missing = _missing(value)
    if missing:
        return missing
    found = is_found(selector.pattern, str(value), ignore_case=selector.ignore_case)
    return Truth.UNKNOWN if found is None else _of(found)


def _of(value: bool) -> Truth:
    return Truth.TRUE if value else Truth.FALSE


def _missing(*values: Value) -> Truth | None:
    if _HIDDEN in values:
        return Truth.UNKNOWN
    return Truth.NULL if _NULL in values else None


@singledispatch
def _value(operand: Operand, host: _Host) -> Value:
    raise TypeError(f"{type(operand).__name__} is no value")


@_value.register
def _(operand: Literally, host: _Host) -> Value:
    return operand.value


@_value.register
def _(operand: Column, host: _Host) -> Value:
    match operand.name:
        case "os":
            return _text(host.facts.environment.get("os", _HIDDEN))
        case "environment":
            return "{}"  # it is there, which is all that IS NULL asks
        case name:
            value: Value | None = getattr(host.facts, name, None)
    return _HIDDEN if value is None else value


@_value.register
def _(operand: Json, host: _Host) -> Value:
    if operand.column == "tags":
        return _label(operand.steps, host)
    found: object = host.facts.environment
    for step in operand.steps:
        found = _inside(found, step)
    if found is None and not operand.as_text:
        return "null"  # JSON's null is a value until it is made text
    return _text(found)


def _label(steps: tuple[Step, ...], host: _Host) -> Value:
    """Return a label of the bundle; the server decides by others, which an agent cannot check."""
    match steps:
        case (str(key),) | ((str(key),),):
            if key not in host.labels:
                return _HIDDEN
            label = host.labels[key]
            return _NULL if label is None else label
    return _HIDDEN


def _inside(value: object, step: Step) -> object:
    match step:
        case tuple():
            for key in step:
                value = _inside(value, _place(key) if isinstance(value, list) else key)
            return value
        case str() if isinstance(value, Mapping):
            return value.get(step, _NULL)
        case int() if isinstance(value, list) and -len(value) <= step < len(value):
            return value[step]
    return _NULL


def _place(key: str) -> Step:
    """Return the place in a list that a path's step names, or the step itself, which names none."""
    try:
        return int(key) if key.isascii() and "_" not in key and key == key.rstrip() else key
    except ValueError:
        return key


def _text(value: object) -> Value:
    """Return the text of a JSON value, lists and objects as an agent sends them: without spaces."""
    match value:
        case None:
            return _NULL
        case str() | _Missing():
            return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@_value.register
def _(operand: Shifted, host: _Host) -> Value:
    start = operand.start
    at = _value(start, host) if isinstance(start, Column) else start or host.now
    if not isinstance(at, datetime):
        return at
    try:
        for interval in operand.by:
            at = _add(at.astimezone(UTC), interval)
    except (OverflowError, ValueError):
        return _HIDDEN
    return at


def _add(at: datetime, interval: Interval) -> datetime:
    """Return the time moved as PostgreSQL does: months, cut to the month's end, days, the rest."""
    months = at.year * 12 + at.month - 1 + interval.months
    year, month = divmod(months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    moved = at.replace(year=year, month=month + 1, day=day)
    return moved + timedelta(days=interval.days) + interval.rest
