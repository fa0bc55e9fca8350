"""Messages of many speakers onto one gRPC stream, which takes one write at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

LAST_WORDS_S = 1.0


class Outgoing:
    """Queues messages and writes them in order; no task lives while there is none."""

    def __init__(self, write: Callable[[Any], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[Any] = []
        self._sender: asyncio.Task[None] | None = None

    def put(self, message: object) -> None:
        """Queue a message."""
        self._waiting.append(message)
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
                for message in batch:
                    await self._write(message)
        except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
            self._waiting.clear()  # whoever reads it is gone; our reader notices too
        finally:
            self._sender = None
