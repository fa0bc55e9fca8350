"""What a stranger may do to the HTTP port, said in bytes over a real socket."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from vedette.app.addresses import Address, listen_on
from vedette.app.front import answer_bytes, front
from vedette.app.http_protocol import HEAD_BYTES, BoundedProtocol
from vedette.app.httpd import httpd, serving
from vedette.app.options import Options
from vedette.app.probes import TEXT, livez

LONGEST_S = 20
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
LAST = b"Connection: close\r\n\r\n"


class Reader:
    """Reads a body to its end and answers its length; remembers clients that left before."""

    methods = ("GET", "POST")

    def __init__(self):
        self.left = asyncio.Event()

    async def __call__(self, _, receive, send):
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            length, more = length + len(message["body"]), message["more_body"]
        await answer_bytes(send, 200, str(length).encode(), TEXT)


class Flood:
    """Answers with more than any socket holds; remembers when it was rid of it."""

    methods = ("GET",)

    def __init__(self):
        self.done = asyncio.Event()

    async def __call__(self, _, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.done.set()


class Door:
    """The port, and what speaks to it."""

    def __init__(self, port, reader, flood):
        self.port, self.reader, self.flood = port, reader, flood

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, *pieces):
        """Send the pieces, and return all that comes until the port hangs up; "" if it does so hard."""
        async with asyncio.timeout(LONGEST_S):
            incoming, outgoing = await self.open()
            try:
                for piece in pieces:
                    outgoing.write(piece)
                    await outgoing.drain()
                return await incoming.read()
            except ConnectionError:
                return b""
            finally:
                outgoing.close()


@pytest.fixture
async def door():
    reader, flood = Reader(), Flood()
    sock = listen_on(Address("127.0.0.1", 0), flag="--http")
    nowhere = Address("127.0.0.1", 0)
    options = Options(http=nowhere, grpc=nowhere, grpc_clients=nowhere, seal_key=Path("none"))
    app = front({"/livez": livez(), "/read": reader, "/flood": flood}, livez())
    async with serving(httpd(app, options), sock):
        yield Door(sock.getsockname()[1], reader, flood)
    sock.close()


def status(answer):
    return int(answer.split()[1])


def problem(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return json.loads(body)


async def test_a_head_of_reasonable_size_is_read(door):
    answer = await door.say(GET + b"X: " + b"a" * (HEAD_BYTES // 2) + b"\r\n" + LAST)
    assert status(answer) == 200


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"a" * (HEAD_BYTES + 1) + b"\r\n" + LAST,
        GET + b"X: a\r\n" * (HEAD_BYTES // 2) + LAST,
        b"GET /" + b"a" * (HEAD_BYTES + 1) + b" HTTP/1.1\r\nHost: x\r\n" + LAST,
    ],
    ids=["one long header", "many headers", "a long address"],
)
async def test_a_head_too_long_is_refused_however_it_is_cut(door, head):
    pieces = [head[at : at + 8192] for at in range(0, len(head), 8192)]
    for answer in (await door.say(head), await door.say(*pieces)):
        # The port hangs up with bytes of ours unread, so its answer may be lost on the way.
        assert answer == b"" or status(answer) in {400, 431}


async def test_a_head_that_never_ends_is_refused_while_it_grows(door):
    begun = GET + b"X: "
    answer = await door.say(begun + b"a" * (HEAD_BYTES + 1 - len(begun)))
    assert problem(answer)["status"] == 431


async def test_bytes_that_are_no_http_are_a_problem_and_no_log_line(door, caplog):
    with caplog.at_level(logging.INFO, logger="uvicorn.error"):
        for noise in (
            b"\x16\x03\x01\x02\x00\x01",
            b"FOO / HTTP/1.1\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\n",
        ):
            assert problem(await door.say(noise))["status"] == 400
    assert not caplog.records


async def test_two_lengths_of_one_body_are_refused(door):
    smuggled = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert status(await door.say(b"POST /read HTTP/1.1\r\nHost: x\r\n" + smuggled)) == 400


async def test_a_request_that_names_two_hosts_is_refused(door):
    answer = await door.say(GET + b"Host: elsewhere.example\r\n" + LAST)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_nobody_is_upgraded_and_the_request_is_answered_all_the_same(door):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    incoming, outgoing = await door.open()
    outgoing.write(GET + upgrade)
    async with asyncio.timeout(LONGEST_S):
        assert status(await incoming.readuntil(b"\r\n\r\n")) == 200
    outgoing.close()


@pytest.mark.parametrize("begun", [b"", b"\r\n", GET, GET + b"X: a"])
async def test_who_does_not_end_a_head_in_time_is_shown_out(door, monkeypatch, begun):
    monkeypatch.setattr(BoundedProtocol, "head_s", 0.2)
    answer = await door.say(begun)
    assert answer == b"" if not begun else problem(answer)["status"] == 408


async def test_who_does_not_send_the_body_in_time_is_shown_out_and_the_application_told(
    door, monkeypatch
):
    monkeypatch.setattr(BoundedProtocol, "body_s", 0.2)
    begun = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
    assert await door.say(begun) == b""
    async with asyncio.timeout(LONGEST_S):
        await door.reader.left.wait()


async def test_a_body_in_pieces_and_the_next_request_are_read_on_one_connection(door):
    post = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    answer = await door.say(post + b"12345", b"67890" + GET + b"\r\n" + GET, LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b"\r\n\r\n10" in answer


async def test_head_has_no_body_keeps_the_connection_and_is_no_trouble(door, caplog):
    head = b"HEAD /livez HTTP/1.1\r\nHost: x\r\n"
    with caplog.at_level(logging.INFO, logger="uvicorn.error"):
        answer = await door.say(head + b"\r\n" + head + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"content-length: 3\r\n") == 2
    assert b"ok\n" not in answer
    assert not caplog.records


async def test_an_address_with_a_nul_is_refused_before_any_database_sees_it(door):
    for path in (b"/api/v1/targets/a%00b", b"/livez?x=%00"):
        answer = await door.say(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + LAST)
        assert problem(answer)["status"] == 400


async def test_who_reads_nothing_of_a_long_answer_is_let_go(door, monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "read_s", 0.2)
    incoming, outgoing = await door.open()
    incoming._transport.pause_reading()
    outgoing.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(LONGEST_S):
        await door.flood.done.wait()
    outgoing.close()


async def test_who_reads_slowly_but_reads_gets_it_all(door, monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "read_s", 5.0)
    incoming, outgoing = await door.open()
    outgoing.write(b"GET /flood HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    length = 0
    async with asyncio.timeout(60):
        while piece := await incoming.read(1_000_000):
            length += len(piece)
    assert length > 65_536_000
    outgoing.close()
