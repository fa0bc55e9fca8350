"""A port that listens, greets, or does not."""

import asyncio
from contextlib import asynccontextmanager

from tests.connectors.looks import Allowing, look_at, names, verdict


@asynccontextmanager
async def greeting(*pieces: bytes):
    async def greet(_reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_listening_port_is_up():
    async with greeting() as port:
        report = await look_at("tcp", host="127.0.0.1", port=port)
    assert verdict(report) == ("up", "")
    assert names(report) == {"resolve_s", "connect_s"}
    assert report.facts["address"] == "127.0.0.1"


async def test_a_greeting_may_come_in_pieces():
    async with greeting(b"220 mail.sh", b"op.example ESMTP\r\n") as port:
        report = await look_at("tcp", host="127.0.0.1", port=port, expect="220 mail.shop.example")
    assert verdict(report) == ("up", "")
    assert "greeting_s" in names(report)


async def test_another_greeting_is_bad_content():
    async with greeting(b"554 go away\r\n") as port:
        report = await look_at("tcp", host="127.0.0.1", port=port, expect="220")
    assert verdict(report) == ("down", "bad_content")


async def test_an_endless_greeting_is_read_to_its_limit():
    async with greeting(b"x" * 100_000) as port:
        report = await look_at("tcp", host="127.0.0.1", port=port, expect="220")
    assert report.error_class in ("bad_content", "closed")


async def test_a_limit_degrades():
    async with greeting() as port:
        report = await look_at("tcp", host="127.0.0.1", port=port, thresholds={"connect_s": 0.0})
    assert verdict(report) == ("degraded", "threshold")


async def test_a_name_that_resolves_nowhere_is_a_dns_fault():
    report = await look_at("tcp", host="nowhere.invalid", port=1)
    assert report.error_class == "dns"


async def test_the_next_address_is_tried_when_the_first_refuses():
    async with greeting() as port:

        class Two(Allowing):
            async def __call__(self, host, port):
                return ["127.0.0.2", "127.0.0.1"]

        report = await look_at("tcp", host="shop.example", port=port, reach=Two())
    assert report.facts["address"] == "127.0.0.1"


async def test_an_address_without_a_route_from_here_is_our_own_blindness():
    class Nowhere(Allowing):
        async def __call__(self, host, port):
            return ["2001:db8::1"]

    report = await look_at("tcp", host="shop.example", port=9, timeout_s=1.0, reach=Nowhere())
    assert report.error_class in ("unreachable", "timeout", "exhausted")
    assert report.error_class == "timeout" or report.state.word == "unknown"
