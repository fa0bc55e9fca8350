"""What the `timedrift` module answers, of NTP servers that we play on real sockets."""

import math
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Result
from vedette.agent.modules.ntp import NoTime, go_duration, read_answer
from vedette.agent.modules.timedrift import Timedrift
from vedette.errors import Invalid

TO_1970 = 2_208_988_800


def stamp(at: float) -> bytes:
    whole = math.floor(at)
    return struct.pack(">II", (whole + TO_1970) % 2**32, min(int((at - whole) * 2**32), 2**32 - 1))


def answer(
    question: bytes, *, ahead: float = 0.0, first: int = 0b00_100_100, stratum: int = 2
) -> bytes:
    now = stamp(time.time() + ahead)
    head = struct.pack(">BBbb", first, stratum, 6, -20) + bytes(8) + b"RATE"
    return head + bytes(8) + question[40:48] + now + now


@contextmanager
def server(*replies: Callable[[bytes], bytes]) -> Iterator[int]:
    """Play an NTP server that answers each question with all these replies; yield its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                question, who = line.recvfrom(1024)
                if not question:
                    return
                for reply in replies:
                    line.sendto(reply(question), who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield line.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", line.getsockname())
        thread.join()


def host(root: Path, *servers: str) -> Context:
    lines = "".join(f"server {one} iburst\n" for one in servers)
    return plant(root, {"etc/ntp.conf": f"# server 192.0.2.1\ndriftfile /x\n{lines}"})


def drift(port: int, context: Context, allowed: str = "5s") -> Result:
    soon = Context(root=context.root, deadline=time.monotonic() + 1)
    return ask(Timedrift(port, fallback=()), {"drift": allowed}, soon)


def test_without_a_drift_only_the_local_time_is_told() -> None:
    result = ask(Timedrift(), {})
    assert (result.foundanything, result.success) == (True, True)
    assert list(result.elements) == ["hascheckeddrift", "localtime"]
    assert result.elements["hascheckeddrift"] is False
    told = datetime.fromisoformat(result.elements["localtime"])
    assert abs((told - datetime.now(UTC)).total_seconds()) < 10
    assert list(result.statistics) == ["exectime"]


def test_a_clock_that_goes_right_is_within_its_drift(tmp_path: Path) -> None:
    with server(answer) as port:
        result = drift(port, host(tmp_path, "127.0.0.1"))
    assert (result.foundanything, result.success, result.errors) == (False, True, [])
    assert result.elements["hascheckeddrift"] is True
    assert result.elements["iswithindrift"] is True
    assert result.elements["drifts"] == []
    (told,) = result.statistics["ntpstats"]
    assert list(told) == ["host", "time", "latency", "drift", "reachable"]
    assert (told["host"], told["reachable"]) == ("127.0.0.1", True)
    at = datetime.fromisoformat(told["time"])
    assert abs((at - datetime.now(UTC)).total_seconds()) < 10


@pytest.mark.parametrize(("ahead", "word"), [(90.0, "behind"), (-90.0, "ahead of")])
def test_a_clock_that_is_off_is_told_by_how_much(tmp_path: Path, ahead: float, word: str) -> None:
    with server(lambda question: answer(question, ahead=ahead)) as port:
        result = drift(port, host(tmp_path, "127.0.0.1"))
    assert (result.foundanything, result.success) == (True, True)
    assert result.elements["iswithindrift"] is False
    (said,) = result.elements["drifts"]
    assert re.fullmatch(rf"Local time is {word} ntp host 127\.0\.0\.1 by 1m(30|29)(\.\d+)?s", said)


def test_the_first_server_that_answers_is_taken(tmp_path: Path) -> None:
    with server(answer) as port:
        result = drift(port, host(tmp_path, "no.such.invalid", "127.0.0.1", "127.0.0.2"))
    assert [(one["host"], one["reachable"]) for one in result.statistics["ntpstats"]] == [
        ("no.such.invalid", False),
        ("127.0.0.1", True),
    ]
    assert result.statistics["ntpstats"][0]["time"] == "0001-01-01T00:00:00Z"
    assert result.success
    assert result.errors[0].startswith("no.such.invalid: ")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/ntp.conf", "pool 127.0.0.1\n"),
        ("etc/chrony/chrony.conf", "server 127.0.0.1 iburst\n"),
        ("etc/chrony/sources.d/dhcp.sources", "  server\t127.0.0.1\n"),
        ("etc/systemd/timesyncd.conf", "[Time]\nNTP=127.0.0.1 192.0.2.1\n"),
        ("etc/systemd/timesyncd.conf", "[Time]\n#NTP=192.0.2.1\nFallbackNTP = 127.0.0.1\n"),
    ],
)
def test_the_servers_are_those_the_host_itself_asks(
    tmp_path: Path, path: str, content: str
) -> None:
    with server(answer) as port:
        assert drift(port, plant(tmp_path, {path: content})).success


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "too short": lambda question: answer(question)[:47],
    "none of a server": lambda question: answer(question, first=0b00_100_011),
    "sends us away: RATE": lambda question: answer(question, stratum=0),
    "does not know the time": lambda question: answer(question, first=0b11_100_100),
    "does not know the time itself": lambda question: answer(question, stratum=16),
    "no answer in time": lambda question: answer(bytes(48), ahead=9e6),
}


@pytest.mark.parametrize("said", HOSTILE)
def test_an_answer_one_cannot_go_by_is_none(tmp_path: Path, said: str) -> None:
    with server(HOSTILE[said]) as port:
        context = Context(root=host(tmp_path, "127.0.0.1").root, deadline=time.monotonic() + 0.3)
        result = ask(Timedrift(port, fallback=()), {"drift": "5s"}, context)
    assert not result.success
    assert not result.foundanything
    assert "iswithindrift" not in result.elements
    assert any(said in words for words in result.errors)
    assert "no NTP server gave the time" in result.errors


def test_what_answers_another_question_is_passed_by(tmp_path: Path) -> None:
    with server(lambda question: answer(bytes(48), ahead=9e6), answer) as port:
        result = drift(port, host(tmp_path, "127.0.0.1"))
    assert (result.success, result.foundanything) == (True, False)


@pytest.mark.parametrize("given", [{"drift": "five"}, {"drift": 5}, {"drifts": "5s"}])
def test_a_question_of_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(Timedrift(), given)


@given(some.binary(max_size=80))
def test_any_bytes_may_be_an_answer(noise: bytes) -> None:
    try:
        told = read_answer(noise, sent_s=1.7e9, came_s=1.7e9 + 1)
    except NoTime:
        return
    assert told.delay_s >= 0


@given(some.floats(0, 9e9), some.floats(-1e6, 1e6), some.floats(0, 10), some.floats(0, 10))
def test_the_offset_is_found_whatever_the_way_takes_and_whatever_the_era(
    now: float, offset: float, way: float, thought: float
) -> None:
    arrived = now + way + offset
    packet = (
        struct.pack(">BBbb", 0b00_100_100, 1, 0, 0)
        + bytes(28)
        + stamp(arrived)
        + stamp(arrived + thought)
    )
    if packet[40:48] == bytes(8):
        return
    told = read_answer(packet, sent_s=now, came_s=now + 2 * way + thought)
    assert told.offset_s == pytest.approx(offset, abs=1e-4)
    assert told.delay_s == pytest.approx(2 * way, abs=1e-4)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"),
        (1e-9, "1ns"),
        (0.0000215, "21.5µs"),
        (0.0215, "21.5ms"),
        (1, "1s"),
        (59.25, "59.25s"),
        (-90.5, "-1m30.5s"),
        (3600, "1h0m0s"),
        (90061.001, "25h1m1.001s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, said: str) -> None:
    assert go_duration(seconds) == said
