"""Enough of AMQP 0-9-1 to be a broker that turns us away in its own words."""

import asyncio
import struct
from contextlib import asynccontextmanager

START = b"\x00\x09" + struct.pack("!I", 0) + b"\x00\x00\x00\x05PLAIN" + b"\x00\x00\x00\x05en_US"
TUNE = struct.pack("!HIH", 2047, 131_072, 60)


def method(ids: tuple[int, int], arguments: bytes = b"", *, channel: int = 0) -> bytes:
    payload = struct.pack("!HH", *ids) + arguments
    return struct.pack("!BHI", 1, channel, len(payload)) + payload + b"\xce"


def close(code: int, text: str) -> bytes:
    return method((10, 50), struct.pack("!HB", code, len(text)) + text.encode() + b"\0" * 4)


@asynccontextmanager
async def amqp_broker(
    *, after_start_ok: bytes = b"", after_open: bytes = b"", greeting: bytes = b""
):
    """A broker that answers so instead of tune and instead of open-ok; yields its port."""

    async def serve(reader, writer):
        try:
            await reader.readexactly(8)
            writer.write(greeting or method((10, 10), START))
            await _frame(reader)
            writer.write(after_start_ok or method((10, 30), TUNE))
            await _frame(reader)  # tune-ok
            await _frame(reader)  # open
            writer.write(after_open or method((10, 41), b"\0"))
            await _frame(reader)
            # A heartbeat, which nobody asked for, before the answer.
            writer.write(
                b"\x08\x00\x00\x00\x00\x00\x00\xce" + method((20, 11), b"\0" * 4, channel=1)
            )
            await _frame(reader)
            writer.write(method((20, 41), channel=1))
            await reader.read()
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _frame(reader) -> bytes:
    head = await reader.readexactly(7)
    return await reader.readexactly(struct.unpack("!BHI", head)[2] + 1)
