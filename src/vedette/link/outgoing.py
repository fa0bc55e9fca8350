"""Messages of many speakers onto one gRPC stream, which takes one write at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

LAST_WORDS_S = 1.0
MOST_BYTES = 64 << 20
"""What may wait for a reader; who reads so slowly is not fed further."""


class Outgoing:
    """Queues messages and writes them in order; no task lives while there is none."""

    def __init__(self, write: Callable[[Any], Awaitable[None]]) -> None:
        self.waiting_bytes = 0
        self._write = write
        self._waiting: list[tuple[Any, int]] = []
        self._sender: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether more waits than should; it can be queued all the same."""
        return self.waiting_bytes > MOST_BYTES

    def put(self, message: Message) -> None:
        """Queue a message."""
        size_bytes = message.ByteSize()
        self.waiting_bytes += size_bytes
        self._waiting.append((message, size_bytes))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def emptied(self) -> None:
        """Wait until what was queued is written, for at most a second."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=LAST_WORDS_S)

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                for message, size_bytes in batch:
                    await self._write(message)
                    self.waiting_bytes -= size_bytes
        except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
            pass  # whoever reads it is gone; our reader notices too
        finally:
            self._waiting.clear()
            self.waiting_bytes = 0
            self._sender = None
