"""`vedette agent query`: a module asked about this host, without a server."""

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from vedette.app.tree import run

ANSWER = ["foundanything", "success", "elements", "statistics", "errors"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "passwd").write_text("root:x:0:0\n")
    return tmp_path


def asked(tree: Path) -> str:
    return json.dumps({"searches": {"s1": {"paths": [str(tree)], "names": ["^passwd$"]}}})


def answer(capsys, *words):
    code = run(["agent", "query", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def files(out):
    return [Path(hit["file"]).name for hit in json.loads(out)["elements"]["s1"]]


def test_a_question_in_one_line_is_answered_in_migs_shape(tree, capsys):
    code, out, _ = answer(capsys, "file", "-path", str(tree), "-name", "^passwd$")
    assert (code, files(out)) == (0, ["passwd"])
    assert list(json.loads(out)) == ANSWER


def test_parameters_may_be_given_as_json(tree, capsys):
    code, out, _ = answer(capsys, "file", asked(tree))
    assert (code, files(out)) == (0, ["passwd"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_may_hold_the_parameters_or_migs_message_around_them(
    wrapped, tree, tmp_path, capsys
):
    said = {"class": "parameters", "parameters": json.loads(asked(tree))}
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(said if wrapped else said["parameters"]))
    code, out, _ = answer(capsys, "file", "--parameters", str(file))
    assert (code, files(out)) == (0, ["passwd"])


def test_stdin_may_hold_them_as_with_migs_m(tree, capsys, monkeypatch):
    stdin = SimpleNamespace(buffer=io.BytesIO(asked(tree).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    code, out, _ = answer(capsys, "file", "--parameters", "-")
    assert (code, files(out)) == (0, ["passwd"])


def test_the_answer_may_be_yaml(tree, capsys):
    code, out, _ = answer(capsys, "file", asked(tree), "-o", "yaml")
    assert code == 0
    assert list(yaml.safe_load(out)) == ANSWER


def test_names_on_a_host_do_not_act_upon_the_terminal(tree, capsys):
    (tree / "\x1b[31m\u202epasswd").write_text("")
    for output in ("json", "yaml"):
        _, out, _ = answer(capsys, "file", "-path", str(tree), "-name", "passwd$", "-o", output)
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_names_are_masked_where_privacy_is_asked_for(tree, capsys):
    _, out, _ = answer(capsys, "file", asked(tree), "--privacy")
    assert files(out) == ["masked"]


def test_another_folder_may_stand_for_the_root(tree, capsys):
    said = json.dumps({"searches": {"s1": {"paths": ["/"], "names": ["^passwd$"]}}})
    _, out, _ = answer(capsys, "file", said, "--root", str(tree))
    assert files(out) == ["passwd"]


def test_what_a_module_can_be_asked_is_listed(capsys):
    code, out, _ = answer(capsys, "pkg", "help")
    assert code == 0
    assert "-name" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fiel", "{}"], 6, "there is no module called 'fiel'"),
        (["fiel", "-name", "x"], 6, "there is no module called 'fiel'"),
        (["file", '{"serches":{}}'], 2, "did you mean 'searches'?"),
        (["file", "{"], 2, "this is no JSON"),
        (["file", "-nam", "x"], 2, "did you mean -name?"),
        (["file", "-name", "x", "--parameters", "/dev/null"], 2, "said twice"),
        (["file", "--parameters", "/nonexistent"], 2, "/nonexistent cannot be read"),
        (["file", "{}", "--within", "soon"], 2, "'soon' is not a duration"),
        (["file", "{}", "--within", "0s"], 2, "leaves the module no time"),
        (["pkg", "-name", "x", "--root", "/nonexistent"], 2, "/nonexistent is no folder"),
        (["osquery", '{"query": "delete from x"}'], 2, "only asked"),
        (["osquery", '{"query": "select 1"}', "--root", "/proc"], 8, "not for another root"),
        (["file", '{"searches":{"s1":{"paths":["/"],"contents":["x"]}}}', "--within", "10ms"], 8,
         "did not answer: it took longer than 0.01 s"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(words, code, said, capsys):
    ended, out, err = answer(capsys, *words)
    assert (ended, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_module_that_could_not_tell_ends_with_its_own_code(tmp_path, capsys):
    code, out, _ = answer(capsys, "netstat", "-lp", "22", "--root", str(tmp_path))
    assert (code, json.loads(out)["success"]) == (4, False)


def test_a_folder_that_is_none_or_anothers_is_said_before_anything_is_asked(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    for words, code in (
        (["--data-dir", str(file)], 2),
        (["update", "--releases", str(file), "--back"], 2),
        (["update", "--back", "--check"], 2),
        (["journal", "--data-dir", str(tmp_path / "none")], 6),
        (["journal", "--data-dir", str(file)], 6),
    ):
        assert run(["agent", *words]) == code, words
        said = capsys.readouterr().err
        assert "a bug" not in said
        assert said.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_of_another_user_is_said(tmp_path, capsys):
    (tmp_path / "data").mkdir(mode=0o000)
    for words in ([], ["journal"]):
        assert run(["agent", *words, "--data-dir", str(tmp_path / "data/in")]) in {2, 8}
        assert "belongs to the agent's user" in capsys.readouterr().err


def test_an_agent_still_starts_without_a_word(capsys, tmp_path):
    assert run(["agent", "--data-dir", str(tmp_path)]) == 2
    assert "--server is needed" in capsys.readouterr().err
