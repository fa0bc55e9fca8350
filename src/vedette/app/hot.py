"""The shortest way for what is asked most: the bytes of an answer, sent again while its lease holds.

The application says of an answer how long it may be sent again (`Answer.lease`). What was asked in just
the same words within that time is answered by the protocol itself, without a task or a scope.
"""

from http import HTTPStatus
from secrets import token_hex
from typing import Any

from vedette.rest.etag import App, Receive, Scope, Send
from vedette.web.answers import LEASE
from vedette.web.kept import Lease

TOLD_APART = frozenset(
    (
        b"host",
        b"accept-encoding",
        b"accept-language",
        b"cookie",
        b"if-none-match",
        b"if-modified-since",
        b"x-forwarded-proto",
    )
)
"""Headers on which a kept answer may depend."""
ALWAYS_ANEW = frozenset(
    (
        b"authorization",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"x-request-id",
    )
)
"""Who sends one of these wants more than a kept answer, or sends more than a question."""
QUESTIONS = 2_048
QUESTION_BYTES = 2_048
BYTES = 64 * 1024 * 1024
"""Of all bodies together; the answers that share one are counted as if they did not."""
STATUS = {status: f"HTTP/1.1 {status:d} {status.phrase}\r\n".encode() for status in HTTPStatus}

Question = tuple[object, ...]
Headers = list[tuple[bytes, bytes]]


class Hot:
    """An application that remembers what it may answer again; asked by `again` first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = -1
        self._answers: dict[Question, tuple[Lease, bytes, bytes, bytes]] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the application, and remember what may be sent again."""
        question = None
        if scope["type"] == "http" and scope["method"] == "GET":
            query = scope["query_string"]
            url = scope["raw_path"] + (b"?" + query if query else b"")
            question = question_of(url, scope["headers"], scope.get("client"))
        if question is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _Noting(self, question, send))

    def again(self, question: Question, moment: Headers) -> tuple[bytes, bytes] | None:
        """Return head and body of an answer that may be sent again; moment: headers of the moment."""
        found = self._answers.get(question)
        if found is None:
            return None
        lease, status, rest, body = found
        if not lease.holds():
            self._drop(question)
            return None
        now = b"".join([b"%b: %b\r\n" % pair for pair in moment])
        name = token_hex(8).encode()
        return b"%b%b%bx-request-id: %b\r\n\r\n" % (status, now, rest, name), body

    def note(self, question: Question, lease: Lease, start: Any, body: bytes) -> None:  # noqa: ANN401 - an ASGI message
        """Remember an answer."""
        if lease.turn != self._turn:
            self._answers.clear()
            self._bytes = 0
            self._turn = lease.turn
        if question in self._answers:
            self._drop(question)
        self._bytes += len(body)
        while self._answers and (len(self._answers) >= QUESTIONS or self._bytes > BYTES):
            self._drop(next(iter(self._answers)))
        rest = b"".join(
            [
                b"%b: %b\r\n" % (name, value)
                for name, value in start["headers"]
                if name != b"x-request-id"
            ]
        )
        self._answers[question] = lease, STATUS[start["status"]], rest, body

    def _drop(self, question: Question) -> None:
        self._bytes -= len(self._answers.pop(question)[3])


def question_of(url: bytes, headers: Headers, client: tuple[str, int] | None) -> Question | None:
    """Return what makes a request the same as another; None: none is like it.

    Whether a forwarded scheme is believed depends on who forwards it.
    """
    parts: list[object] = [url]
    size = len(url)
    for name, value in headers:
        if name in TOLD_APART:
            parts.append((name, value))
            size += len(value)
            if name == b"x-forwarded-proto" and client is not None:
                parts.append(client[0])
        elif name in ALWAYS_ANEW:
            return None
    return tuple(parts) if size <= QUESTION_BYTES else None


class _Noting:
    """Passes an answer on, and notes it when it is whole and has a lease."""

    def __init__(self, hot: Hot, question: Question, send: Send) -> None:
        self._hot = hot
        self._question = question
        self._send = send
        self._start: Any = None

    async def __call__(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        if message["type"] == "http.response.start":
            self._start = message if isinstance(message.get(LEASE), Lease) else None
        elif self._start is not None:
            if not message.get("more_body"):
                start, body = self._start, message.get("body", b"")
                self._hot.note(self._question, start[LEASE], start, body)
            self._start = None
        await self._send(message)
