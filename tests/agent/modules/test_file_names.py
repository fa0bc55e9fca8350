"""Names are asked side by side, plain texts without RE2: each passes as it would alone, by RE2."""

from collections.abc import Sequence

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as some

from vedette.agent.modules.file_literals import plain_text, surely_valid
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.file_question import NameCheck, Names


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("core", (False, "core", False)),
        (r"^core\.h$", (True, "core.h", True)),
        (r"\.h$", (False, ".h", True)),
        ("^a b", (True, "a b", False)),
        ("é$", (False, "é", True)),
        ("^$", None),
        ("^a|b$", None),
        (r"a\$$", (False, "a$", True)),
        (r"a\d", None),
        (r"a\_b", None),  # RE2 refuses it
        ("a$b", None),
        ("(?i)a", None),
        ("a\n", None),
    ],
)
def test_what_is_one_plain_text_is_known_for_it(
    text: str, plain: tuple[bool, str, bool] | None
) -> None:
    assert plain_text(text) == plain


@given(some.text(r"ab.*+?^$|()[]{}\_/-1dAé ", max_size=8))
def test_what_is_taken_for_valid_unasked_is_what_re2_takes(text: str) -> None:
    if surely_valid(text):
        re2.compile(text.encode())


@pytest.mark.parametrize("text", ["^nosuch.*q$", r"a\.b?c+", "é.", "^$", ""])
def test_simple_patterns_are_taken_unasked(text: str) -> None:
    assert surely_valid(text)


NAME_PATTERNS = (
    "a",
    "^a",
    "a$",
    "^a$",
    "^ab",
    r"\.a$",
    "a*",
    "^$",
    "[^b]",
    "a.",
    r"\Aa",
    "(?s)a.b",
)


@given(
    names=some.lists(some.text("ab.é\n", min_size=1, max_size=5).map(str.encode), min_size=1),
    texts=some.lists(some.sampled_from(NAME_PATTERNS), min_size=1, max_size=2),
    wanted=some.booleans(),
)
def test_names_asked_together_pass_as_each_would_alone(
    names: list[bytes], texts: list[str], wanted: bool
) -> None:
    told: Sequence[int] = range(len(names))
    for text in texts:
        told = Names(names).among(told, NameCheck(pattern(text), wanted))
    each = [re2.compile(text.encode()) for text in texts]
    assert list(told) == [
        number
        for number, name in enumerate(names)
        if all((one.search(name) is not None) == wanted for one in each)
    ]
