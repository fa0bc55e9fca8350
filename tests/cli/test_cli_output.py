import csv
import io
import json

import pytest
import yaml

from vedette.cli.output import Listing, harmless, show

PEOPLE = Listing("people", ("name", "state", "tags"), "name")
ANNA = {"name": "Anna", "state": "up", "tags": {"role": "edge"}, "more": [1]}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(items, output, out=None):
    out = out or io.StringIO()
    show(items, PEOPLE, output, out=out)
    return out.getvalue()


def test_a_table_has_its_columns_in_their_order():
    assert printed([ANNA], "table") == "NAME  STATE  TAGS\nAnna  up     role=edge\n"


def test_json_is_an_array_of_all_there_is():
    assert json.loads(printed([ANNA], "json")) == [ANNA]


def test_yaml_is_read_back_the_same():
    assert yaml.safe_load(printed([ANNA], "yaml")) == [ANNA]


def test_names_are_one_a_line():
    assert printed([ANNA, {"name": "Bob"}], "name") == "Anna\nBob\n"


def test_an_empty_answer_is_said_on_stderr_and_stays_machine_readable(capsys):
    assert json.loads(printed([], "json")) == []
    assert printed([], "csv") == "name,state,tags\n"
    assert printed([], "table") == ""
    assert capsys.readouterr().err == "there are no people\n" * 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_a_csv_is_a_formula(start):
    (row,) = csv.DictReader(io.StringIO(printed([{"name": f"{start}cmd|' /c calc'!A1"}], "csv")))
    assert row["name"].startswith("'")


def test_numbers_of_a_csv_stay_numbers():
    assert harmless(-5) == -5
    assert harmless(None) == ""


def test_control_characters_never_reach_the_terminal():
    assert "\x1b" not in printed([{"name": "\x1b[2Jboo\u202e"}], "table")


def test_colour_is_for_terminals_that_want_it(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32mup" in printed([ANNA], "table", Terminal())
    assert "\x1b" not in printed([ANNA], "table")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed([ANNA], "table", Terminal())
