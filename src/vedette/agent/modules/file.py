"""MIG's `file` module: which files of this host have these names, sizes, ages, contents, hashes.

The defects of MIG's are none of ours: lines are of any length, each search has its own limit, a root
may be a link, gzip may be broken or empty, a search without checks lists, and no search sees what
another's roots brought. See `file_walk` for where it goes and `file_read` for how it reads.
"""

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from vedette import clock
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_answer import elements, statistics
from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_mounts import of_this_host
from vedette.agent.modules.file_parameters import FileParameters
from vedette.agent.modules.file_question import Hit, Question, questions
from vedette.agent.modules.file_read import BLOCK_BYTES, Findings, OutOfTime, Reader
from vedette.agent.modules.file_sieve import Plan, Sieve
from vedette.agent.modules.file_walk import Active, Entry, Walk, shown


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

    def run(self, parameters: FileParameters, context: Context) -> Result:
        """Walk once for all searches and answer in MIG's shape; `Invalid` for a check of no sense."""
        now = clock.now()
        asked = [
            question
            for label, search in parameters.searches.items()
            for question in questions(label, search, now=now)
        ]
        return Run(context, asked).result()


class Run:
    """One walk and what it has found so far. ended: why it stopped early, "" where it did not."""

    def __init__(self, context: Context, asked: list[Question]) -> None:
        self.context = context
        self.asked = asked
        self.files = self.unread = self.hits = 0
        self.ended = ""
        self._reader = Reader(context)
        self._sieve = Sieve(Block(bytearray(BLOCK_BYTES)))
        self._plans: dict[tuple[Question, ...], Plan] = {}
        self._walk = Walk(context, of_this_host())

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
                self.files,
                self.unread + self._walk.unreadable,
                self.hits,
                time.monotonic() - began,
            ),
            errors=errors + self._errors(),
        )

    def _look(self) -> None:
        for active, entries in self._walk.folders(self.asked):
            self.files += len(entries)
            self._folder(active, entries)
            if self.ended or (
                self._walk.spent and all(question.quota.spent for question in self.asked)
            ):
                return
        self._sift()

    def _folder(self, active: Active, entries: Sequence[Entry]) -> None:
        names = [entry.name for entry in entries]
        known: dict[bytes, Entry] = {}
        unread: dict[bytes, tuple[Question, ...]] = {}
        for question, _ in active:
            fitting = question.named(names)
            if not fitting:
                continue
            if not known:
                known = dict(zip(names, entries, strict=True))
            self._inodes(question, map(known.__getitem__, fitting), unread)
        for name, waiting in unread.items():
            self._contents(known[name], waiting)

    def _inodes(
        self,
        question: Question,
        entries: Iterable[Entry],
        unread: dict[bytes, tuple[Question, ...]],
    ) -> None:
        facts, reads = question.facts, question.reads
        for entry in entries:
            try:
                if not entry.is_file() or (facts and not question.holds(entry.stat())):
                    continue
            except OSError as fault:
                self._fault([question], entry.path, fault)
                continue
            if reads:
                unread[entry.name] = (*unread.get(entry.name, ()), question)
            elif self._hit(question, entry) and question.quota.spent:
                return

    def _contents(self, entry: Entry, waiting: tuple[Question, ...]) -> None:
        plan = self._plans.get(waiting)
        if plan is None:
            plan = self._plans[waiting] = Plan.of(waiting)
        if plan.sieved and self._sieve.worthwhile:
            if self._sieve.full:
                self._sift()
            try:
                if self._sieve.take(entry, plan):
                    return
            except OSError as fault:
                self._fault(waiting, entry.path, fault)
                return
        self._alone(entry, waiting)

    def _sift(self) -> None:
        """Empty the sieve: what it holds nothing of is answered, the others are read."""
        if self.context.expired:
            raise OutOfTime
        for entry, plan, maybe in self._sieve.emptied():
            if maybe:
                self._alone(entry, plan.asked)
            else:
                for question in plan.on_no:
                    self._hit(question, entry)
            if self.ended:
                return

    def _alone(self, entry: Entry, waiting: Sequence[Question]) -> None:
        if self._walk.spent:
            waiting = [question for question in waiting if not question.quota.spent]
        unpacked = [question for question in waiting if question.options.decompress]
        if unpacked:
            waiting = [question for question in waiting if not question.options.decompress]
            self._read(entry, unpacked, unpack=True)
        if waiting:
            self._read(entry, waiting)

    def _read(self, entry: Entry, here: Sequence[Question], *, unpack: bool = False) -> None:
        findings = Findings.wanted(here)
        try:
            self._reader.read(entry.path, findings, unpack=unpack)
        except OSError as fault:
            self._fault(here, entry.path, fault)
            return
        for question in here:
            if findings.answer(question):
                self._hit(question, entry)

    def _hit(self, question: Question, entry: Entry) -> bool:
        path = entry.path
        if question.quota.spent or path in question.hits:
            return False
        try:
            inode, digest = entry.stat(), self._digest(question, path)
        except OSError as fault:
            self._fault([question], path, fault)
            return False
        question.hits[path] = Hit(inode.st_size, inode.st_mode, inode.st_mtime_ns, digest)
        question.quota.take()
        self._walk.spent = self._walk.spent or question.quota.spent
        self.hits += 1
        if self.hits >= self.context.limits.elements:
            self.ended = f"it found {self.hits} files, as many as this host gives at once"
        return True

    def _digest(self, question: Question, path: bytes) -> str:
        if not question.options.returnsha256:
            return ""
        return self._reader.digest(path, unpack=question.options.decompress)

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
