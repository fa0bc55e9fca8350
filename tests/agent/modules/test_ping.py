"""What the `ping` module answers, of this host and of sockets we open on it."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask

from vedette.agent.modules import Context, Result, icmp
from vedette.agent.modules.ping import Ping
from vedette.errors import Invalid


def may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


needs_icmp = pytest.mark.skipif(not may_ping(), reason="this user may not send ICMP")


def ping(destination: str = "127.0.0.1", **given: Any) -> Result:
    return ask(Ping(), {"destination": destination, "count": 1, "timeout": 1, **given})


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_tcp_port_that_is_open_is_reached(listening: int) -> None:
    result = ping(protocol="tcp", destinationport=listening, count=2)
    assert (result.foundanything, result.success) == (True, True)
    assert len(result.elements["latencies"]) == 2
    assert all(0 < one < 1000 for one in result.elements["latencies"])
    assert {key: result.elements[key] for key in ("protocol", "resolvedhost", "failures")} == {
        "protocol": "tcp",
        "resolvedhost": f"127.0.0.1:{listening} (127.0.0.1)",
        "failures": [],
    }


def test_a_tcp_port_that_is_closed_is_refused_and_nothing_breaks(closed: int) -> None:
    result = ping(protocol="tcp", destinationport=closed)
    assert (result.foundanything, result.success) == (False, True)
    assert result.elements["latencies"] == [-1]


def test_a_tcp_port_that_answers_nothing_times_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        queue = [socket.socket() for _ in range(4)]
        for one in queue:  # a full queue answers no more
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        result = ping(protocol="tcp", destinationport=server.getsockname()[1], timeout=0.2)
        for one in queue:
            one.close()
    assert (result.foundanything, result.elements["latencies"]) == (False, [9999999])


def test_a_udp_port_that_answers_is_reached_and_one_that_is_closed_is_not(closed: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            content, who = server.recvfrom(100)
            server.sendto(content, who)

        thread = threading.Thread(target=answer)
        thread.start()
        result = ping(protocol="udp", destinationport=server.getsockname()[1])
        thread.join()
    assert result.foundanything
    assert 0 < result.elements["latencies"][0] < 1000
    refused = ping(protocol="udp", destinationport=closed)
    assert (refused.foundanything, refused.elements["latencies"]) == (False, [-1])


def test_a_udp_port_that_says_nothing_may_be_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        result = ping(protocol="udp", destinationport=server.getsockname()[1], timeout=0.1)
    assert (result.foundanything, result.elements["latencies"]) == (True, [9999999])


@needs_icmp
@pytest.mark.parametrize("destination", ["127.0.0.1", "::1", "localhost"])
def test_this_host_answers_an_echo(destination: str) -> None:
    if destination == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    result = ping(destination, protocol="icmp", count=2)
    assert (result.foundanything, result.success) == (True, True)
    assert all(0 < one < 1000 for one in result.elements["latencies"])
    assert result.elements["resolvedhost"].startswith(f"{destination} (")


def test_an_echo_of_another_is_no_answer_to_ours() -> None:
    ours, number, content = 7, 1, b"x" * 46
    for kind, code, whose, which, said in (
        (8, 0, ours, number, content),  # the question itself, as raw sockets see it
        (3, 1, ours, number, content),  # a router's "no such host"
        (0, 0, 8, number, content),
        (0, 0, ours, 2, content),
        (0, 0, ours, number, b"y" * 46),
    ):
        packet = struct.pack(">BBHHH", kind, code, 0, whose, which) + said
        assert not icmp._answers(packet, socket.AF_INET, ours, number, content)
    good = struct.pack(">BBHHH", 0, 0, 0, ours, number) + content
    assert icmp._answers(good, socket.AF_INET, ours, number, content)


def test_a_host_that_cannot_be_reached_is_a_failure_in_words() -> None:
    result = ping("192.0.2.255", protocol="udp", destinationport=9, timeout=0.2)
    # a broadcast address, or none at all: what the kernel says of it differs
    assert result.success
    latency = result.elements["latencies"][0]
    assert latency == 9999999 or (
        latency == 0 and result.elements["failures"][0].startswith("ping #1 failed with error: ")
    )


def test_a_name_that_leads_nowhere_is_told_of() -> None:
    result = ping("no.such.invalid", protocol="tcp", destinationport=80)
    assert (result.foundanything, result.success) == (False, False)
    assert result.errors[0].startswith("no.such.invalid: ")
    assert result.elements["latencies"] == []


def test_three_probes_are_sent_when_nobody_says_how_many(listening: int) -> None:
    begun = time.monotonic()
    result = ping(protocol="tcp", destinationport=listening, count=0)
    assert len(result.elements["latencies"]) == 3
    assert time.monotonic() - begun >= 0.2  # nobody is flooded


def test_a_run_whose_time_is_over_sends_nothing_more(listening: int) -> None:
    late = Context(deadline=time.monotonic())
    given = {"destination": "127.0.0.1", "protocol": "tcp", "destinationport": listening}
    result = ask(Ping(), given, late)
    assert (result.success, result.elements["latencies"]) == (False, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"protocol": "tcp"}, "tcp needs a port"),
        ({"protocol": "udp", "destinationport": 65536}, "<= 65535"),
        ({"protocol": "sctp"}, "Invalid enum value"),
        ({"protocol": "icmp", "count": -1}, ">= 0"),
        ({"protocol": "icmp", "port": 7}, "there is no 'port'"),
        ({"destination": "", "protocol": "icmp"}, "length >= 1"),
    ],
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ping(**given)
    assert said in str(refused.value)


@given(some.binary(max_size=100))
def test_a_packet_with_its_checksum_adds_up_to_nothing(content: bytes) -> None:
    packet = struct.pack(">BBHHH", 8, 0, 0, 1, 2) + content
    whole = packet[:2] + struct.pack(">H", icmp.checksum(packet)) + packet[4:]
    assert icmp.checksum(whole) == 0


@given(some.binary(max_size=60))
def test_any_bytes_may_come_for_an_answer(noise: bytes) -> None:
    for is_raw in (True, False):
        body = icmp._body(noise, socket.AF_INET, is_raw)
        assert not icmp._answers(body, socket.AF_INET, 1, 1, b"p" * 46)
