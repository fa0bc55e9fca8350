"""Enough of MySQL's protocol to be a version that is not installed: greeting, results, errors."""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager

Rows = Sequence[Mapping[str, str | None]]
Answers = Mapping[str, Rows | tuple[int, str]]
"""Beginning of a statement → its rows, or the number and text of its error."""

_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_EOF = b"\xfe\x00\x00\x02\x00"
_CAPABILITIES = 0x0000_0200 | 0x8000 | 0x8_0000 | 0x1 | 0x20_0000
SCRAMBLE = b"12345678" + b"901234567890\x00"


class MySQLServer:
    def __init__(self, version: str, answers: Answers, *, plugin: str) -> None:
        self.version = version
        self.answers = answers
        self.plugin = plugin
        self.asked: list[str] = []
        self.signed_in_with = b""
        self.port = 0

    async def serve(self, reader, writer) -> None:
        try:
            _send(writer, 0, self._greeting())
            await _packet(reader)
            if self.plugin != "mysql_native_password":
                _send(writer, 2, b"\xfe" + self.plugin.encode() + b"\0" + SCRAMBLE)
                self.signed_in_with = await _packet(reader)
                _send(writer, 4, _OK)
            else:
                _send(writer, 2, _OK)
            while (packet := await _packet(reader))[:1] != b"\x01":
                self._answer(writer, packet)
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    def _greeting(self) -> bytes:
        low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
        return (
            b"\x0a" + self.version.encode() + b"\0" + struct.pack("<I", 7) + SCRAMBLE[:8] + b"\0"
            + struct.pack("<HBHHB", low, 45, 2, high, 21) + b"\0" * 10 + SCRAMBLE[8:]
            + b"mysql_native_password\0"
        )  # fmt: skip

    def _answer(self, writer, packet: bytes) -> None:
        statement = packet[1:].decode()
        if packet[:1] != b"\x03" or statement.startswith("SET"):
            _send(writer, 1, _OK)
            return
        self.asked.append(statement)
        found = next((a for begin, a in self.answers.items() if statement.startswith(begin)), None)
        if found is None:
            found = (1064, "You have an error in your SQL syntax")
        if isinstance(found, tuple):
            number, text = found
            _send(writer, 1, b"\xff" + struct.pack("<H", number) + b"#42000" + text.encode())
            return
        names = list(found[0]) if found else ["nothing"]
        parts = [bytes((len(names),)), *map(_column, names), _EOF]
        parts += [b"".join(_text(row[name]) for name in names) for row in found]
        for sequence, part in enumerate([*parts, _EOF], start=1):
            _send(writer, sequence % 256, part)


@asynccontextmanager
async def mysql_server(version: str, answers: Answers, *, plugin: str = "mysql_native_password"):
    server = MySQLServer(version, answers, plugin=plugin)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def _send(writer, sequence: int, payload: bytes) -> None:
    writer.write(struct.pack("<I", len(payload))[:3] + bytes((sequence,)) + payload)


async def _packet(reader) -> bytes:
    head = await reader.readexactly(4)
    return await reader.readexactly(int.from_bytes(head[:3], "little"))


def _text(value: str | None) -> bytes:
    if value is None:
        return b"\xfb"
    encoded = value.encode()
    return bytes((len(encoded),)) + encoded


def _column(name: str) -> bytes:
    parts = b"".join(_text(part) for part in ("def", "", "", "", name, name))
    return parts + b"\x0c" + struct.pack("<HIBHB", 45, 255, 0xFD, 0, 0) + b"\0\0"
