"""Answers to GET carry a strong ETag; who has it already gets 304 without a body."""

from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import blake2b
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def etag_of(body: bytes) -> bytes:
    """Return the strong ETag of a body, quotes included."""
    return b'"' + blake2b(body, digest_size=16).hexdigest().encode() + b'"'


def is_known(scope: Scope, etag: bytes) -> bool:
    """Say whether `If-None-Match` names this ETag (weak comparison, as RFC 9110 wants for GET)."""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            tags = [tag.strip().removeprefix(b"W/") for tag in value.split(b",")]
            return etag in tags or b"*" in tags
    return False


def with_etags(app: App) -> App:
    """Wrap an application: its whole 200 answers to GET are held, tagged, and sent or spared."""

    async def tagged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        await app(scope, receive, _Held(scope, send))

    return tagged


class _Held:
    """Holds the start of a 200 until its body is complete; streams and other answers pass."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send
        self.start: MutableMapping[str, Any] | None = None

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self.start = message
            return
        start, self.start = self.start, None
        if start is None:
            await self.send(message)
        elif message.get("more_body"):
            await self.send(start)
            await self.send(message)
        else:
            await self._finish(start, message.get("body", b""))

    async def _finish(self, start: MutableMapping[str, Any], body: bytes) -> None:
        headers = list(start.get("headers", ()))
        tag = next((value for name, value in headers if name.lower() == b"etag"), b"")
        if not tag:
            tag = etag_of(body)
            headers.append((b"etag", tag))
        if is_known(self.scope, tag):
            kept = [
                (name, value)
                for name, value in headers
                if name.lower() not in {b"content-length", b"content-type"}
            ]
            await self.send({"type": "http.response.start", "status": 304, "headers": kept})
            await self.send({"type": "http.response.body", "body": b""})
            return
        await self.send({**start, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
