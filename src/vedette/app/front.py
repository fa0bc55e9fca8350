"""The outermost layer of HTTP: what holds for every answer, page, problem or metric alike.

Bare ASGI applications (pages, probes, metrics: three times the framework's rate) stand beside the
framework here; a path goes to the first that knows it.
"""

import re
from collections.abc import Mapping
from typing import Any

from vedette.rest.etag import App, Receive, Scope, Send
from vedette.rest.origin import ANSWERED
from vedette.rest.problem import MEDIA_TYPE, encode_problem
from vedette.rest.request_id import request_id_of

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Sent with every answer that does not carry its own; there is no script anywhere to allow."""

_HOLE = re.compile(r"\{[a-z_]+\}")


def front(bare: Mapping[str, App], framework: App) -> App:
    """Return the whole HTTP application; `bare` maps paths (`/targets/{name}`) to applications."""
    exact = {path: app for path, app in bare.items() if not _HOLE.search(path)}
    patterns = [(_pattern(path), app) for path, app in bare.items() if _HOLE.search(path)]

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _refuse(scope, send)
            return
        answer = _Answer(scope, send)
        if _holds_nul(scope):
            await _refuse_nul(scope, answer)
            return
        # HEAD is GET without a body, for every route and every permission. It is a copy that says so:
        # the server that carries the answer must go on knowing that it has no body.
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        app = exact.get(scope["path"])
        for pattern, holder in patterns if app is None else ():
            if match := pattern.fullmatch(scope["path"]):
                scope["path_params"] = match.groupdict()
                app = holder
        if app is not None and scope["method"] not in _methods(app):
            await _not_allowed(scope, app, answer)
            return
        before = ANSWERED.set(scope)
        try:
            await (app or framework)(scope, receive, answer)
        finally:
            ANSWERED.reset(before)

    return route


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([a-z_]+)\}", path)
    text = "".join(
        f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile(text)


class _Answer:
    """Adds what every answer carries; drops the body when it was asked by HEAD."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.send = send
        self.is_head = scope["method"] == "HEAD"
        self.request_id = request_id_of(scope).encode()
        self.has_ended = False

    async def __call__(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            if b"content-security-policy" in present:
                # Its own policy says who may frame it; a second word on that could only contradict.
                present.add(b"x-frame-options")
            headers += [pair for pair in SECURITY_HEADERS if pair[0] not in present]
            headers.append((b"x-request-id", self.request_id))
            message = {**message, "headers": headers}
        elif self.is_head and message["type"] == "http.response.body":
            if self.has_ended:
                return
            self.has_ended = True
            message = {"type": "http.response.body", "body": b""}
        await self.send(message)


async def answer_bytes(
    send: Send, status: int, body: bytes, media_type: bytes, *headers: tuple[bytes, bytes]
) -> None:
    """Send one whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _holds_nul(scope: Scope) -> bool:
    # PostgreSQL's text holds every character but this one, and no name of ours has it.
    return "\0" in scope["path"] or b"%00" in scope["query_string"]


def _problem(scope: Scope, status: int, word: str, detail: str) -> bytes:
    return encode_problem(
        status, word, detail, instance=scope["path"], request_id=request_id_of(scope)
    )


async def _refuse_nul(scope: Scope, send: Send) -> None:
    body = _problem(scope, 400, "invalid", "the address holds a NUL character")
    await answer_bytes(send, 400, body, MEDIA_TYPE.encode())


async def _not_allowed(scope: Scope, app: App, send: Send) -> None:
    methods = ", ".join(["GET", "HEAD", *sorted(set(_methods(app)) - {"GET"})])
    body = _problem(scope, 405, "method_not_allowed", f"{scope['path']} takes {methods}")
    await answer_bytes(send, 405, body, MEDIA_TYPE.encode(), (b"allow", methods.encode()))


def _methods(app: App) -> tuple[str, ...]:
    """Return what a bare application takes: it says so by `methods`, or it is only to be read."""
    methods: tuple[str, ...] = getattr(app, "methods", ("GET",))
    return methods


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send(
            {"type": "websocket.close", "code": 1008, "reason": "there are no websockets here"}
        )
