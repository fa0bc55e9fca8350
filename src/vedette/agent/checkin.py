"""Checking in: a host that is mostly away comes, does what waited for it, says so, and leaves.

As MIG's agents that are started by cron, but that nothing of the stream is different.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from vedette.agent.act import Acting
from vedette.agent.host_actions import LimitRules
from vedette.errors import Unavailable
from vedette.link.client import Client

log = structlog.get_logger(__name__)

SILENCE_S = 3.0
"""Nothing came, ran or is owed for so long: it is done."""
HARD_LIMIT = 1.1
"""Of the time one operation may take: then it leaves, whatever still runs."""
_LOOK_S = 0.2


async def leave_when_done(
    client: Client, acting: Acting, limits: LimitRules, leave: Callable[[], None]
) -> None:
    """Call `leave` when everything that waited is done and the server has the answers.

    Raises Unavailable when no server was there: whoever started it hears of that by its exit code.
    """
    try:
        async with asyncio.timeout(limits.seconds * HARD_LIMIT):
            await _silence(client, acting)
            log.info("checked in; nothing is left to do")
    except TimeoutError:
        if not client.standing.agent_name:
            why = client.standing.last_error or "nobody answered"
            raise Unavailable(f"no server was there to check in with: {why}") from None
        log.warning("leaving, though not everything is done", waiting=acting.waiting)
    leave()
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()  # a part of the agent that ends would end it as a fault


async def _silence(client: Client, acting: Acting) -> None:
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    while loop.time() - quiet_since < SILENCE_S:
        await asyncio.sleep(_LOOK_S)
        is_quiet = client.standing.connected and acting.idle and not client.acts.waiting
        if not is_quiet or await acting.untold():
            quiet_since = loop.time()
