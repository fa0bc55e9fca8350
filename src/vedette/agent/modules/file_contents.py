"""Who finds what in which files: what the sieve says no to is never read by itself, the others are.

Imported when a search asks for contents or hashes: one of names alone starts without it.
"""

from collections.abc import Callable, Iterable, Iterator

from vedette.agent.modules import Context
from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_question import Question
from vedette.agent.modules.file_read import BLOCK_BYTES, Findings, Reader
from vedette.agent.modules.file_sieve import Plan, Sieve
from vedette.agent.modules.file_walk import Entry, OutOfTime, Walk

Found = Iterator[tuple[Question, Entry]]
"""Who asked, and the file that is as asked. Whoever takes them may stop at any."""


class Contents:
    """The contents of the files one walk comes by. fault: told of who asked, and of a file that is not read."""

    def __init__(
        self,
        context: Context,
        walk: Walk,
        fault: Callable[[Iterable[Question], bytes, OSError], None],
    ) -> None:
        self._context = context
        self._walk = walk
        self._fault = fault
        self._reader = Reader(context)
        self._sieve = Sieve(Block(bytearray(BLOCK_BYTES)), context)
        self._plans: dict[tuple[Question, ...], Plan] = {}

    def among(self, entries: Iterable[Entry], asking: tuple[Question, ...]) -> Found:
        """Yield what is found in these; of some it is known only later: see `rest`."""
        plan, sieve, at_home = self._plan(asking), self._sieve, self._walk.at_home
        for entry in entries:
            if plan.sieved and sieve.worthwhile:
                if sieve.full:
                    yield from self.rest()
                try:
                    if sieve.take(entry, plan, plain=at_home and not entry.is_symlink()):
                        continue
                except OSError as fault:
                    self._fault(plan.asked, entry.path, fault)
                    continue
            yield from self._alone(entry, plan)

    def rest(self) -> Found:
        """Yield what is found in those that lie in the sieve, and empty it; raise `OutOfTime`."""
        if self._context.expired:
            raise OutOfTime
        for entry, plan, maybe in self._sieve.emptied():
            if maybe:
                yield from self._alone(entry, plan)
            else:
                for question in plan.on_no:
                    yield question, entry

    def digest(self, question: Question, path: bytes) -> str:
        """Return the file's SHA-256, of what is in it where the question has it unpacked."""
        return self._reader.digest(path, unpack=question.options.decompress)

    def _plan(self, asking: tuple[Question, ...]) -> Plan:
        plan = self._plans.get(asking)
        if plan is None:
            plan = self._plans[asking] = Plan.of(asking)
        return plan

    def _alone(self, entry: Entry, plan: Plan) -> Found:
        for asked, unpack in ((plan.unpacked, True), (plan.as_it_is, False)):
            here: Iterable[Question] = asked
            if self._walk.spent:
                here = [question for question in asked if not question.quota.spent]
            if here:
                yield from self._read(entry, here, unpack=unpack)

    def _read(self, entry: Entry, here: Iterable[Question], *, unpack: bool) -> Found:
        findings = Findings.wanted(here)
        plain = self._walk.at_home and not entry.is_symlink()
        try:
            self._reader.read(entry.path, findings, unpack=unpack, plain=plain)
        except OSError as fault:
            self._fault(here, entry.path, fault)
            return
        for question in here:
            if findings.answer(question):
                yield question, entry
