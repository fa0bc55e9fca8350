"""What may be asked how, and what an answer may look like."""

import math
from datetime import timedelta

import pytest

from vedette.actions.model import Column, Command, Ending, Outcome, Parameter, Question
from vedette.actions.rules import (
    check_within,
    command_called,
    error_of,
    misfit,
    parameters_of,
)
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable

TABLES = Command(
    name="tables",
    help="Tables.",
    columns=(
        Column("name", "text", "Its name."),
        Column("rows", "integer", "Rows."),
        Column("share", "number", "Of all.", "ratio"),
        Column("hot", "boolean", "Whether it is."),
        Column("at", "time", "When."),
    ),
    parameters=(
        Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=100),
        Parameter("order", "text", "What first.", default="size", choices=("size", "dead")),
        Parameter("schema", "text", "Only this one."),
        Parameter("share", "number", "At least.", least=0.0),
        Parameter("all", "boolean", "All of them.", default=False),
    ),
)
LOCKS = Command(name="locks", help="Locks.", columns=())
NEEDY = Command(
    name="of", help="Of one.", columns=(),
    parameters=(Parameter("table", "text", "Which table.", required=True),),
)  # fmt: skip


def test_a_command_is_found_by_its_name_and_a_near_one_is_suggested():
    assert command_called("locks", (TABLES, LOCKS), "postgres") is LOCKS
    with pytest.raises(Missing, match="did you mean 'tables'"):
        command_called("table", (TABLES, LOCKS), "postgres")
    with pytest.raises(Missing, match="there are: tables, locks"):
        command_called("xyzzy", (TABLES, LOCKS), "postgres")
    with pytest.raises(Missing, match=r"postgres has no command '\\x1b\[2J'"):
        command_called("\x1b[2J", (LOCKS,), "postgres")


def test_parameters_get_their_types_and_defaults_and_reading_them_again_changes_nothing():
    given = {"limit": "7", "share": "0.5", "all": "yes", "schema": "shop"}
    read = parameters_of(TABLES, given)
    assert read == {"limit": 7, "order": "size", "schema": "shop", "share": 0.5, "all": True}
    assert parameters_of(TABLES, read) == read
    assert parameters_of(TABLES, {}) == {"limit": 50, "order": "size", "all": False}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lmit": 1}, "did you mean 'limit'"),
        ({"limit": 0}, "at least 1"),
        ({"limit": 101}, "at most 100"),
        ({"limit": "many"}, "must be a integer"),
        ({"limit": True}, "must be a integer"),
        ({"limit": 1.5}, "must be a integer"),
        ({"limit": [1]}, "must be a integer"),
        ({"limit": "9" * 400}, "must be a integer"),
        ({"limit": "9" * 5_000}, "must be a integer"),
        ({"order": "name"}, "must be one of size, dead"),
        ({"schema": {"a": 1}}, "must be a text"),
        ({"schema": "a\0b"}, "no NUL"),
        ({"schema": "x" * 4_001}, "at most 4000 characters"),
        ({"share": "nan"}, "must be a number"),
        ({"share": math.inf}, "must be a number"),
        ({"all": "perhaps"}, "must be a boolean"),
    ],
)
def test_wrong_parameters_are_named_with_the_way_out(given, said):
    with pytest.raises(Invalid, match=said):
        parameters_of(TABLES, given)


def test_a_parameter_that_must_be_given_is_asked_for_and_one_too_many_refused():
    with pytest.raises(Invalid, match=r"of needs table=… .Which table"):
        parameters_of(NEEDY, {})
    with pytest.raises(Invalid, match="it takes none"):
        parameters_of(LOCKS, {"limit": 1})


@pytest.mark.parametrize("seconds", [0, -1, 60.001, 1e5])
def test_nobody_waits_longer_than_a_minute_nor_less_than_nothing(seconds):
    question = Question(target="t", command="c", parameters={}, within=timedelta(seconds=seconds))
    with pytest.raises(Invalid, match="up to 60 s"):
        check_within(question)


GOOD = ["orders", 7, 0.5, True, "2026-11-22T03:00:00Z"]


def test_a_row_fits_its_columns_and_any_cell_may_be_missing():
    assert misfit(TABLES.columns, [GOOD, [None] * 5, ["", 0, 1, False, ""]]) == ""


@pytest.mark.parametrize(
    ("place", "cell"),
    [(0, 1), (0, "x" * 4_001), (1, 1.0), (1, True), (1, 1 << 63), (2, "1"), (2, True),
     (2, math.nan), (2, math.inf), (3, 1), (3, "true"), (4, 1)],
)  # fmt: skip
def test_a_cell_of_another_type_does_not(place, cell):
    row = [*GOOD[:place], cell, *GOOD[place + 1 :]]
    column = TABLES.columns[place]
    assert misfit(TABLES.columns, [GOOD, row]) == f"{column.name} is not of type {column.type}"
    assert "4 cells where 5" in misfit(TABLES.columns, [GOOD[:4]])


@pytest.mark.parametrize(
    ("outcome", "error_class", "error"),
    [
        (Outcome.REFUSED, "refused_by_host", Denied),
        (Outcome.LOST, "", Conflict),
        (Outcome.CANCELLED, "", Conflict),
        (Outcome.EXPIRED, "", Unavailable),
        (Outcome.FAILED, "auth", Unavailable),
        (Outcome.FAILED, "bad_parameters", Invalid),
        (Outcome.FAILED, "bad_settings", Invalid),
    ],
)
def test_every_ending_without_an_answer_is_an_error_with_its_words(outcome, error_class, error):
    found = error_of(Ending(outcome=outcome, error_class=error_class, message="it is so"))
    assert type(found) is error
    assert found.message.startswith("it is so")
    assert error_of(Ending(outcome=Outcome.ANSWERED)) is None
