"""Goes down from all roots of all questions, reading each folder once.

Folders that are symbolic links are not entered, except where a root is one: `/bin` is `/usr/bin`
on most hosts. What other machines serve and what is no disk (/proc) is passed by unless a root
stands in it.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from vedette.agent.modules import Context
from vedette.agent.modules.file_question import Question

_PORTION = 8192
"""Entries held at once of a folder: some hold millions."""
_TOGETHER = 512
"""Entries of small folders that are looked at together: each look costs more than a few names."""
_MAGIC = frozenset("*?[")
"""What makes a shell pattern of a name."""

Active = tuple[tuple[Question, int], ...]
"""Who asks of a folder, and how many folders deep still; 0 is any number."""


class OutOfTime(Exception):  # noqa: N818 - not a fault of the file
    """The module's time is over in the middle of a file."""


class Entry(Protocol):
    """What stands in a folder; `os.DirEntry` is one."""

    @property
    def name(self) -> bytes:
        """Its base name."""
        ...

    @property
    def path(self) -> bytes:
        """Where it stands."""
        ...

    def is_file(self) -> bool:
        """Whether it is a regular file, or a link to one."""
        ...

    def is_symlink(self) -> bool:
        """Whether it is a link."""
        ...

    def stat(self) -> os.stat_result:
        """Return its inode's, following links."""
        ...


class Lone(msgspec.Struct, frozen=True):
    """A file that is itself a root."""

    path: bytes

    @property
    def name(self) -> bytes:
        """Return its base name."""
        return os.path.basename(self.path)  # noqa: PTH119 - bytes

    def is_file(self) -> bool:
        """Return whether it is a regular file, or a link to one."""
        return os.path.isfile(self.path)  # noqa: PTH113 - bytes

    def is_symlink(self) -> bool:
        """Return whether it is a link."""
        return os.path.islink(self.path)  # noqa: PTH114 - bytes

    def stat(self) -> os.stat_result:
        """Return its inode's, following links."""
        return os.stat(self.path)  # noqa: PTH116 - bytes


