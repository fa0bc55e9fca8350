"""The decisions of actions: what may be asked how, what an answer may look like, what an end means.

The server and the agent both use them: neither believes that the other has.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

from vedette.actions.model import (
    LONGEST_WITHIN,
    TEXT_CHARACTERS,
    Cell,
    Column,
    Command,
    Ending,
    Outcome,
    Parameter,
    Question,
    Row,
    Value,
)
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable, VedetteError

LARGEST = 1 << 63
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


def command_called(name: str, commands: Sequence[Command], connector: str) -> Command:
    """Return the command of that name; raise `Missing` with the nearest one, or all there are."""
    for command in commands:
        if command.name == name:
            return command
    names = [command.name for command in commands]
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    raise Missing(f"{connector} has no command {name[:64]!a}", hint=hint)


def check_within(question: Question) -> None:
    """Raise `Invalid` for a deadline nobody may set."""
    if not 0 < question.within.total_seconds() <= LONGEST_WITHIN.total_seconds():
        most = LONGEST_WITHIN.total_seconds()
        raise Invalid(f"an answer may be waited for up to {most:.0f} s", hint="within: 10s")


def parameters_of(command: Command, given: Mapping[str, object]) -> dict[str, Value]:
    """Return every parameter with its type and default; what has neither value nor default is absent.

    Doing it again changes nothing. Raises `Invalid`, naming the parameter and the way out.
    """
    known = {parameter.name: parameter for parameter in command.parameters}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            takes = f"it takes: {', '.join(known)}" if known else "it takes none"
            hint = f"did you mean {near[0]!r}?" if near else takes
            raise Invalid(f"{command.name} has no parameter {str(name)[:64]!a}", hint=hint)
    found: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name)
        if value is None and parameter.required:
            raise Invalid(f"{command.name} needs {name}=…", hint=parameter.help)
        value = parameter.default if value is None else _value(parameter, value)
        if value is not None:
            found[name] = value
    return found


def _value(parameter: Parameter, given: object) -> Value:
    try:
        value = _READERS[parameter.type](given)
    except (TypeError, ValueError, OverflowError):
        raise _wrong(parameter, f"must be a {parameter.type}") from None
    if parameter.choices and value not in parameter.choices:
        raise _wrong(parameter, f"must be one of {', '.join(parameter.choices)}")
    if isinstance(value, str):
        if len(value) > TEXT_CHARACTERS or "\0" in value:
            raise _wrong(parameter, f"must be at most {TEXT_CHARACTERS} characters, no NUL")
    elif parameter.least is not None and value < parameter.least:
        raise _wrong(parameter, f"must be at least {parameter.least:g}")
    elif parameter.most is not None and value > parameter.most:
        raise _wrong(parameter, f"must be at most {parameter.most:g}")
    return value


def _wrong(parameter: Parameter, what: str) -> Invalid:
    return Invalid(f"the parameter {parameter.name!r} {what}", hint=parameter.help)


def _text(given: object) -> str:
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        return str(given)
    raise TypeError


def _integer(given: object) -> int:
    if not isinstance(given, str | int) or isinstance(given, bool):
        raise TypeError
    value = int(given)
    if not -LARGEST <= value < LARGEST:
        raise ValueError
    return value


def _number(given: object) -> float:
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise TypeError
    value = float(given)
    if not math.isfinite(value):
        raise ValueError
    return value


def _boolean(given: object) -> bool:
    # From a command line every value is a text.
    if isinstance(given, bool):
        return given
    try:
        return _TRUTHS[str(given).lower()]
    except KeyError:
        raise ValueError from None


_READERS: dict[str, Callable[[object], Value]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def misfit(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Return why these rows cannot be an answer of these columns, "" when they can."""
    for row in rows:
        if len(row) != len(columns):
            return f"a row of {len(row)} cells where {len(columns)} columns are declared"
        for column, cell in zip(columns, row, strict=True):
            if not _fits(column, cell):
                return f"{column.name} is not of type {column.type}"
    return ""


def _fits(column: Column, cell: Cell) -> bool:
    if cell is None:
        return True
    match column.type:
        case "boolean":
            return isinstance(cell, bool)
        case "integer":
            # JSON knows no bound; those who read it do.
            return type(cell) is int and -LARGEST <= cell < LARGEST
        case "number":
            if isinstance(cell, bool) or not isinstance(cell, int | float):
                return False
            return math.isfinite(cell)
        case _:
            return isinstance(cell, str) and len(cell) <= TEXT_CHARACTERS


def error_of(ending: Ending) -> VedetteError | None:
    """Return what an ending means to whoever asked; None when there is an answer."""
    match ending.outcome:
        case Outcome.ANSWERED:
            return None
        case Outcome.REFUSED:
            return Denied(ending.message, hint="the host's owner decides: agent.yaml, `asks`")
        case Outcome.LOST | Outcome.CANCELLED:
            return Conflict(ending.message, hint="ask again")
        case Outcome.EXPIRED:
            return Unavailable(ending.message, hint="ask again, or wait longer with --within")
    if ending.error_class in _OURS:
        return Invalid(ending.message)
    said = f"{ending.message} ({ending.error_class})" if ending.error_class else ending.message
    return Unavailable(said)


_OURS = {"bad_parameters", "bad_settings", "unsupported"}
"""Classes of failures that asking again will not mend."""
