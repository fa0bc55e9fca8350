"""Budgets of size: small files and short functions; an exception stands here with its reason."""

import ast
import io
import tokenize
from functools import cache
from pathlib import Path
from statistics import median

from tests.house.tree import SRC, sources

FILE_MAX, FILE_MEDIAN = 300, 90
FUNCTION_MAX, FUNCTION_LONG, LONG_SHARE = 60, 30, 0.05

LONG_FILES: dict[str, str] = {}
"""File → why it may hold more code lines than the budget."""

LONG_FUNCTIONS: dict[str, str] = {
    "app/commands/serve.py:serve": "its parameters are the flags, declared where they are explained",
    "app/commands/up.py:up": "its parameters are the flags, declared where they are explained",
}
"""`file:function` → why it may be longer than the budget."""

_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


@cache
def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text()
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


@cache
def function_lengths() -> dict[str, int]:
    """`file:function` → its code lines, without decorators and docstring."""
    lengths = {}
    for path in sources():
        lines = code_lines(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                name = f"{path.relative_to(SRC)}:{node.name}"
                lengths[name] = len(lines.intersection(own))
    return lengths


def test_no_file_is_longer_than_its_budget():
    lengths = {str(p.relative_to(SRC)): len(code_lines(p)) for p in sources()}
    assert {n: c for n, c in lengths.items() if c > FILE_MAX and n not in LONG_FILES} == {}
    assert median(c for c in lengths.values() if c) <= FILE_MEDIAN


def test_no_function_is_longer_than_its_budget():
    lengths = function_lengths()
    over = {n: c for n, c in lengths.items() if c > FUNCTION_MAX and n not in LONG_FUNCTIONS}
    assert over == {}


def test_few_functions_are_long():
    lengths = function_lengths()
    long = sorted((c, n) for n, c in lengths.items() if c > FUNCTION_LONG)
    assert len(long) <= LONG_SHARE * len(lengths), long


def test_no_exception_outlives_its_reason():
    lengths = function_lengths()
    assert [n for n in LONG_FUNCTIONS if lengths.get(n, 0) <= FUNCTION_MAX] == []
    files = {str(p.relative_to(SRC)): len(code_lines(p)) for p in sources()}
    assert [n for n in LONG_FILES if files.get(n, 0) <= FILE_MAX] == []
