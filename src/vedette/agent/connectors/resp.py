"""Redis' wire protocol (RESP 2), as much of it as a look needs.

The redis package costs an agent 10 MB resident and 200 ms to import; a look needs four commands.
"""

from asyncio import LimitOverrunError, StreamReader
from collections.abc import Sequence
from typing import TypeAlias

from vedette.agent.connectors.errors import Fault

_LIMIT_BYTES = 1 << 20
_DEPTH = 4


class ErrorAnswer(Exception):  # noqa: N818 - an answer like any other
    """The server said no; `code` is the first word, as in NOAUTH or LOADING."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


Answer: TypeAlias = "str | int | list[Answer] | None"


def encode(command: Sequence[str]) -> bytes:
    """Return a command as the server reads it."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)


async def read_answer(reader: StreamReader, *, depth: int = 0) -> Answer:
    """Return the next answer; raise `ErrorAnswer` for an error, `Fault` for what is not RESP."""
    try:
        line = (await reader.readuntil(b"\r\n"))[:-2]
    except LimitOverrunError as error:
        raise _foreign() from error
    kind, text = line[:1], line[1:].decode("utf-8", "replace")
    if kind == b"+":
        return text
    if kind == b"-":
        raise ErrorAnswer(text)
    if kind not in (b":", b"$", b"*") or depth > _DEPTH:
        raise _foreign()
    number = _number(text)
    if kind == b":":
        return number
    if number < 0:
        return None
    if number > _LIMIT_BYTES:
        raise Fault("too_large", f"an answer of {number} is longer than {_LIMIT_BYTES}")
    if kind == b"$":
        return (await reader.readexactly(number + 2))[:-2].decode(errors="replace")
    return [await read_answer(reader, depth=depth + 1) for _ in range(number)]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _foreign() from None


def _foreign() -> Fault:
    return Fault("protocol", "what answers does not speak Redis' protocol")
