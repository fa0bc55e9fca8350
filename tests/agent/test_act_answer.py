"""An answer is one JSON that any database keeps, whatever a module found on a host."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from vedette.agent.act_answer import MESSAGE_CHARACTERS, Outcome, answer_bytes, outcome_of, storable
from vedette.agent.operation import Ended, Ran

RESULT = b'{"foundanything":true,"success":true,"elements":null,"statistics":null,"errors":[]}'
UNSURE = (
    b'{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":["no"]}'
)


def ran(ended=Ended.RETURNED, result=RESULT, message="", *, truncated=False):
    return Ran(
        ended=ended, result=result, message=message, truncated=truncated, took_s=0.1, cpu_s=0.1
    )


def kept(text):
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


@given(st.text(st.characters(codec=None, exclude_categories=())), st.booleans())
def test_what_no_database_keeps_is_replaced_and_all_else_stays(text, escaped):
    # Half characters can only come escaped; as UTF-8 they are refused before.
    document = json.dumps({text: [text, "\\u0000"]}, ensure_ascii=escaped or kept(text) != text)
    found = json.loads(storable(document.encode()))
    assert found == {kept(text): [kept(text), "\\u0000"]}


def test_a_whole_pair_is_a_character_and_a_half_one_is_not():
    assert storable(rb'"\ud83d\ude00 \ud83d \ude00 \u0000\ude00"') == (
        rb'"\ud83d\ude00 \ufffd \ufffd \ufffd\ufffd"'
    )
    assert storable(rb'"\\u0000 \\\u0000"') == rb'"\\u0000 \\\ufffd"'


def test_the_first_operation_that_did_not_succeed_says_how_it_ended():
    found = outcome_of([ran(), ran(Ended.TIMEOUT, b"", "took too long"), ran()], 3, 5)
    assert (found.status, found.reason, found.message) == ("timeout", "timeout", "took too long")
    said = json.loads(answer_bytes(7, "d", found))
    assert [one["success"] for one in said["results"]] == [True, False, True]
    assert said["results"][1]["errors"] == ["took too long"]


def test_each_way_to_end_has_its_words():
    for one, status, reason in (
        (ran(), "success", ""),
        (ran(result=UNSURE), "failed", "could-not-tell"),
        (ran(Ended.KILLED, b"", "too much"), "failed", "killed"),
        (ran(Ended.CRASHED, b"", "a bug"), "failed", "crashed"),
        (ran(Ended.REFUSED, b"", "no key 'x'"), "refused", "bad-parameters"),
        (ran(Ended.UNAVAILABLE, b"", "no osquery"), "refused", "unavailable"),
        (
            ran(Ended.UNAVAILABLE, b"", "this host cannot keep the operation in; it lacks"),
            "refused",
            "sandbox",
        ),
    ):
        found = outcome_of([one], 1, 5)
        assert (found.status, found.reason) == (status, reason)


def test_what_did_not_run_any_more_is_there_and_says_so():
    found = outcome_of([ran()], 3, 5)
    assert found.status == "timeout"
    said = json.loads(answer_bytes(7, "d", found))
    assert len(said["results"]) == 3
    assert said["results"][2]["errors"] == ["the action expired before all of it ran"]


def test_a_message_is_cut_and_holds_no_nul():
    said = json.loads(answer_bytes(7, "d", Outcome(status="failed", message="a\0" * 5000)))
    assert len(said["message"]) == MESSAGE_CHARACTERS
    assert "\0" not in said["message"]


@given(st.text("\\\\u0 \0", max_size=20))
def test_whoever_looks_for_a_nul_in_the_bytes_finds_none_and_the_text_is_the_same(text):
    result = json.loads(RESULT) | {"elements": text}
    found = outcome_of([ran(result=json.dumps(result).encode())], 1, 5)
    answer = answer_bytes(7, "d", Outcome(status="failed", message=text, results=found.results))
    assert b"\\u0000" not in answer
    said = json.loads(answer)
    assert said["results"][0]["elements"] == kept(text) == said["message"]


def test_what_was_cut_off_is_said():
    assert outcome_of([ran(), ran(Ended.KILLED, b"", "long", truncated=True)], 2, 5).truncated
