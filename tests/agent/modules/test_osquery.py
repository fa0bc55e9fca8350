"""SQL is answered by the host's osquery; where the machine has none, by a program that speaks as it does."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from vedette.agent.modules import Context, Limits, Result, read_parameters
from vedette.agent.modules.osquery import PLACES, Osquery
from vedette.agent.modules.program_output import said_by
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid, Unavailable

STAND_IN = """#!/bin/sh
for query; do :; done
case $query in
  *broken*) echo "Error: near \\"broken\\": syntax error" >&2; exit 1;;
  *many*) printf '[{"n":"0"}'; i=1; while [ $i -lt 50 ]; do printf ',{"n":"%s"}' $i; i=$((i+1)); done; echo ']';;
  *endless*) while :; do echo '{"n":"1"}'; done;;
  *slow*) exec sleep 60;;
  *nonsense*) echo 'not json';;
  *nothing*) echo '[';  echo ']';;
  *args*) printf '[{"args":"%s","home":"%s"}]' "$*" "$HOME";;
  *) printf '[\\n  {"name":"init","pid":"1"}\\n]\\n';;
esac
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "osqueryi"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setattr(Osquery, "places", (str(program),))
    return program


def ask(query: str, context: Context | None = None, **more: Any) -> Result:
    soon = Context(deadline=time.monotonic() + 10)
    return Osquery().run(read_parameters(Osquery, {"query": query, **more}), context or soon)


def test_rows_are_answered(stand_in: Path) -> None:
    result = ask("SELECT name, pid FROM processes")
    assert result.elements == {"rows": [{"name": "init", "pid": "1"}]}
    assert (result.foundanything, result.success, result.errors) == (True, True, [])
    assert result.statistics["rows"] == 1
    nothing = ask("select 'nothing'")
    assert (nothing.foundanything, nothing.success) == (False, True)


def test_a_count_says_no_more_than_how_many(stand_in: Path) -> None:
    assert ask("select 'many'", onlycount=True).elements == {"count": 50}
    masked = Context(privacy=True, deadline=time.monotonic() + 10)
    assert ask("select 'many'", masked).elements == {"count": 50}


def test_it_learns_nothing_of_us_and_loads_nothing_of_its_own(stand_in: Path) -> None:
    (row,) = ask("select 'args'").elements["rows"]
    assert "--config_path=/dev/null" in row["args"]
    assert "--disable_extensions=true" in row["args"]
    assert row["home"] == ""


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select broken", 'near "broken": syntax error'),
        ("select 'nonsense'", "cannot be read"),
        ("select 'endless'", "longer than this host gives"),
    ],
)
def test_what_is_no_answer_is_said(stand_in: Path, query: str, words: str) -> None:
    context = Context(limits=Limits(output_bytes=100_000), deadline=time.monotonic() + 10)
    result = ask(query, context)
    assert (result.success, result.foundanything) == (False, False)
    assert words in result.errors[0]


def test_answers_are_bounded_in_rows_and_time(stand_in: Path) -> None:
    few = Context(limits=Limits(elements=10), deadline=time.monotonic() + 10)
    result = ask("select 'many'", few)
    assert (len(result.elements["rows"]), result.success) == (10, False)
    assert "it found 50" in result.errors[0]
    begun = time.monotonic()
    late = ask("select 'slow'", Context(deadline=begun + 0.3))
    assert time.monotonic() - begun < 5
    assert late.errors == ["stopped early: the time was over"]


@pytest.mark.parametrize(
    "query",
    [".shell id", "--help", "-S", "ATTACH 'x' AS y", "CREATE VIEW x AS SELECT 1", "; select"],
)
def test_what_is_no_question_is_refused(stand_in: Path, query: str) -> None:
    with pytest.raises(Invalid, match="only asked"):
        ask(query)


@pytest.mark.parametrize(
    "query", ["  select 1", "-- why\nSELECT 1", "/* a */ WITH x AS (SELECT 1) SELECT * FROM x"]
)
def test_questions_may_have_remarks(stand_in: Path, query: str) -> None:
    assert ask(query).success


def test_remarks_without_end_take_no_time(stand_in: Path) -> None:
    with pytest.raises(Invalid, match="only asked"):
        ask("/**/" * 16_000)


def test_a_host_without_osquery_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Osquery, "places", (str(tmp_path / "none"),))
    with pytest.raises(Unavailable, match="has no osquery"):
        ask("select 1")
    with pytest.raises(Unavailable, match="another root"):
        ask("select 1", Context(root=tmp_path))


@pytest.mark.skipif(any(Path(one).exists() for one in PLACES), reason="this machine has osquery")
async def test_within_the_walls_a_missing_osquery_is_a_refusal() -> None:
    asked = {"query": "select 1"}
    ran = await run_operation("osquery", asked, OperationLimits(), privacy=False, partial=True)
    assert ran.ended is Ended.UNAVAILABLE
    assert "no osquery" in ran.message


@pytest.mark.skipif(not any(Path(one).exists() for one in PLACES), reason="no osquery here")
async def test_the_real_osquery_answers_within_the_walls() -> None:
    asked = {"query": "select pid from processes where pid = 1"}
    ran = await run_operation("osquery", asked, OperationLimits(), privacy=False, partial=True)
    assert ran.ended is Ended.RETURNED, ran.message
    assert json.loads(ran.result)["elements"]["rows"] == [{"pid": "1"}]


def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        said_by([str(tmp_path / "none")], deadline=time.monotonic() + 1, most_bytes=10)
