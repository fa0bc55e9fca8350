"""The agent's own page, said in bytes over a real socket."""

import asyncio

import pytest

from vedette.agent.metrics import REQUEST_BYTES, Sample, listen
from vedette.errors import Invalid

LONGEST_S = 20


@pytest.fixture
async def say():
    """Return what the page answers to these bytes; the agent ails when `wrong` says how."""
    wrong = [""]
    samples = [Sample("vedette_agent_targets", "gauge", "Targets.", 3)]
    server = await listen("127.0.0.1:0", lambda: samples, lambda: wrong[0])

    async def asked(sent, *, ailing=""):
        wrong[0] = ailing
        async with asyncio.timeout(LONGEST_S):
            incoming, outgoing = await asyncio.open_connection(*server.sockets[0].getsockname())
            outgoing.write(sent)
            head, _, body = (await incoming.read()).partition(b"\r\n\r\n")
            outgoing.close()
            return int(head.split()[1]), body

    async with server:
        yield asked


def request(line):
    return f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_metrics_and_health_are_served_and_nothing_else(say):
    assert (await say(request("GET /metrics?x=1")))[1].endswith(b"\nvedette_agent_targets 3\n")
    assert await say(request("GET /healthz")) == (200, b"ok\n")
    assert await say(request("GET /healthz"), ailing="no server") == (503, b"no server\n")
    assert (await say(request("GET /etc/passwd")))[0] == 404
    assert (await say(request("POST /metrics")))[0] == 405
    assert (await say(b"\xff\xfe\r\n\r\n"))[0] == 405


async def test_head_is_get_without_a_body(say):
    assert await say(request("HEAD /metrics")) == (200, b"")
    assert await say(request("HEAD /healthz"), ailing="no server") == (503, b"")


async def test_a_head_too_long_is_refused_and_nothing_is_left_behind(say):
    # Exactly as much as makes it too long: bytes left unread would make the port hang up hard.
    too_long = REQUEST_BYTES + len(b"\r\n\r\n")
    assert (await say(b"GET /metrics HTTP/1.1\r\nX: ".ljust(too_long, b"a")))[0] == 431


async def test_an_address_that_is_none_is_refused():
    with pytest.raises(Invalid, match="HOST:PORT"):
        await listen("nonsense", list, str)
