"""`/livez`, `/readyz`, `/metrics`, `/openapi.json`: what machines ask of the server itself."""

import asyncio
from collections.abc import Awaitable, Callable

from vedette.app.front import answer_bytes
from vedette.rest.etag import App, Receive, Scope, Send, etag_of, is_known

TEXT = b"text/plain; charset=utf-8"
CACHED_S = 1.0
"""Metrics are gathered at most once in so long, however many scrape them."""

NO_STORE = (b"cache-control", b"no-store")


def livez() -> App:
    """Return the answer to "does the process run": never a dependency's business."""

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await answer_bytes(send, 200, b"ok\n", TEXT, NO_STORE)

    return answer


def readyz(ask: Callable[[], Awaitable[dict[str, str]]]) -> App:
    """Return the answer to "may it be sent requests": a line each part, 503 if one is not ok.

    `ask` returns what is wrong with each part, "" for nothing.
    """

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        parts = await ask()
        text = "".join(f"{part}: {trouble or 'ok'}\n" for part, trouble in parts.items())
        status = 503 if any(parts.values()) else 200
        await answer_bytes(send, status, text.encode(), TEXT, NO_STORE)

    return answer


def metrics(gather: Callable[[], Awaitable[bytes]], media_type: str) -> App:
    """Return the metrics, gathered anew when they are older than a second."""
    lock = asyncio.Lock()
    held = b""
    good_until = 0.0

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        nonlocal held, good_until
        async with lock:
            time = asyncio.get_running_loop().time
            if time() >= good_until:
                held = await gather()
                good_until = time() + CACHED_S
        await answer_bytes(send, 200, held, media_type.encode(), NO_STORE)

    return answer


def document(make: Callable[[], bytes], media_type: bytes) -> App:
    """Return a document that never changes while the server runs; made when first asked for."""
    held: tuple[bytes, bytes] | None = None

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        nonlocal held
        if held is None:
            body = await asyncio.to_thread(make)
            held = (body, etag_of(body))
        body, tag = held
        if is_known(scope, tag):
            await answer_bytes(send, 304, b"", media_type, (b"etag", tag))
        else:
            await answer_bytes(send, 200, body, media_type, (b"etag", tag))

    return answer
