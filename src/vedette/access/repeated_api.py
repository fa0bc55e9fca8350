"""`Idempotency-Key` of a request: what was done once is answered, not done again."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from vedette import clock
from vedette.access.model import Actor
from vedette.access.repeated import Asked, Kept, asked, once
from vedette.db.queries import Connection

T = TypeVar("T")


async def answered_once(
    request: Request[Any, Any, Any],
    conn: Connection,
    actor: Actor,
    act: Callable[[], Awaitable[Kept]],
) -> Kept:
    """Return what `act` answers, or what it answered to the same request with this key within a day.

    Without a key it acts each time. Raises Conflict for a key that stood for another request.
    """
    return await once(conn, asked_by(request, actor, await request.body()), act, now=clock.now())


def asked_by(request: Request[Any, Any, Any], actor: Actor, body: bytes) -> Asked | None:
    """Return what makes this request the same as another; None without a key, raises Invalid for what is none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    scope = request.scope
    head = f"{request.method} {scope['path']}\n{request.headers.get('if-match', '')}\n"
    return asked(actor.name, key, head.encode(), scope["query_string"], b"\n", body)


def kept(answer: object, status: int = 200) -> Kept:
    """Return an answer as it is kept; None: one without a body."""
    return Kept(status, b"" if answer is None else msgspec.json.encode(answer))


def told(kept: Kept, type: type[T]) -> Response[T]:  # noqa: A002 - msgspec's own word
    """Return what was kept as an answer again."""
    return Response(msgspec.json.decode(kept.body, type=type), status_code=kept.status)
