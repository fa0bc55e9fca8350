"""Not to wait for a PostgreSQL that falls silent: a network can swallow everything and close nothing."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection


@contextmanager
def answered_within(conn: AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Let what waits for that connection within end with OperationalError when nobody answers.

    A task that is cancelled would not do: the driver would first ask the silent server to cancel, too.
    """
    late = asyncio.get_running_loop().call_later(seconds, _break_off, conn)
    try:
        yield
    finally:
        late.cancel()


def _break_off(conn: AsyncConnection[Any]) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
