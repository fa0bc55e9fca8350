"""A target as SQL with bound parameters: nothing that a person wrote stands in the text.

The condition is over `agents` with MIG's columns (`environment` and `tags` json, texts as the
agent sent them), and for earlier results over `commands (actionid, agentid, results json)`. Run it
with a `statement_timeout` of `TIMEOUT`: a regular expression is PostgreSQL's, and may be slow; one
that it cannot read is its error 2201B, which is the user's (`invalid_regular_expression`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from vedette.errors import Invalid

TIMEOUT = timedelta(seconds=10)
"""How long the question may take."""


@dataclass(frozen=True)
class Query:
    """A condition for WHERE, and the values of its `%(…)s`."""

    text: str
    parameters: dict[str, Anything]


@dataclass
class _Writer:
    """The values met so far."""

    now: datetime
    parameters: dict[str, Anything] = field(default_factory=dict)

    def bind(self, value: object, kind: str) -> str:
        name = f"target_{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s::{kind}"


def to_query(selector: Selector, *, now: datetime) -> Query:
    """Return the condition under which PostgreSQL finds the selector's agents."""
    writer = _Writer(now)
    return Query(_condition(selector, writer), writer.parameters)


@singledispatch
def _condition(selector: Selector, writer: _Writer) -> str:
    raise TypeError(f"{type(selector).__name__} is no condition")


@_condition.register
def _(selector: All, writer: _Writer) -> str:
    return f"({' AND '.join(_condition(part, writer) for part in selector.parts)})"


@_condition.register
def _(selector: Any, writer: _Writer) -> str:
    return f"({' OR '.join(_condition(part, writer) for part in selector.parts)})"


@_condition.register
def _(selector: Not, writer: _Writer) -> str:
    return f"(NOT {_condition(selector.part, writer)})"


@_condition.register
def _(selector: Always, writer: _Writer) -> str:
    return "TRUE" if selector.value else "FALSE"


@_condition.register
def _(selector: Local, writer: _Writer) -> str:
    raise Invalid("the target local is the host one is on", hint="no server is asked about it")


@_condition.register
def _(selector: Compare, writer: _Writer) -> str:
    left, right = _value(selector.left, writer), _value(selector.right, writer)
    if selector.left.kind == "text" and selector.order not in ("=", "<>"):
        left = f'({left} COLLATE "C")'  # as an agent orders texts, whatever the database's language
    return f"({left} {selector.order} {right})"


@_condition.register
def _(selector: Like, writer: _Writer) -> str:
    word = "ILIKE" if selector.ignore_case else "LIKE"
    operand, pattern = _value(selector.operand, writer), writer.bind(selector.pattern, "text")
    return f"({operand} {word} {pattern} ESCAPE {writer.bind(selector.escape, 'text')})"


@_condition.register
def _(selector: Regex, writer: _Writer) -> str:
    operator = "~*" if selector.ignore_case else "~"
    operand = _value(selector.operand, writer)
    return f"({operand} {operator} {writer.bind(selector.pattern, 'text')})"


@_condition.register
def _(selector: Among, writer: _Writer) -> str:
    kind = {"number": "numeric[]", "moment": "timestamptz[]"}.get(selector.operand.kind, "text[]")
    return f"({_value(selector.operand, writer)} = ANY ({writer.bind([*selector.values], kind)}))"


@_condition.register
def _(selector: IsNull, writer: _Writer) -> str:
    return f"({_value(selector.operand, writer)} IS NULL)"


@_condition.register
def _(selector: Earlier, writer: _Writer) -> str:
    asked = f"commands.actionid = {writer.bind(selector.action, 'numeric')}"
    if selector.found is not None:
        found = writer.bind("true" if selector.found else "false", "text")
        asked += (  # `found` is a parameter's name
            " AND EXISTS (SELECT FROM json_array_elements("
            "CASE json_typeof(commands.results) WHEN 'array' THEN commands.results END) AS answer"
            f" WHERE answer #>> '{{foundanything}}' = {found})"
        )
    return f"(agents.id IN (SELECT commands.agentid FROM commands WHERE {asked}))"  # noqa: S608  # of our own words and parameters' names


@singledispatch
def _value(operand: Operand, writer: _Writer) -> str:
    raise TypeError(f"{type(operand).__name__} is no value")


@_value.register
def _(operand: Column, writer: _Writer) -> str:
    return f"agents.{operand.name}"


@_value.register
def _(operand: Json, writer: _Writer) -> str:
    text, last = f"agents.{operand.column}", len(operand.steps) - 1
    for index, step in enumerate(operand.steps):
        text += _step(step, writer, as_text=operand.as_text and index == last)
    return f"({text})"


def _step(step: Step, writer: _Writer, *, as_text: bool) -> str:
    end = ">>" if as_text else ">"
    match step:
        case tuple():
            return f" #{end} {writer.bind([*step], 'text[]')}"
        case int():
            return f" -{end} {writer.bind(step, 'integer')}"
    return f" -{end} {writer.bind(step, 'text')}"


@_value.register
def _(operand: Literally, writer: _Writer) -> str:
    return writer.bind(operand.value, "text" if isinstance(operand.value, str) else "numeric")


@_value.register
def _(operand: Shifted, writer: _Writer) -> str:
    match operand.start:
        case Column():
            text = _value(operand.start, writer)
        case start:
            text = writer.bind(start or writer.now, "timestamptz")
    for interval in operand.by:
        # The days of a session's zone may have 23 hours; an agent counts in UTC.
        text = f"(({text} AT TIME ZONE 'UTC' + {_interval(interval, writer)}) AT TIME ZONE 'UTC')"
    return f"({text})"


def _interval(interval: Interval, writer: _Writer) -> str:
    months = writer.bind(interval.months, "integer")
    days = writer.bind(interval.days, "integer")
    seconds = writer.bind(interval.rest.total_seconds(), "double precision")
    return f"make_interval(months => {months}, days => {days}, secs => {seconds})"
