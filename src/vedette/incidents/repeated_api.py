"""`Idempotency-Key` of a request: what was done once is answered, not done again."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request

from vedette import clock
from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.incidents.repeated import Asked, Kept, once


async def answered_once(
    request: Request[Any, Any, Any],
    conn: Connection,
    actor: Actor,
    act: Callable[[], Awaitable[Kept]],
) -> Kept:
    """Return what `act` answers, or what it answered to the same request with this key within a day.

    Without a key it acts each time. Raises Conflict for a key that stood for another request.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return await act()
    head = f"{request.method} {request.scope['path']}\n{request.headers.get('if-match', '')}\n"
    content = head.encode() + await request.body()
    return await once(conn, Asked(actor.name, key, content), act, now=clock.now())
