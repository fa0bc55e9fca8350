"""What a module that keeps running told: on disk, bounded in bytes and in events a second."""

import os
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

import msgspec

from vedette import clock

FILE_BYTES = 4 << 20
"""Of each of two files: the one that is written, and the one before."""
REMEMBERED = 1_000
A_SECOND = 100
"""Events kept in a second; a thousand may come at once."""
BURST = 1_000


class Kept:
    """The events of one module. count: kept since the start; dropped: of those that came too fast."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.dropped = 0
        self._path = path.with_suffix(".jsonl")
        self._before = path.with_suffix(".1.jsonl")
        self._file: IO[bytes] | None = None
        self._share = float(BURST)
        self._at = time.monotonic()
        self._last: deque[Any] | None = None

    def add(self, event: Any) -> bool:  # noqa: ANN401 - plain JSON
        """Keep an event; False when it came too fast after too many others."""
        now = time.monotonic()
        self._share = min(float(BURST), self._share + (now - self._at) * A_SECOND)
        self._at = now
        if self._share < 1:
            self.dropped += 1
            return False
        self._share -= 1
        self.count += 1
        one = {"at": clock.now().isoformat(timespec="milliseconds"), "event": event}
        self._remembered().append(one)
        self._write(msgspec.json.encode(one) + b"\n")
        return True

    def last(self, count: int) -> list[Any]:
        """Return the last events, the newest last; those of an earlier start too."""
        return list(self._remembered())[-count:]

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _remembered(self) -> "deque[Any]":
        if self._last is None:
            self._last = deque(maxlen=REMEMBERED)
            for path in (self._before, self._path):
                self._last.extend(_read(path))
        return self._last

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            self._file = os.fdopen(handle, "ab", buffering=0)
        if self._file.tell() + len(line) > FILE_BYTES:
            self.close()
            self._path.replace(self._before)
            self._write(line)
            return
        self._file.write(line)


def _read(path: Path) -> list[Any]:
    found = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines[-REMEMBERED:]:
        try:
            found.append(msgspec.json.decode(line))
        except msgspec.MsgspecError:
            continue  # a line that a crash cut short
    return found
