"""Files held against real rules."""

import gc
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.agent.modules import Context, Limits, Result, read_parameters
from vedette.agent.modules.yara import Yara, file_search
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid, Unavailable

RULES = """
import "hash"
import "console"

rule shell : script {
    meta: author = "us"
    strings: $bang = "#!/bin/sh" $bytes = { 65 63 ?? 6f } $word = /h[aeiou]llo/ nocase
    condition: $bang at 0 and any of ($bytes, $word) and console.log("seen")
}
rule tiny { condition: filesize < 5 }
rule known { condition: hash.sha256(0, filesize) ==
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" }
"""


@pytest.fixture(autouse=True)
def let_go_here() -> Iterator[None]:
    """A scanner that an error's traceback holds may be let go by the thread that made it alone."""
    yield
    gc.collect()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in (
        ("run.sh", "#!/bin/sh\necho HALLO\n"),
        ("sub/foo", "foo"),
        ("sub/long.txt", "hello, not a script"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return tmp_path


def ask(rules: str, line: str, context: Context | None = None) -> Result:
    pytest.importorskip("yara_x", reason="yara-x is not installed")
    given = read_parameters(Yara, {"yara": rules, "filesearch": line})
    return Yara().run(given, context or Context())


def test_the_answer_has_migs_shape(tree: Path) -> None:
    result = ask(RULES, f"-path {tree}")
    assert result.elements == {
        "Matches": [
            {"Object": str(tree / "run.sh"), "MatchedRules": ["shell"]},
            {"Object": str(tree / "sub/foo"), "MatchedRules": ["tiny", "known"]},
        ]
    }
    assert (result.foundanything, result.success, result.errors) == (True, True, [])
    assert result.statistics["filescount"] == 3


def test_files_are_found_as_the_file_module_finds_them(tree: Path) -> None:
    every = "rule every { condition: true }"
    for line, names in (
        (f"-path {tree} -name '^foo$'", ["foo"]),
        (f"-path {tree}/sub -size <5", ["foo"]),
        (f'-path {tree} -content "not a script"', ["long.txt"]),
        (rf"-path {tree} -name \.sh$ -search other -path {tree}/sub -name foo", ["run.sh", "foo"]),
        (f"-path {tree} -maxdepth 1", ["run.sh"]),
    ):
        matches = ask(every, line).elements["Matches"]
        assert [Path(one["Object"]).name for one in matches] == names, line
    nothing = ask("rule never { condition: false }", f"-path {tree}")
    assert (nothing.foundanything, nothing.success) == (False, True)


@pytest.mark.parametrize(
    ("rules", "line", "said"),
    [
        ("rule x {", "-path /", "the rules cannot be read"),
        ('include "/etc/passwd"', "-path /", "the rules cannot be read"),
        ("rule x { condition: true }", "-pth /", "did you mean -path"),
        ("rule x { condition: true }", "-name x", "paths"),
        ("rule x { condition: true }", "-path '/", "No closing quotation"),
        ("rule x { condition: true }", "-path / -size many", "size"),
    ],
)
def test_what_makes_no_sense_is_refused(rules: str, line: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(rules, line)
    assert said in f"{refused.value} {refused.value.hint}"


def test_a_file_that_cannot_be_read_is_told(tree: Path) -> None:
    (tree / "pipe").symlink_to("/proc/self/mem")
    result = ask("rule every { condition: true }", f"-path {tree}")
    assert len(result.elements["Matches"]) == 3
    assert result.errors
    assert "pipe" in result.errors[0]


def test_answers_are_bounded_and_masked_where_the_host_says_so(tree: Path) -> None:
    every = "rule every { condition: true }"
    one = ask(every, f"-path {tree}", Context(limits=Limits(elements=1)))
    assert (len(one.elements["Matches"]), one.success) == (1, False)
    masked = ask(every, f"-path {tree}", Context(privacy=True))
    assert {match["Object"] for match in masked.elements["Matches"]} == {"masked"}
    late = ask(every, f"-path {tree}", Context(deadline=0.0))
    assert late.errors == ["stopped early: the time was over"]


def test_a_rule_that_is_slow_ends_with_its_time(tmp_path: Path) -> None:
    (tmp_path / "zeroes").write_bytes(bytes(1_000_000))
    every = "for all {} in (0..filesize - 1) : "
    slow = f"rule slow {{ condition: {every.format('i')} ({every.format('j')} (uint8(i) == uint8(j))) }}"
    begun = time.monotonic()
    result = ask(slow, f"-path {tmp_path}", Context(deadline=begun + 1))
    assert time.monotonic() - begun < 8
    assert f"{tmp_path}/zeroes: no answer within 1 s" in result.errors


def test_without_yara_x_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yara_x", None)
    parameters: Any = read_parameters(Yara, {"yara": "rule x {", "filesearch": "-path /"})
    with pytest.raises(Unavailable, match="no YARA-X") as refused:
        Yara().run(parameters, Context())
    assert "yara-x" in str(refused.value.hint)


async def test_it_runs_within_the_walls_of_an_operation(tree: Path) -> None:
    pytest.importorskip("yara_x", reason="yara-x is not installed")
    asked = {"yara": RULES, "filesearch": f"-path {tree}"}
    ran = await run_operation("yara", asked, OperationLimits(), privacy=False, partial=True)
    assert ran.ended is Ended.RETURNED, ran.message
    assert b'"MatchedRules":["shell"]' in ran.result


@given(line=some.text(max_size=60))
def test_whatever_the_line_it_is_read_or_refused(line: str) -> None:
    try:
        file_search(line)
    except Invalid as refused:
        assert str(refused)


def test_the_rules_of_a_program_of_this_host_find_it(tmp_path: Path) -> None:
    program = shutil.which("ls")
    assert program
    rule = (
        'import "elf" rule program { condition: elf.type == elf.ET_DYN or elf.type == elf.ET_EXEC }'
    )
    assert ask(rule, f"-path {Path(program).resolve()}").foundanything
