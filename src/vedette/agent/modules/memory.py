"""MIG's `memory` module: which processes are called so, have mapped this, hold these bytes.

What stands across the border of two portions is found, which MIG's sliding window lost. The asking
process and those of the same program it descends from are left out: they hold the question itself.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, ClassVar

from vedette.agent.ancestry import ancestors
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.memory_parameters import MemoryParameters
from vedette.agent.modules.memory_question import Pending, Question, questions
from vedette.agent.modules.memory_read import Memory as OpenMemory
from vedette.agent.modules.memory_read import room
from vedette.agent.modules.memory_regions import Region, libraries, regions
from vedette.agent.opener import Opener

_TOLD = 1_000
"""Failures named at most; the rest are counted."""


class Memory:
    """Searches the memory of processes."""

    name: ClassVar[str] = "memory"
    description: ClassVar[str] = (
        "Finds processes by name, mapped library, and what their memory holds."
    )
    needs: ClassVar[Needs] = Needs(processes=True)
    parameters: ClassVar[type[Parameters]] = MemoryParameters

    def check(self, parameters: MemoryParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        _asked(parameters)

    def run(self, parameters: MemoryParameters, context: Context) -> Result:
        """Look at each process once for all searches and answer in MIG's shape; `Invalid` as `check`."""
        asked = _asked(parameters)
        folder = Path(context.root, "proc")
        if not (folder / "self").exists() and not any(_ids(folder)):
            return Result(errors=["this system has no /proc, so no process can be looked at"])
        return Run(context, asked).result()


def _asked(parameters: MemoryParameters) -> list[Question]:
    return [
        question
        for label, search in parameters.searches.items()
        for question in questions(label, search)
    ]


class Gone(Exception):  # noqa: N818 - it happens all the time
    """The process ended while it was looked at."""


@dataclass(slots=True)
class Run:
    """One way through all processes, and what it has found so far."""

    context: Context
    asked: list[Question]
    processes: int = 0
    bytes_read: int = 0
    hits: int = 0
    ended: str = ""
    failures: list[str] = field(default_factory=list)
    untold: int = 0

    def result(self) -> Result:
        """Look, then tell."""
        began = time.monotonic()
        self._look()
        statistics: dict[str, Any] = {
            "processcount": self.processes,
            "memoryread": self.bytes_read,
            "totalhits": self.hits,
            "exectime": f"{time.monotonic() - began:.6f}s",
        }
        if self.failures:
            statistics["failures"] = self.failures
        return Result(
            foundanything=self.hits > 0,
            success=not self.ended,
            elements=self._elements(),
            statistics=statistics,
            errors=self._errors(),
        )

    def _look(self) -> None:
        proc = Path(self.context.root, "proc")
        left_out = _ourselves(proc, self.context.opener) if self.context.this_host else set()
        block = room()
        for pid in _ids(proc):
            if self.ended or self.context.expired:
                break
            if pid in left_out:
                continue
            try:
                self._process(proc / str(pid), pid, block)
            except (Gone, ProcessLookupError):
                continue
            except OSError as fault:
                self._fail(f"process {pid}: {fault.strerror or fault}")
            self.processes += 1
        if not self.ended and self.context.expired:
            self.ended = "the time was over"

    def _process(self, folder: Path, pid: int, block: Any) -> None:  # noqa: ANN401
        name = _name(folder, self.context.opener)
        asked = [question for question in self.asked if question.named(name)]
        if any(question.libraries or question.finds for question in asked):
            mapped = list(regions(_mapped(folder, self.context.opener)))
            paths = libraries(mapped)
            asked = [question for question in asked if question.linked(paths)]
            asked = self._inside(folder, asked, mapped, block)
        for question in asked:
            self._hit(question, name, pid)

    def _inside(
        self,
        folder: Path,
        asked: list[Question],
        mapped: list[Region],
        block: Any,  # noqa: ANN401
    ) -> list[Question]:
        """Return those whose bytes are in the process, too."""
        pending = [Pending.of(question) for question in asked]
        looking = [one for one in pending if not one.over]
        if not looking:
            return asked
        lowest = min(one.question.search.options.offset for one in looking)
        searched = [one for one in mapped if one.searched and one.end > lowest]
        with OpenMemory(folder, block, self.context.opener) as memory:
            for portion in memory.portions(searched):
                self.bytes_read += portion.end - portion.fresh
                for one in looking:
                    one.look(block, portion)
                looking = [one for one in looking if not one.over]
                if not looking or self.context.expired:
                    break
            if memory.unread and any(one.search.options.logfailures for one in asked):
                self._fail(f"process {folder.name}: {memory.unread} bytes could not be read")
        return [one.question for one in pending if not one.missing]

    def _hit(self, question: Question, name: bytes, pid: int) -> None:
        shown = name.decode("utf-8", "backslashreplace")
        question.hits.append(("masked" if self.context.privacy else shown, pid))
        self.hits += 1
        if self.hits >= self.context.limits.elements:
            self.ended = f"it found {self.hits} processes, as many as this host gives at once"

    def _fail(self, words: str) -> None:
        if len(self.failures) < _TOLD:
            self.failures.append(words)
        else:
            self.untold += 1

    def _errors(self) -> list[str]:
        told = [f"stopped early: {self.ended}"] if self.ended else []
        if self.failures:
            count = len(self.failures) + self.untold
            told.append(f"{count} processes could not be read whole; the first: {self.failures[0]}")
        return told

    def _elements(self) -> dict[str, list[dict[str, Any]]]:
        told: dict[str, list[dict[str, Any]]] = {}
        for question in self.asked:
            told.setdefault(question.label, []).extend(
                {"process": {"name": name, "pid": pid}, "search": question.echo}
                for name, pid in question.hits or [("", 0)]
            )
        return told


def _ids(proc: Path) -> Iterator[int]:
    try:
        names = os.listdir(proc)  # noqa: PTH208 - names, not paths
    except OSError:
        return
    yield from sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        raise Gone from None


def _mapped(folder: Path, opener: Opener) -> bytes:
    try:
        with FileIO(opener.open(f"{folder}/maps")) as file:
            return file.readall()
    except (FileNotFoundError, ProcessLookupError):
        raise Gone from None


def _name(folder: Path, opener: Opener) -> bytes:
    """Return the program's path; a kernel thread's name in brackets, as `ps` writes it."""
    try:
        return opener.link(f"{folder}/exe")
    except OSError:
        return b"[" + _read(folder / "comm").removesuffix(b"\n") + b"]"


def _ourselves(proc: Path, opener: Opener) -> set[int]:
    """Return this process and those it descends from as long as they are the same program."""
    ours = _name(proc / str(os.getpid()), opener)
    found: set[int] = set()
    for pid in ancestors(proc):
        try:
            if _name(proc / str(pid), opener) != ours:
                break
        except Gone:
            break
        found.add(pid)
    return found
