"""The spool's files: every folder and file is opened without following links, and what is no plain file is not read.

Folders are opened anew each time: whoever may write there may have put something else in their place. What is
written appears as a whole (a name that begins with a dot, then renamed), and needs no fsync: the rows are the truth.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vedette.actions.command import DOCUMENT_BYTES
from vedette.actions.spool_rules import FOLDERS, INVALID, NEW, OURS
from vedette.errors import Unavailable

LOCK = ".lock"
TAKING = ".taking."
"""Before the name of a file that is being handed in."""
MOST_DROPS = 200
"""Files that are looked at in one turn."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from the one that lay there before."""

    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Something that lies in `action/new`. data: its bytes; None: it is no file to be read, `why` says so."""

    name: str
    stamp: Stamp
    owner: int
    data: bytes | None
    why: str = ""


class SpoolFiles:
    """The tree below a folder; one program at a time has it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._lock: int | None = None

    def take(self) -> bool:
        """Make the tree where it is missing and take it; False while another program has it.

        Raises Unavailable when it cannot be made.
        """
        if self._lock is not None:
            return True
        try:
            for folder in FOLDERS:
                (self.top / folder).mkdir(mode=0o750, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(self.top / LOCK, flags, 0o600)
        except OSError as error:
            raise Unavailable(f"the spool {self.top} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def leave(self) -> None:
        """Let another program have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def sweep(self) -> None:
        """Remove what a program that was killed had not finished writing."""
        for folder in FOLDERS:
            with self._open(folder) as fd:
                for name in _names(fd):
                    if name.startswith(".") and OURS.fullmatch(name[1:]):
                        os.unlink(name, dir_fd=fd)

    def listing(self) -> list[tuple[str, str]]:
        """Return (folder, name) of everything in the tree that does not begin with a dot."""
        found = []
        for folder in FOLDERS:
            with self._open(folder) as fd:
                found += [(folder, name) for name in _names(fd) if not name.startswith(".")]
        return found

    def drops(self, known: dict[str, Stamp]) -> list[Drop]:
        """Return what lies in `action/new` beside the files in `known`, the oldest first."""
        with self._open(NEW) as fd:
            seen = []
            for name in _names(fd):
                if name.startswith(".") and not name.startswith(TAKING):
                    continue
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    if known.get(name) != _stamp(status):
                        seen.append((status.st_mtime_ns, name))
            found = [_read(fd, name) for _, name in sorted(seen)[:MOST_DROPS]]
        return [drop for drop in found if drop is not None]

    def claim(self, drop: Drop) -> str | None:
        """Put the file aside while it is handed in, and return its name there; None: another lies there now."""
        if drop.name.startswith(TAKING):
            return drop.name
        # The longest name of a file has 255 bytes.
        aside = TAKING + os.fsdecode(os.fsencode(drop.name)[: 255 - len(TAKING)])
        with self._open(NEW) as fd:
            if _lies(fd, drop.name) != drop.stamp or _lies(fd, aside) is not None:
                return None
            os.rename(drop.name, aside, src_dir_fd=fd, dst_dir_fd=fd)
            if _lies(fd, aside) == drop.stamp:
                return aside
            os.rename(aside, drop.name, src_dir_fd=fd, dst_dir_fd=fd)
        return None

    def refuse(self, name: str, as_name: str, reason: str) -> None:
        """Move what lies in `action/new` to `action/invalid`, the reason beside it."""
        self.write(INVALID, f"{as_name}.reason", f"{reason}\n".encode())
        with self._open(NEW) as new, self._open(INVALID) as invalid, suppress(FileNotFoundError):
            os.rename(name, as_name, src_dir_fd=new, dst_dir_fd=invalid)

    def write(self, folder: str, name: str, data: bytes) -> Stamp:
        """Write a file, as a whole or not at all, in the place of what lies there."""
        with self._open(folder) as fd:
            stamp = _write_beside(fd, name, data)
            os.rename(f".{name}", name, src_dir_fd=fd, dst_dir_fd=fd)
        return stamp

    def write_new(self, name: str, data: bytes, ours: Stamp | None) -> Stamp | None:
        """Write a file into `action/new`; None when somebody else's lies there, which is handed in first.

        ours: the one that may be written over.
        """
        with self._open(NEW) as fd:
            stamp = _write_beside(fd, name, data)
            if ours is not None and _lies(fd, name) == ours:
                os.unlink(name, dir_fd=fd)
            try:
                # A link, unlike a renaming, never takes the place of another file.
                os.link(f".{name}", name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            except FileExistsError:
                return None
            finally:
                os.unlink(f".{name}", dir_fd=fd)
        return stamp

    def remove(self, folder: str, name: str, ours: Stamp | None = None) -> None:
        """Remove a file, where `ours` is given only that one; one that is gone already is well."""
        with self._open(folder) as fd, suppress(FileNotFoundError, IsADirectoryError):
            if ours is None or _lies(fd, name) == ours:
                os.unlink(name, dir_fd=fd)

    def remove_refused(self, before: float) -> None:
        """Remove what was refused before that moment (POSIX seconds), and its reason."""
        with self._open(INVALID) as fd:
            for name in _names(fd):
                if not name.endswith(".reason"):
                    continue
                with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                    if os.stat(name, dir_fd=fd, follow_symlinks=False).st_mtime >= before:
                        continue
                    with suppress(FileNotFoundError):
                        os.unlink(name.removesuffix(".reason"), dir_fd=fd)
                    os.unlink(name, dir_fd=fd)

    @contextmanager
    def _open(self, folder: str) -> Iterator[int]:
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(self.top / folder, flags)
        except OSError as error:
            path = self.top / folder
            raise Unavailable(f"{path} is no folder to be used: {error.strerror}") from None
        try:
            yield fd
        finally:
            os.close(fd)


def _read(folder: int, name: str) -> Drop | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        stamp = _stamp(status)
        if not stat.S_ISREG(status.st_mode):
            return Drop(name, stamp, status.st_uid, None, "it is no plain file")
        # A FIFO that takes its place meanwhile must hold nobody up.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            status = os.fstat(file.fileno())
            stamp = _stamp(status)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                return Drop(name, stamp, status.st_uid, None, "it is no plain file of its own")
            if status.st_size > DOCUMENT_BYTES:
                why = f"an action has at most {DOCUMENT_BYTES} bytes, this has {status.st_size}"
                return Drop(name, stamp, status.st_uid, None, why)
            return Drop(name, stamp, status.st_uid, file.read(DOCUMENT_BYTES + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Drop(name, stamp, status.st_uid, None, f"it cannot be read: {error.strerror}")


def _write_beside(folder: int, name: str, data: bytes) -> Stamp:
    with suppress(FileNotFoundError):
        os.unlink(f".{name}", dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(f".{name}", flags, 0o640, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        return _stamp(os.fstat(file.fileno()))


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _lies(folder: int, name: str) -> Stamp | None:
    try:
        return _stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
