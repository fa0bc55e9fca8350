"""What runs in the process of a foreign connector: read looks from stdin, write reports to stdout.

Frames are four bytes of length and a MessagePack body. What the connector prints goes to stderr.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from vedette import plugins
from vedette.agent.connector import Commanded, Connector, Description, Look, RefusedByHost
from vedette.agent.plain import plain
from vedette.agent.reach import HostReach
from vedette.health.model import Report

ADDRESS_SPACE_BYTES = 2 << 30
"""More memory than this a look cannot even ask for: it gets a MemoryError, which is a report."""
RESIDENT_LIMIT_BYTES = 256 << 20
"""A process that holds more between looks is begun anew."""
FRAME_BYTES = 16 << 20

T = TypeVar("T")


class Asked(msgspec.Struct, kw_only=True):
    """`describe`, `probe` with what a look needs, or `ask` with a command and its parameters.

    rows, size_bytes: of an answer to a command; at the limit it is cut off.
    """

    kind: str
    target: str = ""
    settings: dict[str, Any] = {}
    secrets: list[str] = []
    timeout_s: float = 0.0
    reach: list[str] = []
    command: str = ""
    parameters: dict[str, Any] = {}
    rows: int = 0
    size_bytes: int = 0


class Said(msgspec.Struct):
    """A question with its number; nothing asked: the look of that number is cancelled."""

    number: int
    asked: Asked | None


class Answer(msgspec.Struct, kw_only=True):
    """The answer to a question: one of description, report, rows, refused and error."""

    number: int
    description: Description | None = None
    report: Report | None = None
    rows: list[list[Any]] | None = None
    refused: str = ""
    error: str = ""
    resident_bytes: int = 0


def frame(message: msgspec.Struct) -> bytes:
    """Return the message as it goes through the pipe."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


async def read_frame(reader: asyncio.StreamReader, form: type[T]) -> T:
    """Read one message; raises IncompleteReadError at the end, ValueError when it is too long."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    return msgspec.msgpack.decode(await reader.readexactly(length), type=form)


class Host:
    """The connector's class and its instances, one for each target and settings."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connectors: dict[str, tuple[Mapping[str, Any], Connector]] = {}

    async def answer(self, number: int, asked: Asked) -> Answer:
        """Do what is asked; every exception is an answer too."""
        try:
            made = plugins.load("vedette.connectors", self._name)
            if asked.kind == "describe":
                return Answer(number=number, description=made.description)
            if asked.kind == "ask":
                return Answer(number=number, rows=await self._rows(made, asked))
            report = await self._probe(made, asked)
        except RefusedByHost as refused:
            return Answer(number=number, refused=str(refused) or "refused")
        except Exception as fault:  # noqa: BLE001 - whatever a stranger raises is an answer
            words = " ".join(str(fault).split())
            return Answer(number=number, error=f"{type(fault).__name__}: {words}".rstrip(": "))
        return Answer(number=number, report=report, resident_bytes=_resident_bytes())

    async def _probe(self, made: type[Connector], asked: Asked) -> Report:
        known = self._connectors.get(asked.target)
        if known is None or known[0] != asked.settings:
            if known is not None:
                await known[1].aclose()
            known = self._connectors[asked.target] = (asked.settings, made(asked.settings))
        report = await known[1].probe(_look(asked))
        if not isinstance(report, Report):
            raise TypeError(f"the connector returned {type(report).__name__}, not a Report")
        if report.bulk is not None:
            # An array does not go through the pipe; few strangers have thousands.
            report = replace(report, measurements=tuple(report.measured()), bulk=None)
        return report

    async def _rows(self, made: type[Connector], asked: Asked) -> list[list[Any]]:
        connector = made(asked.settings)
        try:
            if not isinstance(connector, Commanded):
                raise TypeError("the connector declares commands and has no ask()")
            rows: list[list[Any]] = []
            size_bytes = 0
            answer = connector.ask(_look(asked), asked.command, asked.parameters)
            async for row in answer:
                rows.append([plain(cell) for cell in row])
                size_bytes += len(msgspec.msgpack.encode(rows[-1]))
                # One more than is wanted tells the agent that there are more.
                if len(rows) > asked.rows or size_bytes > asked.size_bytes:
                    break
            return rows
        finally:
            await connector.aclose()


def _look(asked: Asked) -> Look:
    return Look(
        target=asked.target,
        settings=asked.settings,
        timeout_s=asked.timeout_s,
        reach=HostReach(asked.reach),
        secrets=frozenset(asked.secrets),
    )


async def serve(name: str, reader: asyncio.StreamReader, out_fd: int) -> None:
    """Answer until stdin ends, which is when the agent is gone."""
    host = Host(name)
    looks: dict[int, asyncio.Task[None]] = {}

    async def reply(number: int, asked: Asked) -> None:
        try:
            answer = await host.answer(number, asked)
        except asyncio.CancelledError:
            answer = Answer(number=number, error="cancelled")
        content = frame(answer)
        while content:
            content = content[os.write(out_fd, content) :]
        looks.pop(number, None)

    while True:
        try:
            said = await read_frame(reader, Said)
        except asyncio.IncompleteReadError:
            return
        if said.asked is not None:
            looks[said.number] = asyncio.create_task(reply(said.number, said.asked))
        elif said.number in looks:
            looks[said.number].cancel()


async def main(name: str) -> None:
    """Serve the connector of that name on the standard streams."""
    # What a stranger prints must not end up between our frames.
    out_fd = os.dup(1)
    os.dup2(2, 1)
    reader = asyncio.StreamReader(limit=FRAME_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await serve(name, reader, out_fd)


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    _limit_memory()
    asyncio.run(main(sys.argv[1]))
    # Threads a stranger left behind must not keep the process.
    os._exit(0)
