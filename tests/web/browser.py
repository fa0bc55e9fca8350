"""Ask the pages as a browser would, without a socket; and a clock that stands still."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import cramjam
from tests.factories import NOON

from vedette.app.front import front

KEY = b"k" * 32
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: bytes(cramjam.gzip.decompress(body)),
    "br": lambda body: bytes(cramjam.brotli.decompress(body)),
    "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
}


@dataclass
class Clock:
    """Whatever time a test says."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Holder:
    """Whoever holds a token."""

    name: str
    scopes: frozenset[str]


async def authenticate(secret: str) -> Holder | None:
    return {
        "vdt_reader": Holder("token:reader", frozenset({"read"})),
        "vdt_admin": Holder("token:admin", frozenset({"admin"})),
        "vdt_looker": Holder("token:looker", frozenset({"read", "actions:read"})),
        "vdt_actor": Holder("token:actor", frozenset({"read", "actions:read", "actions:write"})),
        "vdt_records": Holder("token:records", frozenset({"records:read"})),
    }.get(secret)


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The page as it was written."""
        coding = self.headers.get("content-encoding")
        return (UNPACK[coding](self.body) if coding else self.body).decode()

    @property
    def words(self) -> str:
        """What a person reads, the white space made one."""
        parser = _Words()
        parser.feed(self.text)
        return re.sub(r"\s+", " ", "".join(parser.said)).strip()

    @property
    def tags(self) -> list[tuple[str, dict[str, str | None]]]:
        """Every tag with its attributes, as a browser would parse it."""
        parser = _Words()
        parser.feed(self.text)
        return parser.tags


async def _no_framework(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Browser:
    """A client of some pages, below the server's outermost layer; it keeps the cookies it gets."""

    def __init__(self, pages: Any, *, scheme: str = "http") -> None:
        self._app = front(pages, _no_framework)
        self._scheme = scheme
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> Answered:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, form: str = "", **headers: str) -> Answered:
        own = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        return await self.ask("POST", path, body=form.encode(), headers={**own, **headers})

    async def ask(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answered:
        given = {"accept": "text/html,*/*;q=0.8", **(headers or {})}
        sent = {name.replace("_", "-"): value for name, value in given.items() if value}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "scheme": self._scheme,
            "path": unquote(path, errors="replace"),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"status.test")]
            + [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        return self._answered(messages)

    def _answered(self, messages: Iterable[Any]) -> Answered:
        start, *parts = messages
        pairs = [(name.decode(), value.decode()) for name, value in start["headers"]]
        cookies = [value for name, value in pairs if name == "set-cookie"]
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies = {**self.cookies, name: value}
        body = b"".join(part.get("body", b"") for part in parts)
        return Answered(start["status"], dict(pairs), body, cookies)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("span", "time", "a", "code", "b"):
            self.said.append(" ")

    def handle_data(self, data: str) -> None:
        self.said.append(data)
