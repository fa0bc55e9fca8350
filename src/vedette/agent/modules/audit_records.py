"""The kernel's audit records, put together: one event of all that have the same number.

A record is text: `audit(SECONDS.MS:NUMBER): key=value key="quoted" key=hexadecimal`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

END_OF_EVENT = 1320
NAMES = {
    1100: "USER_AUTH",
    1101: "USER_ACCT",
    1103: "CRED_ACQ",
    1104: "CRED_DISP",
    1105: "USER_START",
    1106: "USER_END",
    1107: "USER_AVC",
    1108: "USER_CHAUTHTOK",
    1112: "USER_LOGIN",
    1113: "USER_LOGOUT",
    1123: "USER_CMD",
    1130: "SERVICE_START",
    1131: "SERVICE_STOP",
    1300: "SYSCALL",
    1302: "PATH",
    1303: "IPC",
    1305: "CONFIG_CHANGE",
    1306: "SOCKADDR",
    1307: "CWD",
    1309: "EXECVE",
    1320: "EOE",
    1326: "SECCOMP",
    1327: "PROCTITLE",
    1400: "AVC",
    1403: "MAC_POLICY_LOAD",
    1700: "ANOM_PROMISCUOUS",
    1701: "ANOM_ABEND",
}
"""By the number of its kind; others keep the number."""
_HEAD = re.compile(rb"audit\((\d{1,20})\.(\d{3}):(\d{1,20})\):\s*")
_FIELD = re.compile(rb"""([\w.\[\]-]+)=("[^"]*"|'[^']*'|\S*)""")
_HEXADECIMAL = {"proctitle", "cmd", "exe", "comm", "name", "cwd", "data", "key"}
"""Fields that the kernel writes in hexadecimal where they hold blanks or worse."""
_COMPLETE_S = 2.0
"""When an event counts as whole though nobody said so."""
_MOST_RECORDS = 128
_MOST_OPEN = 1_024


@dataclass(slots=True)
class Event:
    """What has one number. at: seconds since 1970."""

    at: float
    number: int
    seen: float
    records: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    def told(self, *, raw: bool) -> dict[str, Any]:
        """Return it as it is handed on."""
        event = {"timestamp": self.at, "serial": self.number, "records": self.records}
        return {"audit": {**event, "raw": self.raw} if raw else event}


class Events:
    """Puts records together; a record of no number is passed over and counted."""

    def __init__(self) -> None:
        self.unread = 0
        self._open: dict[int, Event] = {}

    def add(self, kind: int, text: bytes, *, now: float) -> Iterator[Event]:
        """Take a record and yield the events that are whole by it. now: seconds of any clock."""
        head = _HEAD.match(text)
        if head is None:
            self.unread += kind != END_OF_EVENT
            return
        number = int(head[3])
        event = self._open.setdefault(
            number, Event(int(head[1]) + int(head[2]) / 1000, number, now)
        )
        if kind != END_OF_EVENT and len(event.records) < _MOST_RECORDS:
            body = text[head.end() :].rstrip(b"\0\n ")
            event.records.append({"type": NAMES.get(kind, str(kind)), "data": fields(body)})
            event.raw.append(body.decode("utf-8", "backslashreplace"))
        if kind == END_OF_EVENT or not 1300 <= kind < 1400:  # others are single
            yield self._open.pop(number)
        while len(self._open) > _MOST_OPEN:
            yield self._open.pop(next(iter(self._open)))

    def late(self, *, now: float) -> Iterator[Event]:
        """Yield the events of which nothing came for a while."""
        for number, event in list(self._open.items()):
            if now - event.seen >= _COMPLETE_S:
                yield self._open.pop(number)


def fields(body: bytes) -> dict[str, str]:
    """Return a record's fields.

    >>> fields(b'pid=1 exe="/bin/sh" proctitle=6C73002D6C')
    {'pid': '1', 'exe': '/bin/sh', 'proctitle': 'ls -l'}
    """
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(body):
        key = name.decode("ascii", "replace")
        found[key] = _value(key, value)
    return found


def _value(key: str, value: bytes) -> str:
    if value[:1] in (b'"', b"'"):
        return value[1:-1].decode("utf-8", "backslashreplace")
    if key in _HEXADECIMAL and len(value) > 1 and not len(value) % 2:
        try:
            text = bytes.fromhex(value.decode("ascii"))
        except ValueError:
            return value.decode("utf-8", "backslashreplace")
        return text.replace(b"\0", b" ").decode("utf-8", "backslashreplace")
    return value.decode("utf-8", "backslashreplace")
