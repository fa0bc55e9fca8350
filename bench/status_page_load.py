"""A client that asks for `/` as fast as it is answered, over 16 kept connections; no imports of ours."""

import asyncio
import time

CONNECTIONS = 16
ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"


def ask_for(port: int, seconds: float) -> tuple[int, int]:
    """Return how many answers came in that time, and the size of one."""
    return asyncio.run(_crowd(port, seconds))


async def _crowd(port: int, seconds: float) -> tuple[int, int]:
    end = time.monotonic() + seconds
    counts = await asyncio.gather(*(_one(port, end) for _ in range(CONNECTIONS)))
    return sum(count for count, _ in counts), counts[0][1]


async def _one(port: int, end: float) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = size = 0
    while time.monotonic() < end:
        writer.write(ASK)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        count += 1
    writer.close()
    return count, size
