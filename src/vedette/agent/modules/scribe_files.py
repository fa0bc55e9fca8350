"""Finding and reading the files that a scribe document speaks of.

All places known beforehand are walked once, by the `file` module; those beside a file that was found
are walked when it is.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import has_magic
from typing import Any

from vedette.agent.modules import Context
from vedette.agent.modules.file_find import find, read_whole
from vedette.agent.modules.file_parameters import Options, Search
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.file_walk import shown
from vedette.agent.modules.patterns import compiled
from vedette.agent.modules.tally import Tally

MAXDEPTH = 10
"""How many folders deep files are looked for, as scribe does."""
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
        paths = find(searches, self.context, self.tally) if searches else []
        for place, hits in zip(asked, paths, strict=True):
            self._found[place] = [(shown(path, self.context), path) for path in hits]

    def at(self, place: Place) -> list[tuple[str, bytes]]:
        """Return the files at a place, sorted: how they are told, where they are."""
        self.locate([place])
        return self._found[place]

    def lines(self, file: tuple[str, bytes], expression: str) -> Iterator[tuple[str, ...]]:
        """Yield the groups of each line that matches; a file that cannot be read is an error."""
        try:
            content = read_whole(file[1], most_bytes=LARGEST_BYTES)
        except OSError as fault:
            name = "masked" if self.context.privacy else file[0]
            self.tally.fault(f"{name}: {fault.strerror or fault}")
            return
        content = content.replace(b"\r\n", b"\n").removesuffix(b"\n")
        grouped = _grouped(expression)
        for line in pattern(expression).lines(content):
            groups = grouped.search(line).groups() or ()
            yield tuple((one or b"").decode("utf-8", "backslashreplace") for one in groups)

    def _stands(self, path: str) -> bool:
        here = f"{str(self.context.root).rstrip('/')}/{path.lstrip('/')}"
        return bool(has_magic(path)) or os.path.lexists(here)


def _grouped(expression: str) -> Any:  # noqa: ANN401 - re2 has no types
    return compiled(expression, bytewise=True)
