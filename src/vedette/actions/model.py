"""The nouns of actions: what can be asked of a target, and an ask on its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

Cell: TypeAlias = str | int | float | bool | None
"""A value of an answer; a time is RFC 3339 in UTC."""
Row: TypeAlias = Sequence[Cell]
"""Cells in the order of the command's columns."""
Value: TypeAlias = str | int | float | bool
"""What a parameter may be."""

DEFAULT_WITHIN = timedelta(seconds=10)
LONGEST_WITHIN = timedelta(seconds=60)
ROWS = 10_000
SIZE_BYTES = 1 << 20
"""Of all parts of an answer, as JSON."""
PART_BYTES = 64 << 10
TEXT_CHARACTERS = 4_000
"""Of a cell or a parameter; the agent cuts longer cells, and refuses longer parameters."""
AT_ONCE = 4
"""Commands an agent runs at once; further ones wait for their turn within their deadline."""
MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a command's answer.

    type: `text`, `integer`, `number`, `boolean` or `time`; every cell may be null besides.
    unit: `seconds`, `bytes`, `ratio` …; "" for a text or a bare number.
    """

    name: str
    type: Literal["text", "integer", "number", "boolean", "time"]
    help: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a command; it has a default, or must be given.

    choices: the texts it may be; empty: any. least, most: of a number.
    """

    name: str
    type: Literal["text", "integer", "number", "boolean"]
    help: str
    default: Value | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something a connector can be asked beyond its looks; it only ever reads.

    name: lower case with hyphens, unique within the connector.
    help: one sentence.
    scope: what a token must hold: `ask`, or `ask:content` where an answer shows what people wrote
    (statements, keys, command lines).
    """

    name: str
    help: str
    columns: tuple[Column, ...]
    parameters: tuple[Parameter, ...] = ()
    scope: Literal["ask", "ask:content"] = "ask"


class Outcome(StrEnum):
    """How a command ended; all but `answered` have a message.

    FAILED: the target or its connector said no. REFUSED: the host's agent.yaml or the agent itself.
    EXPIRED: no answer in time. LOST: the agent restarted in the middle of its answer.
    """

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    LOST = "lost"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What someone wants to know; agent "": any that looks at the target."""

    target: str
    command: str
    parameters: Mapping[str, object]
    within: timedelta = DEFAULT_WITHIN
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An ask that was taken in."""

    id: int
    target: str
    command: str
    agent: str
    columns: tuple[Column, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A command that a stream is to carry down now."""

    id: int
    name: str
    target_id: int
    parameters: Mapping[str, Value]
    columns: tuple[Column, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of an answer as it is stored: the first is number 1; rows is JSON text."""

    number: int
    rows: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an answer ended.

    truncated: "" when the answer is whole, else what was reached: `rows` or `bytes`.
    took_ms: on the agent.
    """

    outcome: Outcome
    error_class: str = ""
    message: str = ""
    truncated: str = ""
    row_count: int = 0
    took_ms: int = 0
