"""Hand notices over to whoever is to be told: in order, each at least once, by one server at a time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.errors import Unavailable
from vedette.incidents.notice_rules import is_stale, wait_after
from vedette.incidents.notices import Notice, notices
from vedette.incidents.smtp import Refused

Q = load(__file__, "notices.sql")
log = structlog.get_logger(__name__)

AT_MOST = 100
"""Steps of one turn; the next one follows within seconds."""
AHEAD = 100
"""Changes looked at in one step."""
ERROR_LIMIT = 500

Send = Callable[[Notice, str], Awaitable[None]]
"""Hand a notice over to an address; raises Unavailable when it may go later, Refused when never."""


async def send_notices(conn: Connection, *, to: Sequence[str], send: Send, now: datetime) -> int:
    """Send what is new to each of these addresses; return how many notices went out.

    Who is named for the first time is told from now on. What failed is tried again, later each time, and
    holds back what follows it, so that nobody reads of the end before the beginning.
    """
    if not to:
        return 0
    await Q.run(conn, "enlist", addresses=list(to), now=now)
    sent = 0
    for _ in range(AT_MOST):
        done = await _step(conn, to=to, send=send, now=now)
        if done is None:
            break
        sent += done
    return sent


async def _step(conn: Connection, *, to: Sequence[str], send: Send, now: datetime) -> int | None:
    """Bring one recipient one notice further; None when there is nothing to do, or no way to do it."""
    async with conn.transaction():
        if not await alone(conn, "notices"):
            return None
        due = await Q.one(conn, "due", addresses=list(to), now=now)
        if due is None:
            return None
        address, told_to, attempts = due
        passed, found = await _next(conn, address, told_to, now=now)
        if found is None:
            await Q.run(conn, "passed", address=address, told_to=passed, error="")
            return 0
        try:
            await send(found, address)
        except Refused as error:
            log.warning("a notice is refused", notice=found.id, error=str(error))
            said = str(error)[:ERROR_LIMIT]
            await Q.run(conn, "passed", address=address, told_to=found.id, error=said)
            return 0
        except Unavailable as error:
            if attempts == 0:
                log.warning("a notice waits", notice=found.id, error=str(error))
            again = now + wait_after(attempts + 1)
            said = str(error)[:ERROR_LIMIT]
            await Q.run(conn, "failed", address=address, next_at=again, error=said)
            return None
        await Q.run(conn, "sent", address=address, told_to=found.id, now=now)
    return 1


async def _next(
    conn: Connection, address: str, told_to: int, *, now: datetime
) -> tuple[int, Notice | None]:
    """Return the next notice to be told, or None and up to where there is none."""
    for number, at, is_told in await Q.all(conn, "following", after=told_to, limit=AHEAD):
        told_to = number
        if is_told and is_stale(at, now=now):
            log.warning("a notice is too old to be told", notice=number, recipient=address)
        elif is_told:
            (found,) = await notices(conn, [number])
            return number, found
    return told_to, None
