"""Which words a pattern cannot do without: searching those is twenty times faster than a pattern.

Read cautiously: where this does not understand a pattern it says None, "search with the pattern".
"""

import re
from typing import NamedTuple

import msgspec

_REPEAT = r"\{(\d+)(,\d*)?\}"  # compiled where it is used: to import this costs every run
_CLASS = r"(?s)\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]"
_PLAIN = r"(\^?)((?:[^\\\[\](){}*+?.^$|\n]|\\[!-/:-@\[-^`{-~])+)(\$?)\Z"
_SIMPLE = r"\^?(?:(?:[^\\\[\](){}*+?^$|\n]|\\[!-/:-@\[-^`{-~])[*+?]?)*\$?\Z"
_SPLITS = frozenset("dDwWsSbB")  # escapes that stand for a class or a place
_MOST = 8  # literals to look for one by one; past that the pattern itself is faster

Words = frozenset[str]


def required(pattern: str) -> frozenset[bytes] | None:
    """Return literals of which every match holds at least one; None when there are none to tell."""
    try:
        words = _Reader(pattern).alternatives()
    except _NotUnderstoodError:
        return None
    if words is None or len(words) > _MOST or min(map(len, words)) < 2:  # "a" is everywhere
        return None
    return frozenset(word.encode() for word in words)


class Plain(NamedTuple):
    """One plain text, not empty, and whether it stands at a line's beginning, at its end."""

    at_start: bool
    word: str
    at_end: bool


def plain_text(pattern: str) -> Plain | None:
    """Return the plain text that is all the pattern says; None where it says more, or what RE2 refuses."""
    read = _matched(_PLAIN, pattern, 0)
    if read is None:
        return None
    start, word, end = read.groups()
    return Plain(bool(start), re.sub(r"\\(.)", r"\1", word), bool(end))


def surely_valid(pattern: str) -> bool:
    """Return whether the pattern is of characters, dots and their repeats alone: RE2 need not be asked."""
    return _matched(_SIMPLE, pattern, 0) is not None


class _NotUnderstoodError(Exception):
    """The pattern says something that is not read here."""


class _Reader(msgspec.Struct):
    """Goes through a pattern once."""

    pattern: str
    at: int = 0
    run: str = ""
    best: list[Words] = []

    def alternatives(self) -> Words | None:
        """Read up to the end or the closing bracket; one branch without literals leaves none."""
        branches = [self._branch()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._branch())
        if any(branch is None for branch in branches):
            return None
        return frozenset().union(*(branch for branch in branches if branch))

    def _branch(self) -> Words | None:
        kept, self.run, self.best = (self.run, self.best), "", []
        while self._peek() not in ("", "|", ")"):
            self._atom()
        self._break()
        found = max(self.best, key=lambda words: min(map(len, words)), default=None)
        self.run, self.best = kept
        return found

    def _atom(self) -> None:
        char = self._peek()
        if char == "(":
            self._group()
        elif char == "[":
            self._class()
        elif char == "\\":
            self._escape()
        elif char in ".^$\n":
            self.at += 1
            self._break()
        elif char in "*?" or (char == "{" and _matched(_REPEAT, self.pattern, self.at)):
            self.run = self.run[:-1]
            self._quantifier()
            self._break()
        elif char == "+":
            self._quantifier()
            self._break()
        else:
            self.run += char
            self.at += 1

    def _group(self) -> None:
        self._break()
        self.at += 1
        if self._peek() == "?":
            if not self.pattern.startswith("?:", self.at):
                raise _NotUnderstoodError  # flags change the meaning of what follows
            self.at += 2
        inside = self.alternatives()
        if self._peek() != ")":
            raise _NotUnderstoodError
        self.at += 1
        optional = self._quantifier()
        if inside and not optional:
            self.best.append(inside)

    def _class(self) -> None:
        self._break()
        whole = _matched(_CLASS, self.pattern, self.at)
        if whole is None:
            raise _NotUnderstoodError
        self.at = whole.end()
        self._quantifier()

    def _escape(self) -> None:
        char = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if char in _SPLITS:
            self._break()
            self._quantifier()
        elif not char or char.isalnum() or not char.isascii():
            raise _NotUnderstoodError
        else:
            self.run += char

    def _quantifier(self) -> bool:
        """Step over what repeats the atom before; return whether it may be left out."""
        start = self.at
        while (char := self._peek()) in ("*", "?", "+", "{"):
            repeat = _matched(_REPEAT, self.pattern, self.at)
            if char == "{" and repeat is None:
                break
            self.at = repeat.end() if repeat else self.at + 1
        return self.pattern[start : self.at] not in ("", "+")

    def _break(self) -> None:
        if self.run:
            self.best.append(frozenset({self.run}))
        self.run = ""

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]


def _matched(what: str, pattern: str, at: int) -> re.Match[str] | None:
    return re.compile(what).match(pattern, at)
