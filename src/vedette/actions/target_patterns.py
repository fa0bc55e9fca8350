"""The patterns of a target: LIKE by our own loop, regular expressions where RE2 reads them alike.

An agent judges a pattern that somebody else wrote, so neither may take longer than texts are long.
"""

import re
from functools import lru_cache
from typing import Any

from vedette.errors import Invalid

LONGEST_REGEX = 1_000
"""Characters of a regular expression."""

_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")
_ALIKE = re.compile(
    r"(?:[A-Za-z0-9 _,:;@%=\"'<>!&#~/.^$|()*+?-]"
    r"|\\[][.\\^$|()*+?{}/_-]|\\[dDsSwW]"
    r"|\[\^?(?:[A-Za-z0-9_.,:@/ ](?:-[A-Za-z0-9])?)+-?\]"
    r"|\{\d{1,3}(?:,\d{0,3})?\})*"
)
"""What PostgreSQL and RE2 read alike in ASCII; `(?`, `[[:alpha:]]` and the like are not in it."""

LikeToken = str | None
"""A character, "" for `_`, None for `%`."""


def check_like(pattern: str, escape: str) -> None:
    """Raise Invalid for a pattern that ends in its escape character: PostgreSQL does."""
    like_tokens(pattern, escape)


def like_tokens(pattern: str, escape: str) -> list[LikeToken]:
    """Return the pattern's characters and wildcards; raises Invalid if the escape ends it."""
    tokens: list[LikeToken] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise Invalid(
                    f"the pattern ends in its escape character {escape}", hint="write it twice"
                )
            tokens.append(escaped)
        else:
            tokens.append({"%": None, "_": ""}.get(character, character))
    return tokens


def is_like(text: str, tokens: list[LikeToken]) -> bool:
    """Whether the text matches; the last `%` alone is tried again, so time is length by length."""
    at = token = 0
    retry_at, retry_token = 0, -1
    while at < len(text):
        wanted = tokens[token] if token < len(tokens) else "end"
        if wanted is None:
            token, retry_at, retry_token = token + 1, at, token + 1
        elif wanted in ("", text[at]):
            at, token = at + 1, token + 1
        elif retry_token >= 0:
            retry_at += 1
            at, token = retry_at, retry_token
        else:
            return False
    return all(rest is None for rest in tokens[token:])


def check_regex(pattern: str) -> None:
    """Raise Invalid for what is too long, or refers back, which may take for ever."""
    if len(pattern) > LONGEST_REGEX:
        raise Invalid(f"a regular expression of more than {LONGEST_REGEX:,} characters")
    if _BACK_REFERENCE.search(pattern):
        raise Invalid(r"a regular expression refers back (\1), which may take for ever")


def is_found(pattern: str, text: str, *, ignore_case: bool) -> bool | None:
    """Whether the regular expression is found in the text; None where PostgreSQL might differ."""
    # What counts as a letter or a space beyond ASCII, the database's language says.
    if not (text.isascii() and pattern.isascii()) or "\v" in text:
        return None
    compiled = _compiled(pattern, ignore_case)
    return None if compiled is None else compiled.search(text) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str, ignore_case: bool) -> Any:  # noqa: ANN401  # RE2 has no types
    """Return the expression for RE2, None where it is none, or RE2 is not on this host."""
    if not _ALIKE.fullmatch(pattern) or "(?" in pattern:
        return None
    try:
        import re2
    except ImportError:
        return None
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.dot_nl = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None
