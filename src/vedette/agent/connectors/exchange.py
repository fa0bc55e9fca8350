"""HTTP/1.1 requests with every phase timed, over h11 on one of our own connections.

httpx would cost an agent 10 MB resident and three times the CPU, and hides the phases.
"""

import base64
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.wire import Wire, open_wire
from vedette.errors import Invalid

if TYPE_CHECKING:
    import h11

_READ_BYTES = 65_536
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NOT_A_QUESTION = frozenset(
    {
        *("content-length", "transfer-encoding", "trailer", "te", "expect"),
        *("upgrade", "http2-settings"),
        *("x-http-method-override", "x-http-method", "x-method-override"),
    }
)
"""Headers by which a GET would be a connection for commands, have a body, or stand for another method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a URL leads.

    path: with the query, as it goes into the request line.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom credentials may be shown to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as people write it."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def follow(self, location: str) -> "Address":
        """Return where a redirect leads from here."""
        try:
            return address_of(urljoin(self.url, location))
        except ValueError:
            raise Invalid("the redirect leads to no URL") from None


@dataclass(slots=True, kw_only=True)
class Answer:
    """An HTTP answer and the time its phases took, in seconds.

    body: at most as long as asked for; `whole` says whether that is all of it.
    headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    whole: bool = True
    first_byte_s: float
    transfer_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request.

    limit_bytes: how much of the body to read.
    """

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    limit_bytes: int = 1 << 20


def address_of(url: str) -> Address:
    """Return where the URL leads; raise `Invalid` when it is not one we follow."""
    try:
        split: SplitResult = urlsplit(url.strip())
        port = split.port
    except ValueError:
        raise Invalid("that is not a URL", hint="write it as http://host:port/path") from None
    if split.scheme not in _DEFAULT_PORTS or not split.hostname:
        raise Invalid(f"{url!r} is not an http or https URL", hint="write it as http://host/path")
    if split.username is not None or split.password is not None:
        raise Invalid("a URL may hold no credentials", hint="use the settings user and password")
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    if any(char <= " " or char > "~" for char in path + split.hostname):
        raise Invalid("the URL holds characters that must be percent-encoded")
    return Address(
        scheme=split.scheme,
        host=split.hostname,
        port=port if port is not None else _DEFAULT_PORTS[split.scheme],
        path=path,
    )


def credentials(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that the settings `headers`, `user`, `password` and `bearer_token` ask for.

    Raises Invalid for one that makes of a question that only reads another.
    """
    headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
    for name in headers:
        if name.strip().lower() in _NOT_A_QUESTION:
            raise Invalid(f"headers may not hold {name[:64]!r}: a look only reads")
    if given.get("bearer_token"):
        headers["Authorization"] = f"Bearer {given['bearer_token']}"
    elif given.get("user"):
        pair = f"{given['user']}:{given.get('password') or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


class Exchange:
    """A connection to an HTTP server that takes one request after the other; close it."""

    def __init__(self, address: Address, wire: Wire) -> None:
        import h11

        self.address = address
        self.wire = wire
        self._h11 = h11
        self._state = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(
        cls,
        look: Look,
        address: Address,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> "Exchange":
        """Connect where the address leads; `tls` is used for https only."""
        context = tls if address.scheme == "https" else None
        wire = await open_wire(
            look, address.host, address.port, tls=context, server_name=server_name
        )
        return cls(address, wire)

    async def ask(self, question: Question, path: str | None = None) -> Answer:
        """Send one request and read its answer; raise a `protocol` fault when it is not HTTP."""
        begun = time.perf_counter()
        answer = await self.begin(question, path)
        await self._body(answer, question.limit_bytes)
        answer.transfer_s = time.perf_counter() - begun - answer.first_byte_s
        return answer

    async def begin(self, question: Question, path: str | None = None) -> Answer:
        """Send one request and read the head of its answer; `piece` reads on."""
        h11 = self._h11
        if self._state.our_state is h11.DONE:
            self._state.start_next_cycle()
        begun = time.perf_counter()
        self.wire.writer.write(self._request(question, path or self.address.path))
        head = await self._event()
        while isinstance(head, h11.InformationalResponse):
            head = await self._event()
        if not isinstance(head, h11.Response):
            raise Fault("protocol", "the server ended before it answered")
        return Answer(
            status=head.status_code,
            headers={k.decode("latin-1"): v.decode("latin-1") for k, v in head.headers},
            first_byte_s=time.perf_counter() - begun,
        )

    async def piece(self) -> bytes:
        """Return what comes next of the body, as it was sent; empty at its end.

        Whoever is cancelled here has lost nothing and may ask again.
        """
        event = await self._event()
        return bytes(event.data) if isinstance(event, self._h11.Data) else b""

    @property
    def reusable(self) -> bool:
        """Whether another `ask` may follow."""
        return self._state.our_state is self._h11.DONE is self._state.their_state

    def close(self) -> None:
        """Let go at once."""
        self.wire.close()

    def _request(self, question: Question, path: str) -> bytes:
        h11 = self._h11
        headers = {
            "Host": self.address.authority,
            "User-Agent": "vedette",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **question.headers,
        }
        if question.body:
            headers["Content-Length"] = str(len(question.body))
        request = h11.Request(method=question.method, target=path, headers=list(headers.items()))
        sent = self._state.send(request) or b""
        if question.body:
            sent += self._state.send(h11.Data(data=question.body)) or b""
        return sent + (self._state.send(h11.EndOfMessage()) or b"")

    async def _body(self, answer: Answer, limit: int) -> None:
        unpack = _unpacker(answer.headers.get("content-encoding", ""))
        pieces: list[bytes] = []
        size = 0
        while isinstance(event := await self._event(), self._h11.Data):
            piece = unpack(bytes(event.data), limit - size + 1)
            size += len(piece)
            pieces.append(piece)
            if size > limit:
                answer.whole = False
                break
        answer.body = b"".join(pieces)[:limit]

    async def _event(self) -> "h11.Event":
        h11 = self._h11
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                self._state.receive_data(await self.wire.reader.read(_READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise _foreign(error, self.wire) from None
        assert not isinstance(event, type)  # PAUSED never comes to a client that reads to the end
        return event


def _unpacker(encoding: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - zlib's object has no public type
    # We ask for none, but some servers compress whatever one asks. Bounded: a bomb stays folded.
    if encoding.lower() not in ("gzip", "deflate", "x-gzip"):
        return lambda piece, _limit: piece
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def unpack(piece: bytes, limit: int) -> bytes:
        try:
            return unzip.decompress(piece, limit)
        except zlib.error:
            raise Fault("protocol", "the body is not compressed as its header says") from None

    return unpack


def _foreign(error: Exception, wire: Wire) -> Fault:
    if wire.reader.at_eof():
        return Fault("closed", "the connection was closed before the answer was complete")
    return Fault("protocol", f"what answers is not HTTP/1.1: {str(error)[:120]}")
