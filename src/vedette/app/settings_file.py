"""From a file to `Settings`, or to every fault in it with its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from vedette import durations
from vedette.app.settings import Settings
from vedette.app.settings_rules import faults_of
from vedette.errors import Invalid
from vedette.yaml_file import Document, parse_yaml, read_yaml

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a settings file.

    line: from 1. path: as in `targets[0].every`; empty for the whole file.
    """

    source: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.path + ': ' if self.path else ''}{self.message}"


def load_settings(path: Path) -> Settings:
    """Return the settings of a file without a fault; raise `Invalid` naming the first one.

    Raises `Missing` when there is no such file.
    """
    settings, faults = _judge(read_yaml(path))
    if settings is None or faults:
        more = f"and {len(faults) - 1} more; " if len(faults) > 1 else ""
        raise Invalid(str(faults[0]), hint=f"{more}see them all: vedette config check {path}")
    return settings


def check_settings(path: Path) -> list[Fault]:
    """Return every fault of the file in the order of its lines; empty when all is well."""
    return _judge(read_yaml(path))[1]


def settings_of(text: str) -> Settings:
    """Return the settings that a YAML text without a fault says; raise `Invalid` otherwise."""
    settings, faults = _judge(parse_yaml(text))
    if settings is None or faults:
        raise Invalid("; ".join(str(fault) for fault in faults))
    return settings


def _judge(document: Document) -> tuple[Settings | None, list[Fault]]:
    value = document.value if document.value is not None else {}
    if isinstance(value, dict):
        # `targets:` with nothing under it means none.
        value = {key: part for key, part in value.items() if part is not None}
    try:
        settings = msgspec.convert(value, Settings)
    except msgspec.ValidationError as error:
        found = list(_shape_faults(value)) or [((), str(error))]
        return None, _faults(document, found)
    return settings, _faults(document, list(faults_of(settings)))


def _faults(document: Document, found: list[tuple[Where, str]]) -> list[Fault]:
    faults = [
        Fault(document.source, document.line_of(where), _spell(where), message)
        for where, message in found
    ]
    return sorted(faults, key=lambda fault: (fault.line, fault.path))


def _shape_faults(value: Any) -> Iterator[tuple[Where, str]]:  # noqa: ANN401 - whatever YAML said
    # msgspec stops at the first fault, which is right for start-up; whoever edits wants them all.
    from jsonschema import Draft202012Validator

    from vedette.app.settings_schema import settings_schema

    for error in Draft202012Validator(settings_schema()).iter_errors(value):
        yield from _explain(error)


def _explain(error: Any) -> Iterator[tuple[Where, str]]:  # noqa: ANN401 - jsonschema is untyped
    where = tuple(error.absolute_path)
    if error.validator == "anyOf" and error.context:
        # Every `anyOf` of ours is "this or nothing": the fault is the one against "this".
        for deeper in error.context:
            if deeper.validator != "type" or deeper.validator_value != "null":
                yield from _explain(deeper)
    elif error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in sorted(set(error.instance) - set(known)):
            yield (*where, key), f"unknown key{_near(key, known)}"
    elif error.validator == "required":
        absent = [key for key in error.validator_value if key not in error.instance]
        yield where, f"{' and '.join(repr(key) for key in absent)} must stand here"
    else:
        yield where, _complaint(error)


def _near(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(known)})"


_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def _complaint(error: Any) -> str:  # noqa: ANN401
    shown = repr(error.instance)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    is_duration = error.schema.get("pattern") == durations.PATTERN
    if is_duration and isinstance(error.instance, int | float):
        return f"{shown} has no unit (write {shown}s)"
    if error.validator == "type":
        kind = _KINDS[error.validator_value]
        hint = " (quote it)" if kind == "a text" and isinstance(error.instance, int | float) else ""
        return f"{shown} is not {kind}{hint}"
    if error.validator == "pattern" and is_duration:
        return f"{shown} is not a duration (write it as 500ms, 10s, 1m30s, 2h or 90d)"
    if error.validator == "pattern":
        return f"{shown} is not an address (write it as HOST:PORT)"
    limits: dict[str, str] = {
        "minimum": f"{shown} is less than {error.validator_value}",
        "maximum": f"{shown} is more than {error.validator_value}",
        "minLength": f"{shown} is too short",
        "maxLength": f"{shown} is longer than {error.validator_value}",
    }
    return limits.get(error.validator, str(error.message))


def _spell(where: Where) -> str:
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
