"""An answer in a line; how many hosts are meant; how it went."""

import io

import pytest

from vedette.cli.act_answer import LINE_CHARACTERS, told
from vedette.cli.act_follow import exit_code, is_over, standing_of
from vedette.cli.target_meant import hold_meant, told_agents
from vedette.errors import Conflict

ROGUE = "\x1b[2J\u202eevil\n"


def answer(elements=None, *, outcome="success", found=True, errors=None, **said):
    result = {
        "foundanything": found, "success": True, "elements": elements, "errors": errors,
    }  # fmt: skip
    return {
        "outcome": outcome, "found": found, "reason": "", "message": "", "results": [result], **said,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("elements", "line"),
    [
        ({"s1": [{"file": "/etc/passwd", "search": {"paths": ["/etc"]}}]}, "s1: /etc/passwd"),
        ({"s1": [{"file": "/a"}, {"file": "/b"}], "s2": [{"file": ""}]}, "s1: /a, /b"),
        ({"matches": [{"name": "openssl", "version": "3.0"}]}, "matches: openssl 3.0"),
        ({"localip": {"10.0.0.0/8": [{"address": "10.1.1.1"}]}}, "localip: 10.0.0.0/8: 10.1.1.1"),
        (["one", 2], "one, 2"),
        (None, "found"),
        ({"s1": [{"file": ROGUE}]}, "s1: ?[2J?evil?"),
    ],
)
def test_what_was_found_is_told_in_a_line(elements, line):
    assert told(answer(elements)) == line


def test_nothing_found_is_said_and_long_lines_are_cut():
    assert told(answer({"s1": [{"file": "/etc"}]}, found=False)) == "found nothing"
    assert len(told(answer(["x" * 999]))) == LINE_CHARACTERS


def test_why_there_is_no_answer_is_told():
    refused = answer(outcome="refused", reason="replayed", message="it ran before" + ROGUE)
    assert told(refused).startswith("replayed: it ran before?")
    assert told(answer(outcome="failed", errors=["no such path"])) == "no such path"
    assert told(answer(outcome="lost")) == "lost"


@pytest.mark.parametrize("results", [None, [], ["x"], [{"foundanything": 1, "elements": 5}]])
def test_results_of_any_shape_have_a_line(results):
    assert told({**answer(), "results": results})


def standing(state="inflight", missing=(), **commands):
    return {
        "state": state, "missing": list(missing), "commands": commands, "paused": "", "canary": None,
        "why_invalid": "denied", "valid_from": "2030-01-01T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "over", "code", "words"),
    [
        (standing(success=2), True, 0, "2 success of 2"),
        (standing(success=1, offline=1), False, 4, "1 success, 1 offline of 2"),
        (standing(success=1, refused=1), True, 5, "1 success, 1 refused of 2"),
        (standing(refused=1, lost=1), True, 3, "1 refused, 1 lost of 2"),
        (standing(expired=3), True, 4, "3 expired of 3"),
        (standing(), True, 4, "no agent is meant yet"),
        (standing("invalid"), True, 7, "it is over: denied"),
        (standing("proposed", ["file: 1 of 2 in all"]), False, 4, "waits: file: 1 of 2 in all"),
        (standing("new"), False, 4, "counts from 2030-01-01T00:00:00Z"),
    ],
)
def test_how_it_stands_and_went(action, over, code, words):
    assert (is_over(action), exit_code(action), standing_of(action)) == (over, code, words)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    def typing(text):
        monkeypatch.setattr("sys.stdin", Terminal(text))
        monkeypatch.setattr("sys.stderr", shown := Terminal())
        return shown

    return typing


FLEET = [{"name": f"web-{number}"} for number in range(1, 8)]


def test_a_person_at_a_terminal_says_yes_before_anything_is_signed(terminal):
    shown = terminal("y\n")
    hold_meant(FLEET, is_sure=False)
    assert "7 agents: web-1, web-2, web-3, web-4, web-5 and 2 others" in shown.getvalue()
    for answer_typed in ("n\n", "\n", ""):
        terminal(answer_typed)
        with pytest.raises(Conflict, match="nothing was signed"):
            hold_meant(FLEET, is_sure=False)


def test_who_is_sure_and_who_is_a_script_is_not_asked(terminal, capsys, monkeypatch):
    terminal("")
    hold_meant(FLEET, is_sure=True)
    monkeypatch.undo()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    hold_meant(FLEET[:1], is_sure=False)
    assert told_agents([]) == "no agent now"
