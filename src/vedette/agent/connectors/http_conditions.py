"""Conditions on an HTTP answer, in Gatus' words: `[STATUS] == 200`, `[BODY].status == UP`.

Left and right of an operator (`==`, `!=`, `<`, `<=`, `>`, `>=`) stand a placeholder, a function or
a plain value. Placeholders: `[STATUS]`, `[RESPONSE_TIME]` (milliseconds), `[BODY]`,
`[BODY].a.b[0]`, `[CERTIFICATE_EXPIRATION]` (against `48h`), `[IP]`, `[CONNECTED]`. Functions:
`len([BODY].items)`, `has([BODY].error)`, and on the right of `==` and `!=`, `pat(*text*)` and
`any(a, b)`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from vedette import durations
from vedette.errors import Invalid

_SHAPE = re.compile(r"\s*(?P<left>.+?)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>.+?)\s*")
_PLACEHOLDER = re.compile(r"\[(?P<name>[A-Z_]+)\](?P<path>.*)", re.DOTALL)
_CALL = re.compile(r"(?P<name>len|has|pat|any)\((?P<inner>.*)\)", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>[0-9]{1,6})\]")
_NAMES = ("STATUS", "RESPONSE_TIME", "BODY", "CERTIFICATE_EXPIRATION", "IP", "CONNECTED")
_LONG = 300

_MISSING = object()
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What conditions are about.

    certificate_s: seconds until the certificate expires; None without TLS.
    """

    status: int
    response_ms: float
    body: bytes = b""
    address: str = ""
    certificate_s: float | None = None

    @cached_property
    def document(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """The body as JSON; a marker no path leads into when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return _MISSING


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `about` is the placeholder it judges by, `text` as it was written."""

    text: str
    about: str
    left: str
    operator: str
    right: str

    def holds(self, seen: Seen) -> bool:
        """Say whether the answer fits; what cannot be compared does not."""
        left = _value(self.left, seen, self.about)
        if self.operator in ("==", "!="):
            same = _matches(left, self.right, seen)
            return same if self.operator == "==" else not same
        low, high = _numeric(left), _numeric(_value(self.right, seen, self.about))
        return low is not None and high is not None and _ORDER[self.operator](low, high)


def condition(text: str) -> Condition:
    """Parse one condition; raise `Invalid` with an example when it is none."""
    shape = _SHAPE.fullmatch(text) if len(text) <= _LONG else None
    if shape is None:
        raise Invalid(f"{text[:_LONG]!r} is not a condition", hint="write it as [STATUS] == 200")
    about = {name for side in ("left", "right") for name in _names_in(shape[side])}
    unknown = about.difference(_NAMES)
    if unknown or not about:
        raise Invalid(
            f"{text!r} is about nothing we know", hint=f"placeholders: {', '.join(_NAMES)}"
        )
    for side in ("left", "right"):
        _check_path(shape[side], text)
    # A body condition that also names the status is about the content.
    first = next(name for name in ("BODY", *_NAMES) if name in about)
    return Condition(text, first, shape["left"], shape["operator"], shape["right"])


def _names_in(term: str) -> list[str]:
    call = _CALL.fullmatch(term)
    inner = call["inner"] if call and call["name"] in ("len", "has") else term
    placeholder = _PLACEHOLDER.fullmatch(inner)
    return [placeholder["name"]] if placeholder else []


def _check_path(term: str, text: str) -> None:
    call = _CALL.fullmatch(term)
    placeholder = _PLACEHOLDER.fullmatch(call["inner"] if call else term)
    path = placeholder["path"] if placeholder else ""
    if "".join(step.group() for step in _STEP.finditer(path)) != path:
        raise Invalid(f"{text!r} has a path we cannot follow", hint="write it as [BODY].a.b[0]")


def _value(term: str, seen: Seen, about: str = "") -> Any:  # noqa: ANN401 - JSON is what it is
    call = _CALL.fullmatch(term)
    if call and call["name"] == "len":
        inner = _value(call["inner"], seen)
        return len(inner) if isinstance(inner, str | list | dict) else _MISSING
    if call and call["name"] == "has":
        return _value(call["inner"], seen) is not _MISSING
    placeholder = _PLACEHOLDER.fullmatch(term)
    if placeholder is None:
        return _literal(term, about)
    if placeholder["name"] == "BODY":
        return _within(seen, placeholder["path"])
    return {
        "STATUS": seen.status,
        "RESPONSE_TIME": seen.response_ms,
        "CERTIFICATE_EXPIRATION": _MISSING if seen.certificate_s is None else seen.certificate_s,
        "IP": seen.address,
        "CONNECTED": True,
    }[placeholder["name"]]


def _within(seen: Seen, path: str) -> Any:  # noqa: ANN401 - JSON is what it is
    if not path:
        return seen.body.decode("utf-8", "replace")
    found = seen.document
    for step in _STEP.finditer(path):
        try:
            found = found[step["key"]] if step["key"] else found[int(step["index"])]
        except (LookupError, TypeError):
            return _MISSING
    return found


def _literal(term: str, about: str = "") -> Any:  # noqa: ANN401 - a number of seconds or a text
    if len(term) > 1 and term[0] == term[-1] and term[0] in "\"'":
        return term[1:-1]
    if re.fullmatch(r"[0-9.]+(?:ms|s|m|h|d)", term):
        try:
            # A response time is in milliseconds, the life of a certificate in seconds.
            return durations.seconds(term) * (1000 if about == "RESPONSE_TIME" else 1)
        except Invalid:
            return term
    return term


def _matches(left: Any, right: str, seen: Seen) -> bool:  # noqa: ANN401 - JSON is what it is
    call = _CALL.fullmatch(right)
    if call and call["name"] == "pat":
        return fnmatchcase(_spelt(left), _spelt(_literal(call["inner"].strip())))
    if call and call["name"] == "any":
        return any(_matches(left, part.strip(), seen) for part in call["inner"].split(","))
    wanted = _value(right, seen)
    if left is _MISSING or wanted is _MISSING:
        return False
    low, high = _numeric(left), _numeric(wanted)
    if low is not None and high is not None:
        return low == high
    return _spelt(left) == _spelt(wanted)


def _numeric(value: Any) -> float | None:  # noqa: ANN401 - JSON is what it is
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _spelt(value: Any) -> str:  # noqa: ANN401 - JSON is what it is
    if value is _MISSING:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
