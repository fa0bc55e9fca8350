"""Questions to an HTTP API on one connection a look, their answers read as JSON."""

import json
import math
import ssl
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.exchange import Address, Answer, Exchange, Question
from vedette.errors import Invalid
from vedette.health.model import State

_LIMIT_BYTES = 8 << 20


class JsonApi:
    """An HTTP API beneath an address; a context that closes its connection.

    rtt_s: from asking the first question to the first byte of its answer, None before.
    """

    def __init__(
        self,
        look: Look,
        address: Address,
        *,
        tls: ssl.SSLContext | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Raise Invalid for an address with a query: after it, no path would be one."""
        if "?" in address.path:
            raise Invalid(
                f"an API is below {address.url.partition('?')[0]}, and no query may follow",
                hint="leave out what begins with ?",
            )
        self.rtt_s: float | None = None
        self._look = look
        self._address = address
        self._tls = tls
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> "JsonApi":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._close()

    async def ask(
        self, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer of whatever status; a body makes it a POST.

        Raises an `auth` fault for 401 and 403, which are ours to correct.
        """
        exchange = self._exchange
        if exchange is None or not exchange.reusable:
            self._close()
            exchange = self._exchange = await Exchange.open(
                self._look, self._address, tls=self._tls
            )
        question = Question(
            method="POST" if body else "GET",
            headers={**self._headers, **(headers or {})},
            body=body,
            limit_bytes=_LIMIT_BYTES,
        )
        answer = await exchange.ask(question, self._address.path.rstrip("/") + path)
        if self.rtt_s is None:
            self.rtt_s = answer.first_byte_s
        if answer.status in (401, 403):
            words = told(said(answer), self._look, limit=200)
            raise Fault(
                "auth", f"{path} answers {answer.status}: {words}".rstrip(": "), State.UNKNOWN
            )
        return answer

    async def json(self, path: str, *, body: bytes = b"") -> Any:  # noqa: ANN401 - JSON is anything
        """Return what the path holds; raise `bad_status` unless it answers 200."""
        answer = await self.ask(path, body=body)
        if answer.status != 200:
            words = told(said(answer), self._look, limit=200)
            raise Fault("bad_status", f"{path} answers {answer.status}: {words}".rstrip(": "))
        return read_json(answer, path)

    def _close(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None


def read_json(answer: Answer, path: str) -> Any:  # noqa: ANN401 - JSON is anything
    """Return the body as JSON; raise `too_large` or `protocol` when it is none."""
    if not answer.whole:
        raise Fault("too_large", f"{path} answers more than {_LIMIT_BYTES} bytes")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise Fault("protocol", f"{path} does not answer JSON") from None


def said(answer: Answer) -> str:
    """Return why, in the words of an answer that is not 200: its `error`, `reason` or `message`."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    words = (document.get(key) for key in ("reason", "error", "message"))
    return next((word for word in words if isinstance(word, str)), "")


def number(document: object, *path: str) -> float | None:
    """Return the number at the path; a number in a text counts, anything else is None."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, bool) or not isinstance(document, int | float | str):
        return None
    try:
        return float(document)
    except (ValueError, OverflowError):
        return None


def whole(document: object, *path: str) -> int | None:
    """Return the number at the path as a whole one; None where there is none."""
    found = number(document, *path)
    return int(found) if found is not None and math.isfinite(found) else None


def text(document: object, *path: str) -> str | None:
    """Return the text at the path; None where there is none, or an empty one."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) and document else None


def objects(document: object, *path: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of the list at the path; anything else is passed over."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    yield from (
        (each for each in document if isinstance(each, dict)) if isinstance(document, list) else ()
    )
