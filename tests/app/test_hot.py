"""What may be sent again is sent by the protocol, to the letter what the application would send."""

import asyncio
import math
from datetime import timedelta

import pytest
from tests.web.browser import Clock

from vedette.app.addresses import Address, listen_on
from vedette.app.front import front
from vedette.app.hot import Hot
from vedette.app.httpd import httpd, serving
from vedette.app.options import Options
from vedette.web.answers import Answer
from vedette.web.kept import Keeper, Lease
from vedette.web.site import Page

CHANGING = (b"x-request-id:", b"date:")


class Door:
    """A port with one kept page at `/`, one of each asker at `/own`, and a count of what was asked."""

    def __init__(self, port, keeper):
        self.port, self.keeper, self.asked = port, keeper, []

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *headers, path="/", method="GET"):
        reader, writer = await self.connect()
        try:
            return await ask(reader, writer, *headers, path=path, method=method)
        finally:
            writer.close()


async def ask(reader, writer, *headers, path="/", method="GET"):
    lines = (f"{method} {path} HTTP/1.1", "Host: x", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    return await read(reader, is_head=method == "HEAD")


async def read(reader, *, is_head=False):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    return head, b"" if is_head else await asyncio.wait_for(reader.readexactly(size), 10)


def still(answer):
    head, body = answer
    lines = sorted(line for line in head.split(b"\r\n") if not line.startswith(CHANGING))
    return lines, body


@pytest.fixture
async def door(tmp_path):
    socket = listen_on(Address("127.0.0.1", 0), flag="--http")
    keeper = Keeper(clock := Clock())
    keeper._is_listening = True  # as `follow` says once it listens
    keeper._proven(math.inf)
    keeper.tick = lambda: setattr(clock, "at", clock.at + timedelta(minutes=1))
    door = Door(socket.getsockname()[1], keeper)

    async def made(request):
        door.asked.append(request.scope["path"])
        return Answer(b"%d" % len(door.asked) + b"." * 3_000)

    pages = {
        "/": Page(keeper.kept(made, beside=lambda asked: str(asked.scope["scheme"]))),
        "/own": Page(made),
    }

    async def noting(scope, receive, send):
        door.asked.append("app")
        await front(pages, None)(scope, receive, send)

    nowhere = Address("127.0.0.1", 0)
    options = Options(
        http=nowhere, grpc=nowhere, grpc_clients=nowhere, seal_key=tmp_path / "seal",
        behind_proxy=("127.0.0.1/32",),
    )  # fmt: skip
    async with serving(httpd(noting, options), socket):
        yield door


async def test_the_second_asker_is_answered_without_the_application(door):
    first, second = await door.ask(), await door.ask()
    assert still(first) == still(second)
    assert door.asked == ["app", "/"]
    names = [
        line
        for head, _ in (first, second)
        for line in head.split(b"\r\n")
        if line.startswith(b"x-request-id")
    ]
    assert len(set(names)) == 2, "each answer has a name of its own"


@pytest.mark.parametrize(
    "header",
    [
        "Accept-Encoding: gzip",
        "Accept-Language: de",
        "Cookie: vedette_tz=Asia/Tokyo",
        "If-None-Match: *",
        "X-Forwarded-Proto: https",
    ],
)
async def test_what_it_depends_on_is_told_apart(door, header):
    await door.ask()
    for _ in range(2):
        count = door.asked.count("app")
        await door.ask(header)
    assert (count, door.asked.count("app")) == (2, 2)


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer x",
        "X-Request-Id: mine",
        "Content-Length: 0",
        "Connection: close",
        "Cookie: a=" + "x" * 3_000,
    ],
)
async def test_who_asks_for_more_is_answered_by_the_application(door, header):
    for _ in range(2):
        await door.ask(header)
    assert door.asked.count("app") == 2


async def test_a_body_that_comes_with_a_get_is_no_second_request(door):
    await door.ask()
    reader, writer = await door.connect()
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\nGET /own HTTP/1.1\r\nHost:x\r\n\r\n"
    )
    await read(reader)
    writer.close()
    assert "/own" not in door.asked


async def test_another_method_or_page_is_another_thing(door):
    await door.ask()
    head, body = await door.ask(method="HEAD")
    assert (b"200 OK" in head, body) == (True, b"")
    assert b"405" in (await door.ask(method="DELETE"))[0]
    one, other = [(await door.ask(path="/own"))[1] for _ in range(2)]
    assert one != other
    assert door.asked.count("/own") == 2


async def test_nothing_is_sent_again_after_a_change_or_its_time(door):
    first = await door.ask()
    door.keeper._forget()
    second = await door.ask()
    door.keeper.tick()
    third = await door.ask()
    assert len({body for _, body in (first, second, third)}) == 3


async def test_who_asks_many_times_on_one_connection_gets_the_answers_in_order(door):
    reader, writer = await door.connect()
    await ask(reader, writer)
    paths = ["/", "/", "/own", "/", "/own", "/"]
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
    bodies = [(await read(reader))[1].rstrip(b".") for _ in paths]
    writer.close()
    assert [bodies[n] for n in (0, 1, 3, 5)] == [b"2"] * 4
    assert bodies[2] != bodies[4]
    # The connection lives on, and so does what bounds it.
    assert still(await door.ask())[1].rstrip(b".") == b"2"


def test_what_is_remembered_has_a_bound_in_bytes(monkeypatch):
    monkeypatch.setattr("vedette.app.hot.BYTES", 1_000)
    keeper, hot = Keeper(clock := Clock()), Hot(None)
    keeper._proven(math.inf)
    lease = Lease(keeper, keeper.turn, clock.at + timedelta(minutes=1))
    for name in ("a", "b", "b", "c"):
        hot.note((name,), lease, {"status": 200, "headers": []}, name.encode() * 400)
    assert [name for name in "abc" if hot.again((name,), [])] == ["b", "c"]
    clock.at += timedelta(minutes=2)
    assert hot.again(("b",), []) is None
    hot.note(("d",), lease, {"status": 200, "headers": []}, b"d" * 500)
    assert hot._bytes == 900
