"""Finding and reading the files that a scribe document speaks of.

All places known beforehand are walked once, by the `file` module; those beside a file that was found
are walked when it is.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from glob import has_magic
from typing import Any

from vedette import clock
from vedette.agent.modules import Context, Limits
from vedette.agent.modules.file import Run
from vedette.agent.modules.file_parameters import Options, Search
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.file_question import questions
from vedette.agent.modules.file_walk import shown
from vedette.agent.modules.patterns import compiled
from vedette.agent.modules.tally import Tally

MAXDEPTH = 10
"""How many folders deep files are looked for, as scribe does."""
MOST_FILES = 250_000
"""Files that a document may speak of; how many are told is the host's to say."""
LARGEST_BYTES = 64 * 1024 * 1024

Place = tuple[str, str]
"""A path, and RE2 on the names below it."""


@dataclass(slots=True)
class Files:
    """Files by place, each with how it is told."""

    context: Context
    tally: Tally
    _found: dict[Place, list[tuple[str, bytes]]] = field(default_factory=dict)

    def locate(self, places: Iterable[Place]) -> None:
        """Look for what is at these places, in one walk."""
        asked = []
        for place in dict.fromkeys(places):
            if place not in self._found:
                self._found[place] = []
                if self._stands(place[0]):
                    asked.append(place)
        searches = [
            Search(paths=(path,), names=(name,), options=Options(maxdepth=MAXDEPTH, matchall=True))
            for path, name in asked
        ]
        now = clock.now()
        wanted = [question for one in searches for question in questions("s1", one, now=now)]
        if wanted:
            run = Run(replace(self.context, limits=Limits(elements=MOST_FILES)), wanted)
            errors = run.result().errors
            self.tally.ended = self.tally.ended or run.ended
            for words in errors[bool(run.ended) :]:  # the first says that it ended, and why
                self.tally.fault(words)
        for place, question in zip(asked, wanted, strict=True):
            hits = sorted(question.hits)
            self._found[place] = [(shown(path, self.context), path) for path in hits]

    def at(self, place: Place) -> list[tuple[str, bytes]]:
        """Return the files at a place, sorted: how they are told, where they are."""
        self.locate([place])
        return self._found[place]

    def lines(self, file: tuple[str, bytes], expression: str) -> Iterator[tuple[str, ...]]:
        """Yield the groups of each line that matches; a file that cannot be read is an error."""
        try:
            content = _read(file[1])
        except OSError as fault:
            name = "masked" if self.context.privacy else file[0]
            self.tally.fault(f"{name}: {fault.strerror or fault}")
            return
        grouped = _grouped(expression)
        for line in pattern(expression).lines(content):
            groups = grouped.search(line).groups() or ()
            yield tuple((one or b"").decode("utf-8", "backslashreplace") for one in groups)

    def _stands(self, path: str) -> bool:
        here = f"{str(self.context.root).rstrip('/')}/{path.lstrip('/')}"
        return bool(has_magic(path)) or os.path.lexists(here)


def _grouped(expression: str) -> Any:  # noqa: ANN401 - re2 has no types
    return compiled(expression, bytewise=True)


def _read(path: bytes) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise OSError(f"it is longer than {LARGEST_BYTES >> 20} MiB")
    return content.replace(b"\r\n", b"\n").removesuffix(b"\n")
