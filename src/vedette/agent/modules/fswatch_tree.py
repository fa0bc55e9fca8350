"""What is watched, how each file was, and what is to be said when it is no longer so."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from vedette.agent.modules.file_question import go_mode
from vedette.agent.modules.fswatch_inotify import (
    CREATE,
    DELETE,
    DELETE_SELF,
    IGNORED,
    ISDIR,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    OVERFLOW,
    Happened,
    Inotify,
)

HASHED_BYTES = 64 * 1024 * 1024
"""Of a longer file, size and time stand for what it holds."""
MOST_FOLDERS = 8_192


class Severity(IntEnum):
    """As in MIG: the lower, the worse."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


Alert = Callable[[Severity, str], None]


@dataclass(frozen=True, slots=True)
class State:
    """A file as it was. signature: of what it holds."""

    signature: str
    mode: int
    owner: tuple[int, int]

    def __str__(self) -> str:
        return f"{go_mode(self.mode)} {self.owner[0]}:{self.owner[1]}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A watched folder. only: the names that count in it; none is all."""

    path: bytes
    recursive: bool
    only: frozenset[bytes] = frozenset()

    def counts(self, name: bytes) -> bool:
        """Return whether what has this name is watched."""
        return not self.only or name in self.only

    def joined(self, other: "Folder") -> "Folder":
        """Return what is watched of a folder that two paths lead to: the kernel knows it once."""
        only = self.only | other.only if self.only and other.only else frozenset()
        return Folder(self.path, self.recursive or other.recursive, only)


@dataclass(slots=True)
class Tree:
    """Roots, their folders under watch, and the files below them."""

    inotify: Inotify
    alert: Alert
    _folders: dict[int, Folder] = field(default_factory=dict)
    _files: dict[bytes, State] = field(default_factory=dict)
    _missing: dict[bytes, bool] = field(default_factory=dict)

    def add(self, path: bytes, *, recursive: bool) -> None:
        """Watch a path; one that is not there is looked for again by `look_again`."""
        if os.path.isdir(path):  # noqa: PTH112 - bytes
            self._enter(Folder(path, recursive), quiet=True)
            return
        folder, name = os.path.split(path)
        if not os.path.isdir(folder):  # noqa: PTH112 - bytes
            self._missing[path] = recursive
            return
        self._enter(Folder(folder, recursive=False, only=frozenset([name])), quiet=True)

    def look_again(self) -> None:
        """Watch those paths that have appeared meanwhile."""
        for path, recursive in list(self._missing.items()):
            if os.path.lexists(path):
                del self._missing[path]
                self.add(path, recursive=recursive)
                self.alert(Severity.MEDIUM, f"monitored path {shown(path)} appeared")

    def happened(self, events: Iterator[Happened]) -> None:
        """Look at each file that something happened to, once."""
        touched: dict[bytes, None] = {}
        for event in events:
            if event.mask & OVERFLOW:
                self._all_again()
                continue
            folder = self._folders.get(event.watch)
            if folder is not None:
                self._one(folder, event, touched)
        for path in touched:
            self._look(path)

    def _one(self, folder: Folder, event: Happened, touched: dict[bytes, None]) -> None:
        if event.mask & (DELETE_SELF | MOVE_SELF):
            self._lost(event.watch, folder)
        elif event.mask & IGNORED:
            self._folders.pop(event.watch, None)
        elif event.name and folder.counts(event.name):
            path = os.path.join(folder.path, event.name)  # noqa: PTH118 - bytes
            if not event.mask & ISDIR:
                touched[path] = None
            elif event.mask & (CREATE | MOVED_TO) and folder.recursive:
                self._enter(Folder(path, recursive=True))
            elif event.mask & (DELETE | MOVED_FROM):
                self._forget_below(path)

    def _lost(self, watch: int, folder: Folder) -> None:
        del self._folders[watch]
        self.alert(Severity.MEDIUM, f"monitored directory {shown(folder.path)} disappeared")
        self._missing[folder.path] = folder.recursive

    def _forget_below(self, path: bytes) -> None:
        for gone in [one for one in self._files if one.startswith(path + b"/")]:
            del self._files[gone]
            self.alert(Severity.MEDIUM, f"monitored path {shown(gone)} disappeared")

    def _enter(self, folder: Folder, *, quiet: bool = False) -> None:
        """Watch a folder and, if that is wanted, all below it."""
        ahead = [folder]
        while ahead:
            if len(self._folders) >= MOST_FOLDERS:
                words = f"more than {MOST_FOLDERS} folders: what is below is not watched:"
                self.alert(Severity.HIGH, f"{words} {shown(folder.path)}")
                return
            here = ahead.pop()
            try:
                entries = self._watched(here)
            except OSError as fault:
                words = f"{shown(here.path)} cannot be watched: {fault.strerror}"
                self.alert(Severity.MEDIUM, words)
                continue
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    if here.counts(entry.name):
                        self._look(entry.path, quiet=quiet)
                elif here.recursive:
                    ahead.append(Folder(entry.path, recursive=True))

    def _watched(self, folder: Folder) -> list["os.DirEntry[bytes]"]:
        """Watch a folder, then list it, so that nothing falls between."""
        watch = self.inotify.add(folder.path)
        before = self._folders.get(watch)
        self._folders[watch] = folder if before is None else before.joined(folder)
        with os.scandir(folder.path) as listing:
            return list(listing)

    def _all_again(self) -> None:
        self.alert(Severity.MEDIUM, "the kernel lost events; everything is looked at again")
        for folder in list(self._folders.values()):
            self._enter(folder)
        for path in list(self._files):
            self._look(path)

    def _look(self, path: bytes, *, quiet: bool = False) -> None:
        before, now = self._files.get(path), _state(path)
        if now is None:
            if self._files.pop(path, None) is not None:
                self.alert(Severity.MEDIUM, f"monitored path {shown(path)} disappeared")
            return
        self._files[path] = now
        if quiet or before == now:
            return
        if before is None:
            self.alert(Severity.MEDIUM, f"monitored path {shown(path)} appeared: {now.signature}")
        elif before.signature != now.signature:
            words = f"signature for {shown(path)} changed: {before.signature} -> {now.signature}"
            self.alert(Severity.HIGH, words)
        else:
            self.alert(Severity.MEDIUM, f"mode of {shown(path)} changed: {before} -> {now}")


def shown(path: bytes) -> str:
    """Return a path as it is told."""
    return path.decode("utf-8", "backslashreplace")


def _state(path: bytes) -> State | None:
    """Return how a file is; None when it is none. What cannot be read has the reason for a signature."""
    try:
        inode = os.lstat(path)
        if stat.S_ISLNK(inode.st_mode):
            signature = "link to " + shown(os.readlink(path))  # noqa: PTH115 - bytes
        elif stat.S_ISREG(inode.st_mode):
            signature = _signature(path, inode)
        else:
            return None
    except FileNotFoundError:
        return None
    except OSError as fault:
        return State(f"unreadable: {fault.strerror}", 0, (0, 0))
    return State(signature, stat.S_IMODE(inode.st_mode), (inode.st_uid, inode.st_gid))


def _signature(path: bytes, inode: os.stat_result) -> str:
    if inode.st_size > HASHED_BYTES:
        return f"{inode.st_size} bytes at {inode.st_mtime_ns}"
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
