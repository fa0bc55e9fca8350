"""Parameters of a module from options in one line: `-path /etc -name '^passwd$'`.

The options come from the module's own parameters, so that a module of yours has them too; MIG's
names stand in `one_liner_names`. As in Go, `-x v`, `--x v` and `-x=v` are the same, and a flag takes
a value only behind `=`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any

import msgspec

from vedette.actions.document_json import read_json
from vedette.actions.one_liner_names import FIRST_LABEL, FURTHER_SEARCH, PRESET
from vedette.actions.one_liner_options import LABEL, Option, is_labelled, options_of
from vedette.actions.unknown_keys import refuse_unknown
from vedette.errors import Invalid

Reads = Callable[[str], bytes]
"""How an option's file is read."""


@dataclass(slots=True)
class _Line:
    """What was read of a line so far.

    said: the options that may come once, by the search they belong to. begun: searches with presets.
    """

    options: Mapping[str, Option]
    read: Reads
    label: str = FIRST_LABEL
    parameters: dict[str, Any] = field(default_factory=dict)
    said: set[tuple[str, Option]] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)

    def place(self, option: Option) -> tuple[dict[str, Any], str]:
        """Return the object an option writes into, and its key there."""
        at = self.parameters
        *above, key = (self.label if step == LABEL else step for step in option.path)
        for step in above:
            at = at.setdefault(step, {})
        return at, key


def parameters_of(
    module: str, struct: type[msgspec.Struct], words: Sequence[str], *, read: Reads
) -> dict[str, object]:
    """Return the module's parameters, checked; raises Invalid naming the option and the way out.

    struct: the parameters the module declares. read: gives the bytes of a file an option names.
    """
    line = _Line(options_of(module, struct), read)
    rest = list(words)
    while rest:
        _take(module, line, rest)
    checked(module, struct, line.parameters)
    return line.parameters


def checked(module: str, struct: type[msgspec.Struct], given: object) -> msgspec.Struct:
    """Return the parameters as the module reads them, raise Invalid unless it can; it is not run for that."""
    refuse_unknown(struct, given, what=f"module {module}")
    try:
        return msgspec.convert(given, struct)
    except msgspec.ValidationError as fault:
        raise Invalid(f"module {module}: {fault}") from None


def _preset(module: str, line: _Line) -> None:
    """Give the search one is in what MIG's clients preset, before anything is said of it."""
    if line.label in line.begun:
        return
    line.begun.add(line.label)
    for key, value in PRESET.get(module, {}).items():
        if key in line.options:
            at, last = line.place(line.options[key])
            at[last] = value


def _take(module: str, line: _Line, rest: list[str]) -> None:
    """Take one option and its value from the front of the line."""
    word = rest.pop(0)
    name, separator, value = word.lstrip("-").partition("=")
    if not word.startswith("-") or not name:
        raise Invalid(f"{word[:80]!r} belongs to no option", hint=f"{module} takes -option value")
    if name == FURTHER_SEARCH and is_labelled(line.options):
        line.label = value if separator else _value(word, rest)
        return
    option = line.options.get(name)
    if option is None:
        raise Invalid(f"{module} has no option -{name[:80]}", hint=_way_out(name, line.options))
    given = value if separator else None if _stands_alone(option) else _value(word, rest)
    _preset(module, line)
    _set(line, option, word, given)


def _stands_alone(option: Option) -> bool:
    return option.kind == "flag" or option.value is not None


def _set(line: _Line, option: Option, word: str, given: str | None) -> None:
    at, key = line.place(option)
    if option.kind in ("texts", "numbers"):
        one = _number(word, given) if option.kind == "numbers" else given
        at[key] = [*at.get(key, []), one]
        return
    if (line.label, option) in line.said:
        raise Invalid(f"{word} stands twice and takes one value; take one out")
    line.said.add((line.label, option))
    if option.value is not None:
        at[key] = option.value
    else:
        at[key] = _flag(word, given) if option.kind == "flag" else _one(line, option, word, given)


def _one(line: _Line, option: Option, word: str, given: str | None) -> object:
    given = given or ""
    if option.kind == "number":
        return _number(word, given)
    if option.kind == "json" or option.reads == "json":
        named = option.reads == "json" or given.startswith("@")
        return read_json(line.read(given.removeprefix("@")) if named else given.encode())
    if option.reads == "text":
        try:
            return line.read(given).decode()
        except UnicodeDecodeError:
            raise Invalid(f"{given} is not UTF-8; save it as UTF-8") from None
    return given


def _flag(word: str, given: str | None) -> bool:
    if given is None:
        return True
    if given.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise Invalid(f"{word} is true or false")
    return given.lower() in ("true", "1", "t")


def _number(word: str, given: str | None) -> int | float:
    for read in (int, float):
        try:
            number = read(given or "")
        except ValueError:
            continue
        if isfinite(number):
            return number
    raise Invalid(f"{word} takes a number, not {(given or '')[:80]!r}")


def _value(word: str, rest: list[str]) -> str:
    if not rest:
        raise Invalid(f"{word} takes a value; write it after a space")
    return rest.pop(0)


def _way_out(name: str, options: Mapping[str, Option]) -> str:
    near = get_close_matches(name, options, 1)
    meant = f"did you mean -{near[0]}? " if near else ""
    return f"{meant}known: {', '.join(f'-{one}' for one in sorted(options))}"
