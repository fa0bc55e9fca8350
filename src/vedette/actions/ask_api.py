"""REST routes of actions: what a target can be asked, and asking it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Stream

from vedette import clock
from vedette.access.api import address_of
from vedette.access.model import Actor
from vedette.actions.ask_hear import Asks
from vedette.actions.ask_reads import watchers
from vedette.actions.model import DEFAULT_WITHIN, Asked, Ending, Outcome, Question, Row
from vedette.actions.model import Command as Declared
from vedette.actions.rules import error_of
from vedette.errors import Missing
from vedette.rest.request_id import request_id_of

AnyRequest = Request[Any, Any, Any]
JSON_LINES = "application/jsonl"
LINES = {JSON_LINES, "application/x-ndjson", "application/json-lines"}
NEVER_CACHED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Column(msgspec.Struct, kw_only=True):
    """A column of an answer; type: text, integer, number, boolean or time (RFC 3339)."""

    name: str
    type: str
    unit: str
    help: str


class Parameter(msgspec.Struct, kw_only=True):
    """A parameter of a command."""

    name: str
    type: str
    help: str
    required: bool
    default: str | int | float | bool | None
    choices: list[str]


class Command(msgspec.Struct, kw_only=True):
    """What a target can be asked; scope: what a token must hold for it."""

    name: str
    help: str
    scope: str
    parameters: list[Parameter]
    columns: list[Column]


class Ask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An ask. within_s: how long the answer may take, up to 60. agent: which one is to answer."""

    command: str
    parameters: dict[str, str | int | float | bool | None] = {}
    within_s: float = DEFAULT_WITHIN.total_seconds()
    agent: str = ""


class Answer(msgspec.Struct, kw_only=True):
    """A whole answer. truncated: "" when nothing was cut off, else what was reached: rows, bytes."""

    id: int
    target: str
    command: str
    agent: str
    columns: list[Column]
    rows: list[list[str | int | float | bool | None]]
    truncated: str
    took_s: float


class AskedLine(msgspec.Struct, kw_only=True, tag_field="kind", tag="asked"):
    """The first line of a streamed answer."""

    id: int
    target: str
    command: str
    agent: str
    columns: list[Column]


class EndLine(msgspec.Struct, kw_only=True, tag_field="kind", tag="end"):
    """The last line; error: "" or the kind of error, which message explains."""

    outcome: str
    rows: int = 0
    truncated: str = ""
    took_s: float = 0.0
    error: Literal["", "invalid", "denied", "missing", "conflict", "unavailable"] = ""
    message: str = ""
    hint: str = ""


@get("/api/v1/targets/{name:str}/commands")
async def list_commands(asks: Asks, name: str) -> list[Command]:
    """List what a target can be asked."""
    async with asks.pool.connection() as conn:
        found = await watchers(conn, name, now=clock.now())
    if not found:
        raise Missing(f"there is no target {name[:80]!a}", hint="vedette get targets")
    return [_command(each) for each in asks.commands_of(found[0].connector)]


@post("/api/v1/targets/{name:str}/ask", status_code=200)
async def ask(
    request: AnyRequest, asks: Asks, actor: Actor, name: str, data: Ask
) -> Response[Answer] | Stream:
    """Ask a target through an agent that looks at it, and wait for the answer.

    With `Accept: application/jsonl` the answer is streamed: a line `asked`, lines of rows as they
    come, a line `end`, which says it when the answer is not whole or there is none.
    """
    question = Question(
        target=name,
        command=data.command,
        parameters=data.parameters,
        within=timedelta(seconds=max(0.0, min(data.within_s, 1e6))),
        agent=data.agent,
    )
    asked = await asks.ask(
        question,
        by=actor,
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )
    answer = asks.answer(asked)
    if LINES & {
        part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")
    }:
        return Stream(_lines(asked, answer), media_type=JSON_LINES, headers=NEVER_CACHED)
    return Response(await _whole(asked, answer), headers=NEVER_CACHED)


routes = [list_commands, ask]


async def _whole(asked: Asked, answer: AsyncGenerator[str | Ending, None]) -> Answer:
    rows: list[Row] = []
    ending = Ending(outcome=Outcome.LOST)
    async with aclosing(answer):
        async for each in answer:
            if isinstance(each, str):
                rows += msgspec.json.decode(each)
            else:
                ending = each
    if error := error_of(ending):
        raise error
    return Answer(
        id=asked.id,
        target=asked.target,
        command=asked.command,
        agent=asked.agent,
        columns=_columns(asked),
        rows=[list(row) for row in rows],
        truncated=ending.truncated,
        took_s=ending.took_ms / 1000,
    )


async def _lines(asked: Asked, answer: AsyncGenerator[str | Ending, None]) -> AsyncIterator[bytes]:
    async with aclosing(answer):
        yield _line(
            AskedLine(
                id=asked.id,
                target=asked.target,
                command=asked.command,
                agent=asked.agent,
                columns=_columns(asked),
            )
        )
        names = [column.name for column in asked.columns]
        async for each in answer:
            if isinstance(each, Ending):
                yield _line(_end(each))
                continue
            rows = msgspec.json.decode(each)
            yield b"".join(
                _line({"kind": "row", "row": dict(zip(names, row, strict=True))}) for row in rows
            )


def _line(content: object) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _end(ending: Ending) -> EndLine:
    error = error_of(ending)
    return EndLine(
        outcome=ending.outcome,
        rows=ending.row_count,
        truncated=ending.truncated,
        took_s=ending.took_ms / 1000,
        error=error.kind if error else "",
        message=error.message if error else "",
        hint=(error.hint or "") if error else "",
    )


def _columns(asked: Asked | Declared) -> list[Column]:
    return [
        Column(name=each.name, type=each.type, unit=each.unit, help=each.help)
        for each in asked.columns
    ]


def _command(command: Declared) -> Command:
    return Command(
        name=command.name,
        help=command.help,
        scope=command.scope,
        parameters=[
            Parameter(
                name=each.name,
                type=each.type,
                help=each.help,
                required=each.required,
                default=each.default,
                choices=list(each.choices),
            )
            for each in command.parameters
        ],
        columns=_columns(command),
    )
