"""A door that speaks as much of PostgreSQL's protocol as it takes to be turned away, in any language."""

import asyncio
import struct
from contextlib import asynccontextmanager

SSL_REQUEST = 80_877_103


@asynccontextmanager
async def turning_away(sqlstate: str, text: str, *, after_password: bool = False, heard=None):
    """Refuse everybody with this error, at the threshold or once the password was heard.

    heard: takes the passwords.
    """

    async def refuse(reader, writer):
        try:
            if await _startup(reader, writer) and after_password:
                writer.write(b"R" + struct.pack("!II", 8, 3))
                await reader.readexactly(1)
                length = struct.unpack("!I", await reader.readexactly(4))[0] - 4
                password = await reader.readexactly(length)
                if heard is not None:
                    heard.append(password)
            fields = b"".join(
                kind + value.encode() + b"\0"
                for kind, value in ((b"S", "FATAL"), (b"C", sqlstate), (b"M", text))
            )
            writer.write(b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0")
            await writer.drain()
        except (EOFError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _startup(reader, writer) -> bool:
    while True:
        length, code = struct.unpack("!II", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        if code != SSL_REQUEST:
            return True
        writer.write(b"N")
