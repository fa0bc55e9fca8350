"""Our short form of a target: `tag:role=db and os:linux and not name:web*`.

It becomes the same conditions that SQL does, but that a label which is not there is simply another:
`not tag:role=db` means the agents without that tag as well.
"""

import re

from vedette.actions.target import (
    All,
    Among,
    Any,
    Column,
    Compare,
    IsNull,
    Json,
    Like,
    Literally,
    Not,
    Operand,
    Selector,
)
from vedette.actions.target_reader import DEEPEST, MOST_CONDITIONS, read_number
from vedette.actions.target_tokens import check_characters, wrong_at
from vedette.errors import Invalid

KEYS = {
    "name": "name",
    "os": "os",
    "status": "status",
    "mode": "mode",
    "version": "version",
    "queue": "queueloc",
    "id": "id",
    "key": "key",
}
"""What stands before the colon → the column; besides `tag:` and `env:`, which name a key."""

_TERM = re.compile(r'\s*(?:([()])|((?:"[^"]*"|[^\s()"])+))')
_BEGINS = re.compile(r"(?:[\s(]|not(?=[\s(]))*[a-z]+:(?!:)", re.IGNORECASE)
_SPACE = re.compile(r"\s*")
_WILD = re.compile(r"[*?]")
_PARTS = re.compile(r'("[^"]*")')


def is_labels(text: str) -> bool:
    """Whether the text is of this form: its first condition has a colon after a word."""
    return _BEGINS.match(text) is not None


def read_labels(text: str) -> Selector:
    """Return the selector of `key:value` terms; raises Invalid, which names line and column."""
    check_characters(text)
    reader = _Terms(text)
    found = reader.read_any(0)
    if reader.word is not None:
        raise reader.wrong(f"{reader.word[:40]!a} was not expected here", "join terms by and, or")
    return found


class _Terms:
    """The terms of one text, read from the first to the last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = self._end = self._count = 0
        self.word: str | None = None
        self._step()

    def wrong(self, message: str, hint: str | None = None) -> Invalid:
        return wrong_at(self._text, self._at, message, hint=hint)

    def _step(self) -> None:
        self._at = _SPACE.match(self._text, self._end).end()  # type: ignore[union-attr]  # or ""
        found = _TERM.match(self._text, self._end)
        self._end = found.end() if found else self._at
        if self._text[self._end : self._end + 1] == '"':
            self._at = self._end
            raise self.wrong('the " is never closed')
        self.word = found.group(1) or found.group(2) if found else None

    def _take(self, word: str) -> bool:
        found = self.word is not None and self.word.lower() == word
        if found:
            self._step()
        return found

    def read_any(self, depth: int) -> Selector:
        parts = [self._read_all(depth)]
        while self._take("or"):
            parts.append(self._read_all(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _read_all(self, depth: int) -> Selector:
        parts = [self._read_not(depth)]
        while self._take("and"):
            parts.append(self._read_not(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _read_not(self, depth: int) -> Selector:
        if depth > DEEPEST:
            raise self.wrong(f"parentheses and nots are nested deeper than {DEEPEST}")
        if self._take("not"):
            return Not(self._read_not(depth + 1))
        if self._take("("):
            found = self.read_any(depth + 1)
            if not self._take(")"):
                raise self.wrong(") was expected")
            return found
        return self._read_term()

    def _read_term(self) -> Selector:
        self._count += 1
        if self._count > MOST_CONDITIONS:
            raise self.wrong(f"more than {MOST_CONDITIONS:,} terms", "list values with commas")
        key, colon, value = (self.word or "").partition(":")
        if not colon or not value:
            shown = "the end" if self.word is None else f"{self.word[:40]!a}"
            raise self.wrong(f"a term like os:linux was expected, not {shown}")
        try:
            found = _term(key.lower(), value)
        except Invalid as wrong:
            raise self.wrong(wrong.message, wrong.hint) from None
        self._step()
        return found


def _term(key: str, value: str) -> Selector:
    if key in ("tag", "env"):
        name, equals, wanted = value.partition("=")
        column = {"tag": "tags", "env": "environment"}[key]
        operand = Json(column, (_plain(name),))
        return _is(operand, wanted) if equals else Not(IsNull(operand))
    if key not in KEYS:
        keys = ", ".join(f"{known}:" for known in ("tag", "env", *KEYS))
        raise Invalid(f"{key[:40]!a} is nothing an agent has", hint=f"there are {keys}")
    if key == "id":
        return Among(Column("id"), tuple(read_number(one) for one in value.split(",")))
    return _is(Column(KEYS[key]), value)


def _is(operand: Operand, wanted: str) -> Selector:
    """Return that a value is there and one of those that the commas part."""
    values = _split(wanted)
    if any(_WILD.search(_unquoted(value)) for value in values):
        matches = [_match(operand, value) for value in values]
        found = matches[0] if len(matches) == 1 else Any(tuple(matches))
    elif len(values) == 1:
        found = Compare(operand, "=", Literally(_plain(values[0])))
    else:
        found = Among(operand, tuple(_plain(value) for value in values))
    return All((Not(IsNull(operand)), found))


def _split(value: str) -> list[str]:
    """Return what the commas outside quotes part."""
    pieces = [""]
    for index, part in enumerate(_PARTS.split(value)):
        first, *rest = [part] if index % 2 else part.split(",")
        pieces[-1] += first
        pieces += rest
    return pieces


def _unquoted(value: str) -> str:
    return _PARTS.sub("", value)


def _plain(value: str) -> str:
    return value.replace('"', "")


def _match(operand: Operand, value: str) -> Selector:
    """Return the LIKE of a value with `*` and `?`; in quotes they are themselves."""
    pattern = ""
    for index, part in enumerate(_PARTS.split(value)):
        escaped = re.sub(r"([\\%_])", r"\\\1", part.strip('"') if index % 2 else part)
        pattern += escaped if index % 2 else escaped.replace("*", "%").replace("?", "_")
    return Like(operand, pattern)
