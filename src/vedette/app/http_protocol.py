"""HTTP/1.1 as strangers may speak it: a head of bounded size, a request that arrives in time.

uvicorn reads a head of any length and waits for it, for its body, and for whoever does not read the
answer, for ever: ten megabytes of header would stand in memory, and a few thousand sockets that send
or take a byte a minute would take every descriptor. What no application ever sees is answered here, as a problem like every other error.
"""

import asyncio
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vedette.app.hot import Hot, question_of
from vedette.rest.problem import MEDIA_TYPE, encode_problem

HEAD_BYTES = 64 * 1024
"""Request line and headers together."""
HEAD_S = 10.0
"""From the connection, or the first byte of a later request, to the end of its head."""
BODY_S = 60.0
"""From the end of the head to the end of the body."""
READ_S = 60.0
"""How long a client may take nothing of an answer that waits for it."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits; what it is started with, uvicorn says."""

    head_s = HEAD_S
    body_s = BODY_S
    read_s = READ_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._is_in_head = True
        self._is_answered = False
        self._hot = self.app if isinstance(self.app, Hot) else None
        self._deadline: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._expect_within(self.head_s)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._patience = self.loop.call_later(self.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        self._stop_being_patient()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any longer."""
        self._stop_waiting()
        self._stop_being_patient()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; refuse it as soon as it is no HTTP, or too much of it."""
        self._unset_keepalive_if_required()
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._expect_within(self.head_s)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # nothing here is upgraded; the request is answered as if it had not asked
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1")
            return
        if self._is_in_head and self._head_bytes > HEAD_BYTES:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head, though it came at once, is too long."""
        self._is_in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._refuse_head()
        elif sum(name == b"host" for name, _ in self.headers) > 1:
            # A cache before us may believe the one and we the other (RFC 9112, 3.2).
            self._refuse(HTTPStatus.BAD_REQUEST, "the request names several hosts")
        elif self._hot is not None and self._answer_again(self._hot):
            self._is_answered = True
        else:
            self._expect_within(self.body_s)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, if the request was handed on."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin anew: what comes next is the next head."""
        self._stop_waiting()
        self._head_bytes, self._is_in_head = 0, True
        if self._is_answered:
            self._is_answered = False
        elif not self.transport.is_closing():
            super().on_message_complete()

    def _answer_again(self, hot: Hot) -> bool:
        """Send what may be sent again, and say whether there was such an answer."""
        if self._is_answering() or self.transport.is_closing() or self.flow.write_paused:
            return False
        parser = self.parser
        if parser.get_method() != b"GET" or parser.get_http_version() != "1.1":
            return False
        question = question_of(self.url, self.headers, self.client)
        if question is None or not parser.should_keep_alive():
            return False
        found = hot.again(question, self.server_state.default_headers)
        if found is None:
            return False
        self.transport.writelines(found)
        self.on_response_complete()
        return True

    def _expect_within(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_being_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_in_head and self._is_answering():
            return  # the answer goes first; after it, uvicorn waits for the rest but shortly
        if self._is_in_head and self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"no request came within {self.head_s:g} s")
        else:
            self.transport.close()  # an application that reads hears that its client has left

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse_head(self) -> None:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._refuse(status, f"the head of a request holds at most {HEAD_BYTES} bytes")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        if self.transport.is_closing():
            return
        if not (self._is_answering() and self.cycle.response_started):
            body = encode_problem(status, status.phrase.lower().replace(" ", "_"), detail)
            self.transport.write(
                f"HTTP/1.1 {status:d} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                + body
            )
        self.transport.close()
