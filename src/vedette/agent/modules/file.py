"""MIG's `file` module: which files of this host have these names, sizes, ages, contents, hashes.

The defects of MIG's are none of ours: lines are of any length, each search has its own limit, a root
may be a link, gzip may be broken or empty, a search without checks lists, and no search sees what
another's roots brought. See `file_walk` for where it goes and `file_contents` for how it reads.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from vedette import clock
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_answer import elements, hit, statistics
from vedette.agent.modules.file_mounts import of_this_host
from vedette.agent.modules.file_parameters import FileParameters
from vedette.agent.modules.file_question import Names, Question, questions
from vedette.agent.modules.file_walk import Active, Entry, OutOfTime, Walk, shown

if TYPE_CHECKING:
    from vedette.agent.modules.file_contents import Contents


class File:
    """Finds files.

    elements: `{label: [{file, search, fileinfo}]}`, fileinfo `{size, mode, lastmodified}` and `sha256`
    where it is asked for; a search or check without hits gives one of no name. statistics: `filescount`,
    `openfailed`, `totalhits`, `exectime`.
    """

    name: ClassVar[str] = "file"
    description: ClassVar[str] = "Finds files by name, size, mode, age, content and hash."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = FileParameters

    def check(self, parameters: FileParameters) -> None:
        """Raise `Invalid` for a check of no sense."""
        _asked(parameters)

    def run(self, parameters: FileParameters, context: Context) -> Result:
        """Walk once for all searches and answer in MIG's shape; `Invalid` as `check`."""
        return Run(context, _asked(parameters)).result()


def _asked(parameters: FileParameters) -> list[Question]:
    now = clock.now()
    return [
        question
        for label, search in parameters.searches.items()
        for question in questions(label, search, now=now)
    ]


class Run:
    """One walk and what it has found so far. ended: why it stopped early, "" where it did not."""

    def __init__(self, context: Context, asked: list[Question]) -> None:
        self.context = context
        self._most = context.limits.elements
        self.asked = asked
        self.unread = self.hits = 0
        self.ended = ""
        self._walk = Walk(context, of_this_host())

    @cached_property
    def _contents(self) -> "Contents":
        from vedette.agent.modules.file_contents import Contents  # names alone do without

        return Contents(self.context, self._walk, self._fault)

    def result(self) -> Result:
        """Walk, then tell."""
        began = time.monotonic()
        try:
            self._look()
        except OutOfTime:
            self.ended = "the time was over"
        if not self.ended and self.context.expired:
            self.ended = "the time was over"
        errors = [f"stopped early: {self.ended}"] if self.ended else []
        return Result(
            foundanything=self.hits > 0,
            success=not self.ended,
            elements=elements(self.asked, self.context),
            statistics=statistics(
                self._walk.files,
                self.unread + self._walk.unreadable,
                self.hits,
                time.monotonic() - began,
            ),
            errors=errors + self._errors(),
        )

    def _look(self) -> None:
        for active, entries in self._walk.entries(self.asked):
            self._portion(active, entries)
            if self.ended or (
                self._walk.spent and all(question.quota.spent for question in self.asked)
            ):
                return
        if any(question.reads for question in self.asked):
            self._found(self._contents.rest())

    def _portion(self, active: Active, entries: Sequence[Entry]) -> None:
        names: Names | None = None
        unread: dict[Entry, tuple[Question, ...]] = {}
        for question, _ in active:
            here: Iterable[Entry] = entries
            if question.names:
                names = names or Names([entry.name for entry in entries])
                here = map(entries.__getitem__, question.named(names))
            standing = self._standing(question, here)
            if not question.reads:
                self._hits(question, standing)
            elif len(active) == 1:
                self._found(self._contents.among(standing, (question,)))
            elif unread:
                for entry in standing:
                    unread[entry] = (*unread.get(entry, ()), question)
            else:
                unread = dict.fromkeys(standing, (question,))
        for asking, those in groupby(unread, key=unread.__getitem__):
            self._found(self._contents.among(those, asking))

    def _standing(self, question: Question, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the files of these whose size, mode and age are as asked."""
        holds = question.holds if question.facts else None
        for entry in entries:
            try:
                if entry.is_file() and (holds is None or holds(entry.stat())):
                    yield entry
            except OSError as fault:
                self._fault([question], entry.path, fault)

    def _hits(self, question: Question, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if (self._hit(question, entry) and question.quota.spent) or self.ended:
                return

    def _found(self, found: Iterable[tuple[Question, Entry]]) -> None:
        for question, entry in found:
            self._hit(question, entry)
            if self.ended:
                return

    def _hit(self, question: Question, entry: Entry) -> bool:
        path, quota = entry.path, question.quota
        if self.ended or quota.spent or path in question.hits:
            return False
        try:
            inode = entry.stat()
            digest = self._contents.digest(question, path) if question.options.returnsha256 else ""
        except OSError as fault:
            self._fault([question], path, fault)
            return False
        question.hits[path] = hit(inode, digest)
        self.hits += 1
        if quota.left is not None:
            quota.left -= 1
            self._walk.spent = self._walk.spent or quota.spent
        if self.hits >= self._most:
            self.ended = f"it found {self.hits} files, as many as this host gives at once"
        return True

    def _fault(self, here: Iterable[Question], path: bytes, fault: OSError) -> None:
        self.unread += 1
        name = "masked" if self.context.privacy else shown(path, self.context)
        for question in here:
            said = self._walk.faults.setdefault(question, [])
            said.append(f"{name}: {fault.strerror or fault}")

    def _errors(self) -> list[str]:
        told: dict[str, None] = {}
        for question, said in self._walk.faults.items():
            told |= dict.fromkeys(said[: question.options.maxerrors or _ERRORS])
        return list(told)


_ERRORS = 10_000
"""Errors told of a search that asks for all."""
