"""The `process` module: which processes of this host have these names, programs, users, ports.

Its searches are shaped as those of MIG's `file` and `memory`. What may not be looked at, because it
is another user's, is counted and said: where a search depends on it, that is no answer.
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import ClassVar

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.accounts import names_by_uid
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.host_files import MASKED
from vedette.agent.modules.process_parameters import Check, ProcessParameters, Search
from vedette.agent.modules.processes import Process, ProcHost
from vedette.agent.modules.sockets import Socket
from vedette.agent.modules.tally import Tally

Element = dict[str, object]
_PORTION = 1 << 20
_TOLD_CHARACTERS = 4096
"""Of a process's arguments: they may be megabytes, and are searched whole."""


class ProcessModule:
    """Finds processes.

    elements: `{label: [{process}]}`, each process `{name, pid, ppid, user, started, exe, deleted}` and
    what the options ask for: `cmdline`, `sha256`, `listening` (`[{protocol, address, port}]`).
    statistics: `processcount`, `totalhits`, `exectime`.
    """

    name: ClassVar[str] = "process"
    description: ClassVar[str] = (
        "Finds processes by name, arguments, program, its hash, user and listening port."
    )
    needs: ClassVar[Needs] = Needs(processes=True)
    parameters: ClassVar[type[Parameters]] = ProcessParameters

    def check(self, parameters: ProcessParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        for search in parameters.searches.values():
            _fitting((*search.names, *search.cmdlines, *search.exes))

    def run(self, parameters: ProcessParameters, context: Context) -> Result:
        """Look at each process once for all searches; `Invalid` as `check`."""
        tally = Tally(context)
        seen = Seen(context, tally)
        asked = [Question(label, one, seen) for label, one in parameters.searches.items()]
        for process in _processes(context, tally):
            if tally.over:
                break
            tally.examined += 1
            for question in asked:
                question.look(process)
        seen.tell_hidden()
        statistics = {
            "processcount": tally.examined,
            "totalhits": tally.hits,
            "exectime": tally.exectime,
        }
        return tally.result({one.label: one.hits for one in asked}, statistics)


class Seen:
    """What a run knows of the processes: whose they are, their programs' hashes, what was hidden."""

    def __init__(self, context: Context, tally: Tally) -> None:
        self.context = context
        self.tally = tally
        self._users = names_by_uid(context)
        self._hashes: dict[tuple[int, int, int, int], str] = {}
        self._hidden: Counter[tuple[str, bool]] = Counter()

    def user(self, process: Process) -> str:
        """Return the name of whose rights it has; the number when it has none here."""
        return self._users.get(process.uid, str(process.uid))

    def sha256(self, process: Process) -> str:
        """Return the hash of its program; "" of the kernel's own and when the time is over."""
        if not process.exe:
            return ""
        with process.program() as file:
            inode = _fstat(file.fileno())
            if inode not in self._hashes:
                digest = hashlib.sha256()
                while portion := file.read(_PORTION):
                    digest.update(portion)
                    if self.tally.over:
                        return ""
                self._hashes[inode] = digest.hexdigest().upper()
        return self._hashes[inode]

    def hide(self, what: str, *, decides: bool) -> None:
        """Count a process of which something may not be seen. decides: a search depends on it."""
        self._hidden[what, decides] += 1

    def tell_hidden(self) -> None:
        """Say what was hidden from this run."""
        for (what, decides), count in sorted(self._hidden.items()):
            words = f"{what} of {count} processes is hidden: that takes root"
            self.tally.fault(words, unanswered=decides)


class Question:
    """One search and what it has found."""

    def __init__(self, label: str, search: Search, seen: Seen) -> None:
        self.label = label
        self.hits: list[Element] = []
        self._search = search
        self._seen = seen
        self._checks = list(_checks(search, seen))

    def look(self, process: Process) -> None:
        """Remember the process when every check holds of it."""
        limit = self._search.options.matchlimit
        if (limit and len(self.hits) >= limit) or self._seen.tally.over:
            return
        if all(self._holds(name, check, process) for name, check in self._checks):
            self._told(process)

    def _holds(self, name: Check, check: Callable[[Process], bool], process: Process) -> bool:
        try:
            return check(process) is not (name in self._search.options.mismatch)
        except PermissionError:
            self._seen.hide(name, decides=True)
        except OSError:  # it has ended
            pass
        return False

    def _told(self, process: Process) -> None:
        try:
            told = self._element(process)
        except OSError:
            return
        self.hits.append({"process": told})
        self._seen.tally.hit()

    def _element(self, process: Process) -> Element:
        options, private = self._search.options, self._seen.context.privacy
        told: Element = {
            "name": process.name,
            "pid": process.pid,
            "ppid": process.ppid,
            "user": MASKED if private else self._seen.user(process),
            "started": process.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        for key, wanted, tell in (
            ("exe", True, lambda: MASKED if private else process.exe),
            ("deleted", True, lambda: process.is_deleted),
            (
                "cmdline",
                options.returncmdline,
                lambda: MASKED if private else _short(process.cmdline),
            ),
            ("sha256", options.returnsha256, lambda: self._seen.sha256(process)),
            ("listening", options.returnlistening, lambda: _ports(process.listening())),
        ):
            if wanted:
                self._tell(told, key, tell)
        return told

    def _tell(self, told: Element, key: str, tell: Callable[[], object]) -> None:
        try:
            told[key] = tell()
        except PermissionError:
            self._seen.hide(key, decides=False)


def _checks(search: Search, seen: Seen) -> Iterable[tuple[Check, Callable[[Process], bool]]]:
    """Yield the checks of a search, those that cost little first."""
    if search.names:
        named = _fitting(search.names)
        yield "name", lambda one: named(one.name) or named(_base(one))
    if search.users:
        users = frozenset(search.users)
        yield "user", lambda one: not users.isdisjoint((seen.user(one), str(one.uid)))
    if search.cmdlines:
        said = _fitting(search.cmdlines)
        yield "cmdline", lambda one: said(one.cmdline)
    if search.exes:
        stands = _fitting(search.exes)
        yield "exe", lambda one: bool(one.exe) and stands(one.exe)
    if search.deleted is not None:
        yield "deleted", lambda one: one.is_deleted is search.deleted
    if search.listening:
        yield "listening", lambda one: _listens(one, search.listening)
    if search.sha256:
        hashes = {one.upper() for one in search.sha256}
        yield "sha256", lambda one: seen.sha256(one) in hashes


def _fitting(texts: Iterable[str]) -> Callable[[str], bool]:
    patterns = [pattern(text) for text in texts]
    return lambda said: any(one.fits(said.encode()) for one in patterns)


def _base(process: Process) -> str:
    try:
        return PurePosixPath(process.exe).name
    except PermissionError:  # its own name is known
        return process.name


def _listens(process: Process, ports: Iterable[str]) -> bool:
    found = {str(socket.local_port) for socket in process.listening()}
    return bool(found) and ("any" in ports or not found.isdisjoint(ports))


def _short(said: str) -> str:
    return said if len(said) <= _TOLD_CHARACTERS else f"{said[: _TOLD_CHARACTERS - 1]}…"


def _ports(sockets: Iterable[Socket]) -> list[Element]:
    return [
        {"protocol": one.protocol, "address": str(one.local), "port": one.local_port}
        for one in sockets
    ]


def _processes(context: Context, tally: Tally) -> Iterable[Process]:
    if sys.platform == "linux":
        return ProcHost(context, tally)
    else:  # noqa: RET505 - so that the type checker sees one system at a time
        from vedette.agent.modules.processes_elsewhere import other_processes

        return other_processes()


def _fstat(file: int) -> tuple[int, int, int, int]:
    inode = os.fstat(file)
    return inode.st_dev, inode.st_ino, inode.st_size, inode.st_mtime_ns
