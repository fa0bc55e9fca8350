"""The tokens of a target written in SQL, cut as PostgreSQL cuts them, each with its place."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from vedette.errors import Invalid

LONGEST = 1 << 20
"""Characters of a target: a list of 50,000 agents has room."""

TokenKind = Literal["word", "text", "number", "operator", "mark", "end"]

_OPERATORS = frozenset(
    {"=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "->", "->>", "#>", "#>>", "::"}
    | {"~", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*"}
)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\r\f\v]+)
    |(?P<comment>--|/\*)
    |(?P<strange>(?:[eEbBxXnN]|[uU]&)'|\$(?:[A-Za-z_]\w*)?\$|[uU]&")
    |(?P<word>[A-Za-z_][A-Za-z0-9_$]*)
    |"(?P<name>(?:[^"]|"")+)"
    |'(?P<text>(?:[^']|'')*)'
    |(?P<number>[0-9]+)(?![A-Za-z0-9_.])
    |(?P<operator>::|[-+*/<>=~!@\#%^&|`?]+)
    |(?P<mark>[(),.])""",
    re.VERBOSE,
)
_ENDS_IN_SIGN = re.compile(r"[^~!@#%^&|`?]+[-+]")
_WAY_OUT = {
    "comment": "a target has no comments: leave it out",
    "strange": "write text as '…', a ' in it twice",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: words in lower case unless quoted, texts unquoted; `at` counts characters from 0."""

    kind: TokenKind
    value: str
    at: int


def wrong_at(text: str, at: int, message: str, *, hint: str | None = None) -> Invalid:
    """Return what to raise: it names line and column of the place, both counted from 1."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    line = bisect_right(starts, at)
    place = f"line {line}, column {at - starts[line - 1] + 1}"
    return Invalid(f"target, {place}: {message}", hint=hint)


def check_characters(text: str) -> None:
    """Raise Invalid for what is too long, or no text that PostgreSQL could hold."""
    if len(text) > LONGEST:
        raise Invalid(f"target: {len(text):,} characters, more than {LONGEST:,}")
    found = re.search("[\x00\ud800-\udfff]", text)
    if found:
        raise wrong_at(text, found.start(), f"U+{ord(found.group()):04X} is no character of a text")


def cut(text: str) -> list[Token]:
    """Return the tokens, the last of kind "end"; raises Invalid where there is none of a target's."""
    check_characters(text)
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise wrong_at(text, at, *_stray(text, at))
        kind, at_next = found.lastgroup or "", found.end()
        if kind in _WAY_OUT:
            raise wrong_at(
                text, at, f"{found.group()} has no place in a target", hint=_WAY_OUT[kind]
            )
        if kind == "operator":
            at_next = at + len(_operator(text, at, found.group()))
        if kind != "space":
            tokens.append(_token(kind, text[at:at_next], at))
        at = at_next
    return [*tokens, Token("end", "", len(text))]


def _token(kind: str, written: str, at: int) -> Token:
    match kind:
        case "word":
            return Token("word", written.lower(), at)
        case "name":
            return Token("word", written[1:-1].replace('""', '"'), at)
        case "text":
            return Token("text", written[1:-1].replace("''", "'"), at)
        case "number":
            return Token("number", written, at)
        case "operator":
            return Token("operator", "<>" if written == "!=" else written, at)
    return Token("mark", written, at)


def _operator(text: str, at: int, run: str) -> str:
    """Return the operator a run of such characters begins with: PostgreSQL's rule for + and -."""
    comment = min((found for c in ("--", "/*") if (found := run.find(c)) > 0), default=len(run))
    run = run[:comment]
    while len(run) > 1 and _ENDS_IN_SIGN.fullmatch(run):
        run = run[:-1]
    if run not in _OPERATORS:
        raise wrong_at(
            text,
            at,
            f"{run} is no operator of a target",
            hint=f"there are {' '.join(sorted(_OPERATORS))}",
        )
    return run


def _stray(text: str, at: int) -> tuple[str]:
    character = text[at]
    if character == ";":
        return ("a target is one condition: nothing may follow a ;",)
    if character in "'\"":
        return (f"the {character} is never closed, or quotes nothing",)
    if character.isdigit():
        return ("only whole numbers are understood",)
    return (f"{character!a} has no place in a target",)
