"""JSON of actions, read strictly: what a person wrote twice, misspelt or cut off is refused."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import isfinite

from vedette.errors import Invalid
from vedette.trust.go_json import DEEPEST

ACTION_BYTES = 8 << 20
"""The longest action file; the largest scribe documents hold one."""


_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def read_json(data: bytes) -> object:
    """Return the JSON; raises Invalid naming what is wrong, with its place where there is one."""
    if len(data) > ACTION_BYTES:
        raise Invalid(f"an action is longer than {ACTION_BYTES} bytes; split it")
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_int,
            parse_constant=_constant,
        )
    except UnicodeDecodeError:
        raise Invalid("the action is not UTF-8; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise Invalid(
            f"this is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise Invalid(f"the action is nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise Invalid(f"the action holds a number nobody can read: {error}") from None
    _hold_texts(value, "", 0)
    return value


def fields(value: object, place: str, known: Iterable[str]) -> Mapping[str, object]:
    """Return the object at the place; raises Invalid for another kind, or a key not known there."""
    if not isinstance(value, dict):
        raise Invalid(f"{place or 'the action'} must be an object, not {kind_of(value)}")
    names = tuple(known)
    for key in value:
        if key not in names:
            raise Invalid(unknown_key(key, place, names))
    return value


def unknown_key(key: str, place: str, known: Iterable[str]) -> str:
    """Return what to tell about a key that is not known: where, what it may be, what is."""
    names = tuple(known)
    near = get_close_matches(key.casefold(), names, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{place or 'the action'} has no key {key!r}{meant} Known are {', '.join(names)}"


def text(value: object, place: str) -> str:
    """Return the text at the place; null is the empty one, as in MIG."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{place} must be a text, not {kind_of(value)}")
    return value


def texts(value: object, place: str) -> tuple[str, ...]:
    """Return the list of texts at the place; null is the empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Invalid(f"{place} must be a list, not {kind_of(value)}")
    return tuple(text(one, f"{place}[{number}]") for number, one in enumerate(value))


def flag(value: object, place: str) -> bool:
    """Return the boolean at the place; null is false."""
    if not isinstance(value, bool | None):
        raise Invalid(f"{place} must be true or false, not {kind_of(value)}")
    return bool(value)


def number(value: object, place: str) -> float | None:
    """Return the number at the place, or None for null."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise Invalid(f"{place} must be a number, not {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    """Return what JSON calls this kind of value."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Invalid(f"the key {twice!r} stands twice in one object; take one out")
    return found


def _int(digits: str) -> int | float:
    """Return the number; Go reads doubles alone, and writes the sign of -0 into what is signed."""
    return -0.0 if digits == "-0" else int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise Invalid(f"the number {digits[:40]} is larger than a double holds")
    return value


def _constant(name: str) -> object:
    raise Invalid(f"{name} is no JSON")


def _hold_texts(value: object, place: str, depth: int) -> None:
    """Refuse what no database keeps and no search means: NUL and half characters."""
    if depth > DEEPEST:
        raise Invalid(f"the action is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        if _UNKEPT.search(value):
            raise Invalid(f"{place or 'the action'} holds a NUL or half a character; take it out")
    elif isinstance(value, dict):
        for key, one in value.items():
            _hold_texts(key, place, depth)
            _hold_texts(one, f"{place}.{key}" if place else key, depth + 1)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            _hold_texts(one, f"{place}[{index}]", depth + 1)
