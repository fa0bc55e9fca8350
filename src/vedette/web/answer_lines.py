"""What a module found, as lines to read: whatever JSON a host sent, a page of it and no more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import msgspec

ECHOED = ("paths", "options", "description")
"""Of the search that `file` repeats with each hit: what stands in the action already."""
LINES, DEPTH, CHARACTERS = 60, 6, 400
"""Lines of one operation, how deep they go, characters of one text."""
BESIDE = 6
"""So many plain values of one thing stand in one line."""


class Line(NamedTuple):
    """One line. depth: how far in it stands. cells: name and text of each value; a name may be ""."""

    depth: int
    cells: Sequence[tuple[str, str]]


class Found(NamedTuple):
    """What one operation answered; is_whole: nothing was left out. errors: in the module's words."""

    found: bool
    lines: Sequence[Line]
    is_whole: bool
    errors: Sequence[str]


def found_in(answer: str) -> list[Found]:
    """Return what each operation of an answer found; what has not MIG's shape is shown as it is."""
    results = msgspec.json.decode(answer).get("results")
    return [_found(one) for one in results] if isinstance(results, list) else []


def _found(result: object) -> Found:
    given: Mapping[str, object] = result if isinstance(result, dict) else {"elements": result}
    lines, is_whole = _first(_lines("", given.get("elements"), 0))
    errors = given.get("errors")
    told = [_text(one) for one in errors[:BESIDE]] if isinstance(errors, list) else []
    return Found(given.get("foundanything") is True, lines, is_whole, told)


def _first(lines: Iterator[Line]) -> tuple[list[Line], bool]:
    taken: list[Line] = []
    for line in lines:
        if len(taken) == LINES:
            return taken, False
        taken.append(line)
    return taken, True


def _lines(name: str, value: object, depth: int) -> Iterator[Line]:
    """Yield the lines of a value: what is plain beside its name, what is not below it."""
    if _is_plain(value):
        if value is not None or name:
            yield Line(depth, [(name, _text(value))])
    elif depth >= DEPTH:
        yield Line(depth, [(name, "…")])
    elif isinstance(value, dict):
        yield from _of_object(name, value, depth)
    elif isinstance(value, list):
        yield from _of_list(name, value, depth)


def _of_object(name: str, value: Mapping[str, object], depth: int) -> Iterator[Line]:
    plain = [(key, _text(one)) for key, one in value.items() if _is_plain(one)]
    if name and len(plain) == len(value) < BESIDE:
        yield Line(depth, [(name, ""), *plain])
        return
    if name:
        yield Line(depth, [(name, "")])
        depth += 1
    for at in range(0, len(plain), BESIDE):
        yield Line(depth, plain[at : at + BESIDE])
    for key, one in value.items():
        if not _is_plain(one):
            yield from _lines(key, one, depth)


def _of_list(name: str, value: Sequence[object], depth: int) -> Iterator[Line]:
    told = [one for one in value if not _is_empty_hit(one)]
    if len(told) < len(value) and not told:
        yield Line(depth, [(name, _text([]))])
        return
    value = told
    if name:
        yield Line(depth, [(name, "")])
        depth += 1
    for one in value:
        yield from [Line(depth, _hit(one))] if _is_hit(one) else _lines("", one, depth)


def _is_hit(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is one file of MIG's answers, which repeat the whole search with each."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("file"), str)
        and all(isinstance(value.get(name), dict) for name in ("search", "fileinfo"))
    )


def _is_empty_hit(value: object) -> bool:
    """Whether MIG says by it that a search found no file."""
    return _is_hit(value) and not value["file"]


def _hit(one: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the file, what is known of it, and by which checks it was found."""
    known = [(name, _text(said)) for name, said in one["fileinfo"].items() if _is_plain(said)]
    checks = [
        (name, _text(", ".join(map(_text, said))))
        for name, said in one["search"].items()
        if name not in ECHOED and isinstance(said, list) and said
    ]
    return [("", _text(one["file"])), *known[:BESIDE], *checks[:BESIDE]]


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float) or value in ([], {})


def _text(value: object) -> str:
    if isinstance(value, str):
        return value if len(value) <= CHARACTERS else f"{value[:CHARACTERS]}…"
    if value is None or value in ([], {}):
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)[:CHARACTERS]
