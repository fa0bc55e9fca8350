"""A log file that is turned over at a size, and that never stops the program it serves."""

import errno
import os
import stat
import sys
import threading
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from vedette.errors import Unavailable

MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK, so that a pipe nobody reads is refused instead of waited for."""


class LogFile:
    """Appends whole lines; FILE becomes FILE.1 before it would grow beyond its size, FILE.1 FILE.2.

    Whoever renames or removes it, as logrotate does, finds a new one at the next line. Once it is
    open, a line that cannot be written (a full disk) is lost: stderr is told when that begins and
    when it ends. Any thread may write.
    """

    def __init__(self, path: Path, *, size_bytes: int, keep: int) -> None:
        """Open or make it; raises `Unavailable`. keep: how many old ones stay beside it."""
        self.path = path.absolute()
        self._size_bytes, self._keep = size_bytes, keep
        self._lock = threading.Lock()
        self._lost = 0
        self._is_torn = False
        self._handle: int | None = None
        try:
            self._handle = self._open()
        except OSError as error:
            raise Unavailable(
                f"the log file {path} cannot be written: {error.strerror}",
                hint="make its folder and let this user write there, or name another: --log-file",
            ) from None

    def write(self, text: str) -> int:
        """Append one line, or several; never raises."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                self._append(self._current(len(data)), data)
            except OSError as error:
                self._lose(error)
            else:
                self._work_again()
        return len(text)

    def flush(self) -> None:
        """Do nothing: no line is held back."""

    def close(self) -> None:
        """Let go of the file; another line would open it again."""
        with self._lock:
            self._let_go()

    def _open(self) -> int:
        handle = os.open(self.path, _FLAGS, MODE)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "it is not a file")
        return handle

    def _current(self, more: int) -> int:
        """Return the handle of the file that stands at the path now, with room for so many bytes."""
        if self._handle is not None and not self._stands_there(self._handle):
            self._let_go()
        if self._handle is None:
            self._handle = self._open()
        size = os.fstat(self._handle).st_size
        if size and size + more > self._size_bytes:
            self._turn_over()
            self._let_go()
            self._handle = self._open()
        return self._handle

    def _stands_there(self, handle: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(handle))
        except FileNotFoundError:
            return False

    def _turn_over(self) -> None:
        if self._keep == 0:
            self.path.unlink()
            return
        names = [self.path, *(Path(f"{self.path}.{n}") for n in range(1, self._keep + 1))]
        for younger, older in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                younger.replace(older)

    def _append(self, handle: int, data: bytes) -> None:
        # What follows half a line begins on a line of its own.
        rest = b"\n" + data if self._is_torn else data
        while rest:
            written = os.write(handle, rest)
            rest = rest[written:]
            self._is_torn = bool(rest)

    def _let_go(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                os.close(self._handle)
            self._handle = None

    def _lose(self, error: OSError) -> None:
        self._lost += 1
        if self._lost == 1:
            _tell(
                f"the log file {self.path} cannot be written: {error.strerror}; "
                "lines are lost until it can"
            )

    def _work_again(self) -> None:
        if self._lost:
            _tell(f"the log file {self.path} can be written again; {self._lost} lines were lost")
            self._lost = 0


def _tell(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"vedette: {line}\n")
        sys.stderr.flush()
