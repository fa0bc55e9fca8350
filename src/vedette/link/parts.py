"""Tasks that live as long as their owner: watched while it lives, ended with it for certain."""

import asyncio
from collections.abc import Iterable

AGAIN_S = 0.5


async def end(parts: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until they have ended, however they end.

    Before Python 3.12 `asyncio.wait_for`, which psycopg uses to wait for notices, loses a cancellation
    that arrives together with what it waited for; so it is said again until it is heard.
    """
    alive = {part for part in parts if not part.done()}
    while alive:
        for part in alive:
            part.cancel()
        _, alive = await asyncio.wait(alive, timeout=AGAIN_S)
