import subprocess
import sys

import pytest

from vedette.app import tree as it
from vedette.app.tree import run
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable


@pytest.fixture
def failing(monkeypatch):
    """Make `vedette version` raise what the test wants."""

    def fail(error: BaseException) -> None:
        def version() -> None:
            raise error

        monkeypatch.setattr("vedette.app.commands.version.version", version)

    monkeypatch.delenv("VEDETTE_DEBUG", raising=False)
    return fail


@pytest.mark.parametrize(
    ("kind", "code"), [(Invalid, 2), (Denied, 5), (Missing, 6), (Conflict, 7), (Unavailable, 8)]
)
def test_an_error_is_one_line_and_its_exit_code(failing, capsys, kind, code):
    failing(kind("the thing\nis wrong", hint="the way out"))
    assert run(["version"]) == code
    assert capsys.readouterr().err == "vedette: the thing is wrong (the way out)\n"


def test_a_bug_is_one_line_that_says_how_to_get_its_trace(failing, capsys):
    failing(KeyError("x"))
    assert run(["version"]) == 1
    said = capsys.readouterr().err
    assert said == "vedette: a bug: KeyError: 'x' (run it again with --debug for the trace)\n"


def test_debug_anywhere_shows_the_trace(failing, capsys, monkeypatch):
    monkeypatch.setenv("VEDETTE_DEBUG", "")
    failing(KeyError("x"))
    assert run(["version", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(failing):
    failing(KeyboardInterrupt())
    assert run(["version"]) == 130


def test_a_command_that_is_misspelt_is_told_the_nearest(capsys):
    assert run(["statsu"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


def test_a_wrong_flag_is_one_line(capsys):
    assert run(["config", "check", "--nope", "x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_argument_shows_the_help(capsys):
    assert run([]) == 0
    assert "Usage: vedette" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_gets_its_completion(shell, capsys):
    assert run(["completion", shell]) == 0
    assert "tokens" in capsys.readouterr().out


def test_every_command_has_a_sentence_and_can_be_imported():
    app = it.tree()
    for name, _, _, sentence in it.COMMANDS:
        assert sentence.endswith(".")
        assert app[name]


def test_a_reader_that_leaves_is_no_error():
    ended = subprocess.run(
        f"{sys.executable} -m vedette.app.main config schema | head -c 1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stderr == ""