class Walk:
    """One way through the file system. faults: question → what could not be entered, in words.

    unreadable: how many folders those were. files: how much that is no folder was seen. spent:
    whether some question has all it wants. at_home: it comes to this host's own disks only.
    """

    __slots__ = (
        "_roots",
        "_special",
        "at_home",
        "context",
        "faults",
        "files",
        "mounts",
        "spent",
        "unreadable",
    )

    def __init__(self, context: Context, mounts: Mapping[bytes, bool]) -> None:
        self.context = context
        self.mounts = mounts
        self.faults: dict[Question, list[str]] = {}
        self.unreadable = self.files = 0
        self.spent = False
        self.at_home = False
        self._roots: dict[bytes, list[Question]] = {}
        self._special: frozenset[bytes] = frozenset()

    def entries(self, asked: Iterable[Question]) -> Iterator[tuple[Active, Sequence[Entry]]]:
        """Yield who asks and what stands there, folders among it, a portion at a time."""
        for question in asked:
            self._enrol(question)
        self.at_home = bool(self.mounts) and self._is_at_home()
        lone = [path for path in sorted(self._roots) if not os.path.isdir(path)]  # noqa: PTH112 - bytes
        files = {path: self._roots.pop(path) for path in lone}
        self._special = frozenset((*self._roots, *self.mounts))
        while self._roots and not self.context.expired:
            root = min(self._roots)
            yield from self._below(root, ())
        for path, here in files.items():
            if os.path.lexists(path):
                self.files += 1
                yield tuple((question, 0) for question in here), [Lone(path)]
            else:
                self._fault(here, path, "there is no such file or folder")

    def _enrol(self, question: Question) -> None:
        for said in question.search.paths:
            for path in self._named(said):
                here = self._roots.setdefault(path, [])
                if question not in here:
                    here.append(question)

    def _named(self, said: str) -> list[bytes]:
        """Return a root as it stands on this host; a shell pattern that is no name is expanded."""
        prefix = str(self.context.root).rstrip("/")
        clean = os.path.normpath("/" + said.lstrip("/"))
        if not _MAGIC.isdisjoint(clean) and not os.path.lexists(prefix + clean):
            from glob import escape, glob  # few ask so, and it costs a run

            found = glob(escape(prefix) + clean, include_hidden=True)  # noqa: PTH207 - as a shell does
            return [os.fsencode(path) for path in sorted(found)] or [os.fsencode(prefix + clean)]
        return [os.fsencode(prefix + clean)]

    def _is_at_home(self) -> bool:
        inside = [os.path.realpath(path) + b"/" for path in self._roots]
        elsewhere = tuple(mount.rstrip(b"/") + b"/" for mount in self.mounts)
        return not any(
            path.startswith(elsewhere) or any(one.options.remotefs for one in here)
            for path, here in zip(inside, self._roots.values(), strict=True)
        )

    def _below(self, root: bytes, active: Active) -> Iterator[tuple[Active, Sequence[Entry]]]:
        stack = [(root, active)]
        asking: Active = ()
        held: list[os.DirEntry[bytes]] = []
        deadline, at = self.context.deadline, time.monotonic
        while (stack or held) and at() < deadline:
            if held and (not stack or len(held) >= _TOGETHER or stack[-1][1] != asking):
                stack += self._folders(held, asking)
                yield asking, held
                held = []
                continue
            path, active = stack.pop()
            if self.spent or self._roots:
                active = self._joined(path, active)
            if held and active != asking:
                stack.append((path, active))
                continue
            asking = active
            if not active:
                continue
            try:
                with os.scandir(path) as listing:
                    held.extend(islice(listing, _PORTION))
                    while len(held) >= _PORTION:
                        stack += self._folders(held, asking)
                        yield asking, held
                        held = []
                        held.extend(islice(listing, _PORTION))
            except OSError as fault:  # also of a folder that opens: /proc/1/map_files
                self.unreadable += 1
                self._fault([one for one, _ in active], path, fault.strerror or str(fault))

    def _folders(
        self, entries: list["os.DirEntry[bytes]"], active: Active
    ) -> list[tuple[bytes, Active]]:
        """Return where to go on below these, and count the others."""
        paths = [one.path for one in entries if not one.is_symlink() and one.is_dir()]
        self.files += len(entries) - len(paths)
        deeper = _deeper(active)
        if self._special.isdisjoint(paths):
            return [(path, deeper) for path in paths] if deeper else []
        entered = []
        for path in paths:
            who = self._across(path, deeper) if path in self.mounts else deeper
            if who or path in self._roots:
                entered.append((path, who))
        return entered

    def _joined(self, path: bytes, active: Active) -> Active:
        """Add those whose root this folder is, and take away those who have enough."""
        if self.spent:
            active = tuple(one for one in active if not one[0].quota.spent)
        here = self._roots.pop(path, None) if self._roots else None
        if not here:
            return active
        others = tuple(one for one in active if one[0] not in here)
        return (*others, *((one, one.options.maxdepth) for one in here if not one.quota.spent))

    def _across(self, path: bytes, active: Active) -> Active:
        if not self.mounts[path]:
            return ()
        left_out = [one for one, _ in active if not one.options.remotefs]
        self._fault(left_out, path, "another machine serves it; `remotefs` walks it, too")
        return tuple(one for one in active if one[0].options.remotefs)

    def _fault(self, here: Iterable[Question], path: bytes, words: str) -> None:
        said = f"{'masked' if self.context.privacy else shown(path, self.context)}: {words}"
        for question in here:
            self.faults.setdefault(question, []).append(said)


def teller(context: Context) -> Callable[[bytes], str]:
    """Return what says a path as it is told: from the context's root, what is no UTF-8 escaped."""
    prefix = os.fsencode(str(context.root).rstrip("/"))
    return lambda path: (path.removeprefix(prefix) or b"/").decode("utf-8", "backslashreplace")


def shown(path: bytes, context: Context) -> str:
    """Return a path as it is told."""
    return teller(context)(path)


def _deeper(active: Active) -> Active:
    if not any(left for _, left in active):
        return active
    return tuple((one, left and left - 1) for one, left in active if left != 1)
