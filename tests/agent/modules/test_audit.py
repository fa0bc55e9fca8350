"""Audit records are put together and read, whatever they hold."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.agent.modules.audit import AuditLimits, Told, records
from vedette.agent.modules.audit_records import Events, fields

EXEC = [
    (1300, b"audit(1364481363.243:24287): arch=c000003e syscall=59 success=yes exit=0 auid=1000"),
    (1309, b'audit(1364481363.243:24287): argc=2 a0="ls" a1="-l"'),
    (1307, b'audit(1364481363.243:24287): cwd="/home/a b"'),
    (1327, b"audit(1364481363.243:24287): proctitle=6C73002D6C"),
    (1320, b"audit(1364481363.243:24287): "),
]


def test_records_of_one_number_are_one_event() -> None:
    events = Events()
    whole = [event for kind, text in EXEC for event in events.add(kind, text, now=0.0)]
    (told,) = [event.told(raw=False)["audit"] for event in whole]
    assert (told["serial"], told["timestamp"]) == (24287, 1364481363.243)
    assert [one["type"] for one in told["records"]] == ["SYSCALL", "EXECVE", "CWD", "PROCTITLE"]
    assert told["records"][1]["data"] == {"argc": "2", "a0": "ls", "a1": "-l"}
    assert told["records"][2]["data"] == {"cwd": "/home/a b"}
    assert told["records"][3]["data"] == {"proctitle": "ls -l"}
    assert whole[0].told(raw=True)["audit"]["raw"][1].startswith("argc=2")


def test_an_event_that_nobody_ends_is_told_after_a_while() -> None:
    events = Events()
    assert list(events.add(*EXEC[0], now=10.0)) == []
    assert list(events.late(now=11.0)) == []
    assert [event.number for event in events.late(now=12.5)] == [24287]
    assert list(events.late(now=99.0)) == []


def test_what_has_no_number_is_passed_over_and_counted() -> None:
    events = Events()
    assert list(events.add(1305, b"nonsense", now=0.0)) == []
    assert events.unread == 1


def test_events_without_end_are_bounded() -> None:
    events = Events()
    out = [
        event
        for number in range(5_000)
        for event in events.add(1300, b"audit(1.000:%d): a=b" % number, now=0.0)
    ]
    assert len(out) == 5_000 - 1_024
    long = Events()
    for _ in range(1_000):
        assert not list(long.add(1302, b"audit(1.000:7): a=b", now=0.0))
    (event,) = long.late(now=10.0)
    assert len(event.records) == 128


class Heard:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def tell(self, event: Any) -> None:
        self.events.append(event)


def test_more_than_the_second_allows_is_counted_and_told() -> None:
    heard: Any = Heard()
    told, events = Told(heard, AuditLimits(ratelimit=3)), Events()
    told.leftover(1.0)
    for number in range(10):
        told.all(events.add(1112, b"audit(1.000:%d): a=b" % number, now=1.0))
    assert len(heard.events) == 3
    told.leftover(2.0)
    assert heard.events[-1] == {"audit": {"lost": 7}}
    told.all(events.add(1112, b"audit(1.000:99): a=b", now=2.0))
    assert heard.events[-1]["audit"]["serial"] == 99


def test_a_message_of_netlink_is_a_record() -> None:
    body = EXEC[0][1]
    assert list(records(struct.pack("=IHHII", 0, 1300, 0, 0, 0) + body)) == [(1300, body)]
    assert list(records(b"short")) == []


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"comm=2F6574632F61206200", {"comm": "/etc/a b "}),
        (b"comm=abc", {"comm": "abc"}),
        (b"pid=10 key=(null)", {"pid": "10", "key": "(null)"}),
        (b"msg='op=PAM:auth acct=\"root\"'", {"msg": 'op=PAM:auth acct="root"'}),
        (b'exe="\xff"', {"exe": "\\xff"}),
    ],
)
def test_fields_are_read_as_the_kernel_writes_them(body: bytes, read: dict[str, str]) -> None:
    assert fields(body) == read


@given(kind=some.integers(0, 2**32 - 1), text=some.binary(max_size=300))
def test_whatever_the_kernel_says_it_is_read_without_a_fault(kind: int, text: bytes) -> None:
    events = Events()
    for body in (text, b"audit(1.000:1): " + text):
        for event in events.add(kind, body, now=0.0):
            assert event.told(raw=True)
