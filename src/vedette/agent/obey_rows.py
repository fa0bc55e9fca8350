"""The rows of an answer on their way up: made plain, redacted, bounded and cut into parts."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import msgspec

from vedette.actions.model import PART_BYTES, TEXT_CHARACTERS, Cell, Column, Command, Value
from vedette.actions.rules import misfit
from vedette.agent.connector import Commanded, Connector, Look
from vedette.agent.generic import GENERIC, rows_of
from vedette.agent.isolate import Isolated
from vedette.agent.plain import plain
from vedette.agent.run import Stuck, look_once
from vedette.agent.secrets import redact
from vedette.link.orders import Said

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_ROOM_BYTES = PART_BYTES // 2
"""A part goes up once it is so long: one more row, however long, still fits beside it."""
_SOON_S = 0.25
"""A row waits no longer than that for others to travel with, where others come at all."""
_SHORT_CHARACTERS = 200
"""Texts of a row that would not fit into a part otherwise."""


class Enough(Exception):  # noqa: N818 - not a fault
    """The answer is as long as it may be; the rest is not asked for."""


@dataclass(slots=True, kw_only=True)
class Rows:
    """Takes rows, hands parts on. columns, secrets: set as soon as they are known."""

    command_id: int
    say: Callable[[Said], None]
    most_rows: int
    most_bytes: int
    columns: Sequence[Column] = ()
    secrets: frozenset[str] = frozenset()
    truncated: str = ""
    _waiting: list[bytes] = field(default_factory=list)
    _since: float = field(default_factory=monotonic)
    _number: int = 0
    _rows: int = 0
    _bytes: int = 0

    def put(self, row: Sequence[object]) -> None:
        """Take a row; raises `Enough` at a limit, TypeError for what its columns do not declare."""
        encoded = self._encoded(row)
        if self._rows >= self.most_rows:
            self.truncated = "rows"
            raise Enough
        if self._bytes + len(encoded) > self.most_bytes:
            self.truncated = "bytes"
            raise Enough
        self._rows += 1
        self._bytes += len(encoded) + 1
        self._waiting.append(encoded)
        waiting = sum(map(len, self._waiting))
        if waiting >= _ROOM_BYTES or monotonic() - self._since > _SOON_S:
            self._flush()

    def end(self, *, error_class: str = "", message: str = "", took_ms: int = 0) -> None:
        """Hand the last part on, with how it ended."""
        self._flush(
            last=True,
            error_class=error_class,
            message=message,
            truncated=self.truncated,
            took_ms=took_ms,
        )

    def _flush(self, **end: Any) -> None:  # noqa: ANN401
        self._number += 1
        content = b"[" + b",".join(self._waiting) + b"]"
        self._waiting.clear()
        self._since = monotonic()
        self.say(Said(id=self.command_id, number=self._number, rows_json=content, **end))

    def _encoded(self, row: Sequence[object]) -> bytes:
        cells = [self._cell(value, TEXT_CHARACTERS) for value in row]
        if wrong := misfit(self.columns, [cells]):
            raise TypeError(f"the connector yielded {wrong}")
        encoded = msgspec.json.encode(cells)
        if len(encoded) <= _ROOM_BYTES:
            return encoded
        return msgspec.json.encode([self._cell(value, _SHORT_CHARACTERS) for value in row])

    def _cell(self, value: object, characters: int) -> Cell:
        cell = plain(value)
        if not isinstance(cell, str):
            return cell
        # Half a surrogate pair is no text, and PostgreSQL keeps no NUL.
        text = redact(cell, self.secrets).encode(errors="replace").decode().replace("\0", "\ufffd")
        return text if len(text) <= characters else text[: characters - 1] + "…"


async def rows_from(
    connector: Connector | Isolated,
    look: Look,
    command: Command,
    parameters: Mapping[str, Value],
    rows: Rows,
) -> None:
    """Ask the connector and put every row that fits."""
    try:
        if command in GENERIC:
            report = await look_once(connector, look, Stuck())
            for row in rows_of(command.name, report, connector.description):
                rows.put(row)
            return
        if not isinstance(connector, Commanded):
            raise TypeError(f"{connector.description.name} has no ask()")
        answer = connector.ask(look, command.name, parameters)
        async with aclosing(cast("AsyncGenerator[Sequence[object], None]", answer)):
            async for row in answer:
                rows.put(row)
    except Enough:
        return
