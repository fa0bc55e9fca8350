"""Which series someone wants: Prometheus selectors, `up{target="shop",cluster=~"eu-.*"}`. Pure.

Patterns (`=~`, `!~`) may hold texts, `|`, `.*` and `.+`: enough to choose by, and no pattern can make us
think for long.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vedette.errors import Invalid

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:.]*")
_MATCHER = re.compile(
    r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*(,|\})'
)
_ESCAPE = re.compile(r'\\([\\n"])')
_SPECIAL = re.compile(r"[\[\](){}^$?+*\\]")
LONGEST = 1_000
NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is not there is the empty text."""

    label: str
    operator: str
    wanted: str

    def matches(self, value: str) -> bool:
        """Say whether the value is one that is wanted."""
        if self.operator in ("=", "!="):
            return (value == self.wanted) == (self.operator == "=")
        found = any(_like(value, pattern) for pattern in self.wanted.split("|"))
        return found == (self.operator == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that must all hold."""

    matchers: tuple[Matcher, ...]

    def may_match(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series may be wanted of which only these labels are known."""
        return all(m.matches(labels[m.label]) for m in self.matchers if m.label in labels)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series of exactly these labels is wanted."""
        return all(m.matches(labels.get(m.label, "")) for m in self.matchers)


def selector(text: str) -> Selector:
    """Return what a selector says; raise `Invalid`."""
    if len(text) > LONGEST:
        raise Invalid(f"a selector of {len(text)} characters; {LONGEST} are the limit")
    rest = text.strip()
    matchers: list[Matcher] = []
    metric = _METRIC.match(rest)
    if metric is not None:
        matchers.append(Matcher(NAME, "=", metric.group()))
        rest = rest[metric.end() :].strip()
    if rest:
        matchers += _matchers(text, rest)
    if not any(m.operator in ("=", "=~") and m.wanted for m in matchers):
        raise Invalid(f"the selector {text[:80]!r} would choose everything", hint="name something")
    return Selector(tuple(matchers))


def _matchers(text: str, rest: str) -> list[Matcher]:
    wrong = Invalid(
        f"{text[:80]!r} is no selector", hint='write it as name{label="value",other=~"a.*|b"}'
    )
    if not rest.startswith("{"):
        raise wrong
    found: list[Matcher] = []
    at = 1
    while rest[at:].strip() != "}":
        part = _MATCHER.match(rest, at)
        if part is None:
            raise wrong
        label, operator, quoted, end = part.groups()
        wanted = _ESCAPE.sub(lambda e: "\n" if e[1] == "n" else e[1], quoted)
        if operator in ("=~", "!~"):
            _check_pattern(wanted)
        found.append(Matcher(label, operator, wanted))
        at = part.end()
        if end == "}":
            if at != len(rest):
                raise wrong
            break
    return found


def _check_pattern(pattern: str) -> None:
    plain = pattern.replace(".*", "").replace(".+", "")
    if _SPECIAL.search(plain):
        raise Invalid(
            f"the pattern {pattern[:80]!r} holds more than text, |, .* and .+",
            hint="name several values with |",
        )


def _like(value: str, pattern: str) -> bool:
    """Say whether the whole value fits; linear, since each piece is found at its first place."""
    pieces = pattern.replace(".+", "\x00\x01").replace(".*", "\x01").split("\x01")
    # A `.` that stands alone means any character; texts with dots in them are what people mean.
    at = 0
    for number, piece in enumerate(pieces):
        least = 1 if piece.endswith("\x00") else 0
        text = piece.rstrip("\x00")
        if number == len(pieces) - 1:
            return (
                value.endswith(text) and len(value) - len(text) >= at if number else value == text
            )
        found = value.find(text, at) if number else (0 if value.startswith(text) else -1)
        if found < 0:
            return False
        at = found + len(text) + least
    return at <= len(value)
