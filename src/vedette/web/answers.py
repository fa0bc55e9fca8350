"""Requests and answers of the pages: bare ASGI, bytes in, bytes out, the same headers for all."""

import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from vedette.errors import Invalid
from vedette.web.packing import FROM_BYTES, PACK, coding_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_BYTES = 8_192
FIELDS = 20
NO_STORE = b"no-store"
LEASE = "vedette.lease"
"""In the first message of a kept answer: how long it may be sent again (`kept.py`)."""

SAFE: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
            b" frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # same-origin, not no-referrer: with that, browsers send our own forms with `Origin: null`.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""On every answer: no script may run, nobody may frame us."""


@dataclass(slots=True)
class Answer:
    """One answer; its entity tag and compressed forms are made once, however often it is sent.

    changed_at: when its content changed last, for readers that know no entity tags. safe: what holds
    for it instead of what holds for all. lease: how long it may be sent again; None is never.
    """

    body: bytes
    status: int = 200
    type: bytes = b"text/html; charset=utf-8"
    cache: bytes = b"no-cache"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    changed_at: datetime | None = None
    safe: tuple[tuple[bytes, bytes], ...] = SAFE
    lease: object | None = None
    etag: bytes = field(init=False)
    _packed: dict[bytes, bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Weak: the compressed and the plain forms share it.
        self.etag = b'W/"' + hashlib.blake2b(self.body, digest_size=12).hexdigest().encode() + b'"'

    def packed(self, coding: bytes) -> bytes:
        """Return the body in one of the codings of `PACK`."""
        if coding not in self._packed:
            self._packed[coding] = PACK[coding](self.body)
        return self._packed[coding]


class Request:
    """What a page may ask of a request."""

    __slots__ = ("_receive", "headers", "name", "scope")

    def __init__(self, scope: Scope, receive: Receive, name: str = "") -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.name = name
        self._receive = receive

    @property
    def method(self) -> str:
        """The method in capitals."""
        return str(self.scope["method"])

    @property
    def query(self) -> dict[str, str]:
        """The query string; of a name given twice the last counts. Raises Invalid."""
        return _fields(self.scope["query_string"])

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies; what cannot be read is none."""
        try:
            found = SimpleCookie(self.headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in found.items()}

    @property
    def is_secure(self) -> bool:
        """Whether the browser speaks TLS, to us or to a proxy we trust."""
        return self.scope.get("scheme") == "https"

    async def form(self) -> dict[str, str]:
        """Return the fields of a posted form; raises Invalid when it is none or too long."""
        fields = await self.long_form(most_bytes=FORM_BYTES, most_fields=FIELDS)
        return {name: values[-1] for name, values in fields.items()}

    async def long_form(self, *, most_bytes: int, most_fields: int) -> dict[str, list[str]]:
        """Return every value of every field of a posted form; raises Invalid as `form` does."""
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/x-www-form-urlencoded":
            raise Invalid("this takes a form", hint="application/x-www-form-urlencoded")
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Invalid("the form broke off")
            body += message.get("body", b"")
            if len(body) > most_bytes:
                raise Invalid(f"the form is longer than {most_bytes} bytes")
            if not message.get("more_body"):
                return _every_field(bytes(body), most_fields)


def _fields(text: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in _every_field(text, FIELDS).items()}


def _every_field(text: bytes, at_most: int) -> dict[str, list[str]]:
    try:
        return parse_qs(
            text.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=at_most
        )
    except ValueError:
        raise Invalid(f"more than {at_most} fields were given") from None


async def reply(request: Request, answer: Answer, send: Send) -> None:
    """Send the answer: 304 when the asker has it, compressed when that is understood."""
    headers = [
        *answer.safe,
        *answer.headers,
        (b"cache-control", answer.cache),
        (b"vary", b"accept-encoding"),
    ]
    is_read = request.method in ("GET", "HEAD")
    if answer.status == 200 and is_read and answer.cache != NO_STORE:
        headers.append((b"etag", answer.etag))
        if answer.changed_at is not None:
            headers.append((b"last-modified", _http_date(answer.changed_at)))
        if _is_held(request, answer):
            await _send(send, 304, headers, b"", answer.lease)
            return
    body = answer.body
    coding = coding_of(request.headers.get(b"accept-encoding", b""))
    if coding and len(body) >= FROM_BYTES:
        body = answer.packed(coding)
        headers.append((b"content-encoding", coding))
    headers.append((b"content-type", answer.type))
    headers.append((b"content-length", b"%d" % len(body)))
    await _send(
        send, answer.status, headers, b"" if request.method == "HEAD" else body, answer.lease
    )


def _is_held(request: Request, answer: Answer) -> bool:
    """Say whether the asker has this answer; a date counts only where no tag was sent, and only the same date."""
    asked = request.headers.get(b"if-none-match", b"")
    if asked:
        return _has(asked, answer.etag)
    since = request.headers.get(b"if-modified-since", b"")
    return answer.changed_at is not None and since == _http_date(answer.changed_at)


def _http_date(at: datetime) -> bytes:
    return format_datetime(at.astimezone(UTC), usegmt=True).encode()


def _has(asked: bytes, etag: bytes) -> bool:
    strong = etag.removeprefix(b"W/")
    return any(
        tag.strip() == b"*" or tag.strip().removeprefix(b"W/") == strong
        for tag in asked.split(b",")
    )


async def _send(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, lease: object
) -> None:
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start if lease is None else {**start, LEASE: lease})
    await send({"type": "http.response.body", "body": body})


def see_other(where: str, *headers: tuple[bytes, bytes]) -> Answer:
    """Return a redirect that the browser follows with GET; `where` is a path of ours, quoted."""
    return Answer(
        b"",
        status=303,
        type=b"text/plain",
        cache=NO_STORE,
        headers=((b"location", where.encode("ascii")), *headers),
    )
