"""A hand on the tokens of a target: what comes next, what must, and where it went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from vedette.actions.target_tokens import Token, wrong_at
from vedette.errors import Invalid

DEEPEST = 60
"""Parentheses and NOTs within each other."""

MOST_CONDITIONS = 1_000
"""Conditions in one target; a list of values is one condition."""

_AFTER_OPERANDS = frozenset({"like", "ilike", "in", "between", "is", "not"})


class Reader:
    """Reads the tokens of one text, from the first to the last."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._closed_by = _pairs(tokens)
        self._next = 0
        self._depth = 0
        self._conditions = 0

    def is_at_end(self) -> bool:
        """Whether everything is read."""
        return self.token.kind == "end"

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._next]

    def step(self) -> None:
        """Go past the next token; the end stays."""
        self._next = min(self._next + 1, len(self._tokens) - 1)

    def wrong(self, message: str, *, hint: str | None = None, at: int | None = None) -> Invalid:
        """Return what to raise, with the place `at`, or that of the next token."""
        return wrong_at(self._text, self.token.at if at is None else at, message, hint=hint)

    def shown(self) -> str:
        """Return the next token as an error may show it."""
        token = self.token
        return "the end of the target" if token.kind == "end" else f"{token.value[:40]!a}"

    @contextmanager
    def at(self, at: int) -> Iterator[None]:
        """Give what is refused inside the place `at`."""
        try:
            yield
        except Invalid as wrong:
            raise self.wrong(wrong.message, hint=wrong.hint, at=at) from None

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one level of nesting; raises Invalid below `DEEPEST`."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.wrong(f"parentheses and NOTs are nested deeper than {DEEPEST}")
        yield
        self._depth -= 1

    def count_condition(self) -> None:
        """Count one condition; raises Invalid above `MOST_CONDITIONS`."""
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise self.wrong(
                f"more than {MOST_CONDITIONS:,} conditions", hint="list values with IN (…)"
            )

    def opens_condition(self) -> bool:
        """Whether a parenthesis comes that holds a condition, not a value that is then compared."""
        end = self._closed_by.get(self._next)
        if end is None:
            return self.token.value == "(" and self.token.kind == "mark"
        after = self._tokens[end + 1]
        return not (
            after.kind == "operator" or (after.kind == "word" and after.value in _AFTER_OPERANDS)
        )

    def take(self, kind: str, value: str) -> bool:
        """Go past that token if it is next, and say whether it was."""
        found = self.token.kind == kind and self.token.value == value
        if found:
            self.step()
        return found

    def take_word(self, word: str) -> bool:
        """Go past that word if it is next, and say whether it was."""
        return self.take("word", word)

    def take_mark(self, mark: str) -> bool:
        """Go past that mark if it is next, and say whether it was."""
        return self.take("mark", mark)

    def expect(self, kind: str, value: str, *, hint: str | None = None) -> None:
        """Go past that token; raises Invalid if another is next."""
        if not self.take(kind, value):
            raise self.wrong(f"{value.upper()} was expected, not {self.shown()}", hint=hint)

    def expect_words(self, *words: str, hint: str | None = None) -> None:
        """Go past these words; raises Invalid if others are next."""
        for word in words:
            self.expect("word", word, hint=hint)

    def expect_mark(self, mark: str) -> None:
        """Go past that mark; raises Invalid if another token is next."""
        self.expect("mark", mark)

    def expect_operator(self, operator: str) -> None:
        """Go past that operator; raises Invalid if another token is next."""
        self.expect("operator", operator)

    def expect_text(self, what: str) -> str:
        """Go past a text in quotes and return it; raises Invalid if there is none."""
        return self._expect_kind("text", f"{what}, in single quotes,")

    def expect_number(self) -> int:
        """Go past a whole number and return it; raises Invalid if there is none."""
        at = self.token.at
        with self.at(at):
            return read_number(self._expect_kind("number", "a whole number"))

    def _expect_kind(self, kind: str, what: str) -> str:
        token = self.token
        if token.kind != kind:
            raise self.wrong(f"{what} was expected, not {self.shown()}")
        self.step()
        return token.value


def read_number(text: str) -> int:
    """Return the whole number; raises Invalid for anything else, and for more than 40 digits."""
    written = text.strip()
    digits = written[1:] if written[:1] in ("+", "-") else written
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 40):
        raise Invalid(f"{text[:60]!a} is no whole number")
    return int(written)


def _pairs(tokens: list[Token]) -> dict[int, int]:
    """Return where each parenthesis is closed; one that never is has no entry."""
    opened: list[int] = []
    pairs = {}
    for index, token in enumerate(tokens):
        if token.kind == "mark" and token.value == "(":
            opened.append(index)
        elif token.kind == "mark" and token.value == ")" and opened:
            pairs[opened.pop()] = index
    return pairs
