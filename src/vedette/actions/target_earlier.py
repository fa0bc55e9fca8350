"""The one sub-query that MIG documents: agents by what they answered to a former action."""

from dataclasses import dataclass

from vedette.actions.target import Column, Earlier, Operand
from vedette.actions.target_reader import Reader

_EXAMPLE = (
    "id IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r "
    "WHERE actionid=1 AND r#>>'{foundanything}'='true')"
)


@dataclass(frozen=True)
class _Answers:
    """How the sub-query calls one answer, "" where it looks at none."""

    alias: str


def read_earlier(reader: Reader, left: Operand) -> Earlier:
    """Return what `(SELECT …)` after `id IN (` asks; raises Invalid for any other sub-query."""
    start = reader.token.at
    if left != Column("id"):
        raise reader.wrong("of sub-queries only id IN (SELECT …) is understood", hint=_EXAMPLE)
    reader.expect_words("select")
    _commands_column(reader, "agentid")
    reader.expect_words("from", "commands")
    answers = _read_answers(reader)
    reader.expect_words("where")
    action, found = _read_earlier_condition(reader, answers)
    while reader.take_word("and"):
        other, other_found = _read_earlier_condition(reader, answers)
        if (other is None) == (action is None) and (other_found is None) == (found is None):
            raise reader.wrong("the sub-query asks the same twice", at=start)
        action = other if action is None else action
        found = other_found if found is None else found
    reader.expect_mark(")")
    if action is None:
        raise reader.wrong("the sub-query names no action", at=start, hint="write actionid=…")
    if answers.alias and found is None:
        raise reader.wrong("the sub-query never asks what was answered", at=start, hint=_EXAMPLE)
    return Earlier(action, found)


def _read_answers(reader: Reader) -> _Answers:
    if not reader.take_mark(","):
        return _Answers("")
    reader.expect_words("json_array_elements", hint=_EXAMPLE)
    reader.expect_mark("(")
    _commands_column(reader, "results")
    reader.expect_mark(")")
    reader.take_word("as")
    token = reader.token
    if token.kind != "word" or token.value in ("where", "commands", "agents"):
        raise reader.wrong("json_array_elements(…) needs a name", hint=_EXAMPLE)
    reader.step()
    return _Answers(token.value)


def _commands_column(reader: Reader, name: str) -> None:
    if reader.take_word("commands"):
        reader.expect_mark(".")
    reader.expect_words(name, hint=_EXAMPLE)


def _read_earlier_condition(reader: Reader, answers: _Answers) -> tuple[int | None, bool | None]:
    if answers.alias and reader.take_word(answers.alias):
        return None, _read_found(reader)
    _commands_column(reader, "actionid")
    reader.expect_operator("=")
    return reader.expect_number(), None


def _read_found(reader: Reader) -> bool:
    operator, at = reader.token.value, reader.token.at
    reader.step()
    path = reader.expect_text("'{foundanything}'")
    if (operator, path) not in (("#>>", "{foundanything}"), ("->>", "foundanything")):
        raise reader.wrong("of an answer only foundanything is asked", at=at, hint=_EXAMPLE)
    reader.expect_operator("=")
    at = reader.token.at
    word = reader.expect_text("'true' or 'false'")
    if word not in ("true", "false"):
        raise reader.wrong("foundanything is 'true' or 'false'", at=at)
    return word == "true"
