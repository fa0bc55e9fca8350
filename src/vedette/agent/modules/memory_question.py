"""What a search in memory comes to: questions, each of checks that must all hold of one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_patterns import Pattern, pattern
from vedette.agent.modules.memory_parameters import Search
from vedette.agent.modules.memory_read import Portion
from vedette.agent.modules.patterns import on_bytes

_KINDS = ("names", "libraries", "contents", "bytes")

Find = Callable[[Block, int, int], bool]
"""Whether something stands in the block between two places."""


@dataclass(slots=True, eq=False)
class Question:
    """Checks that must all hold, and the processes of which they do: name and id."""

    label: str
    search: Search
    echo: dict[str, Any]
    names: list[Pattern] = field(default_factory=list)
    libraries: list[Pattern] = field(default_factory=list)
    finds: list[Find] = field(default_factory=list)
    hits: list[tuple[str, int]] = field(default_factory=list)

    def named(self, name: bytes) -> bool:
        """Return whether the program is called so."""
        return all(one.fits(name) for one in self.names)

    def linked(self, paths: Sequence[bytes]) -> bool:
        """Return whether every library is among those that are mapped."""
        return all(any(map(one.fits, paths)) for one in self.libraries)


@dataclass(slots=True)
class Pending:
    """A question on its way through one process's memory: what is still to be found."""

    question: Question
    missing: list[Find]
    left: float

    @classmethod
    def of(cls, question: Question) -> "Pending":
        """Return it at the beginning."""
        most = question.search.options.maxlength
        return cls(question, list(question.finds), most or float("inf"))

    @property
    def over(self) -> bool:
        """Whether the rest of the memory is of no interest."""
        return not self.missing or self.left <= 0

    def look(self, block: Block, portion: Portion) -> None:
        """Look for what is missing in a portion, as far as the question reaches."""
        skipped = max(0, self.question.search.options.offset - portion.address)
        at, end = portion.at + skipped, portion.end
        fresh = max(at, portion.fresh)
        if fresh >= end:
            return
        end = int(min(end, fresh + self.left))
        self.left -= end - fresh
        self.missing = [find for find in self.missing if not find(block, at, end)]


def questions(label: str, search: Search) -> Iterator[Question]:
    """Yield what the search asks; raise `Invalid` where a pattern cannot be read."""
    checks = [(kind, text) for kind in _KINDS for text in getattr(search, kind)]
    whole = search.options.matchall or not checks
    for group in [checks] if whole else [[one] for one in checks]:
        question = Question(label, search, _echo(search, group, whole=whole))
        for kind, text in group:
            _add(question, kind, text)
        yield question


def _echo(search: Search, group: list[tuple[str, str]], *, whole: bool) -> dict[str, Any]:
    """Return the search as MIG repeats it beside each hit."""
    described = whole and search.description
    echo: dict[str, Any] = {"description": search.description} if described else {}
    for kind, text in group:
        echo.setdefault(kind, []).append(text)
    said = {"logfailures": search.options.logfailures, "matchall": search.options.matchall}
    return {**echo, "options": {key: True for key, on in said.items() if on and whole}}


def _add(question: Question, kind: str, text: str) -> None:
    if kind == "names":
        question.names.append(pattern(text))
    elif kind == "libraries":
        question.libraries.append(pattern(text))
    elif kind == "contents":
        question.finds.append(_matches(text))
    else:
        question.finds.append(_stands(bytes.fromhex(text)))


def _matches(text: str) -> Find:
    search = on_bytes(text).search
    return lambda block, at, end: search(block.view[at:end]) is not None


def _stands(word: bytes) -> Find:
    return lambda block, at, end: block.find(word, at, end) >= 0
