"""What counts as an answer, whoever wrote it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.agent.modules import Result
from vedette.agent.operation_answer import DEPTH, NotAnAnswer, checked

ATOMS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
ANYTHING = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(elements=ANYTHING, statistics=ANYTHING, errors=st.lists(st.text()))
def test_every_result_of_a_module_is_an_answer(
    elements: object, statistics: object, errors: list[str]
) -> None:
    result = Result(success=True, elements=elements, statistics=statistics, errors=errors)
    content = msgspec.json.encode(result)
    assert checked(content) == content


@given(st.binary())
def test_bytes_are_an_answer_or_not_and_nothing_else(content: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        checked(content)


@given(st.text(alphabet='[]{}",:\\1 ', max_size=60))
def test_what_is_taken_for_json_is_json(elements: str) -> None:
    try:
        answer = checked(answering(elements))
    except NotAnAnswer:
        return
    assert json.loads(answer)["elements"] == json.loads(elements)


@pytest.mark.parametrize("depth", [1, DEPTH - 2, DEPTH - 1])
def test_nesting_up_to_the_depth_is_taken(depth: int) -> None:
    checked(answering("[" * depth + "]" * depth))
    checked(answering('{"a":' * depth + "1" + "}" * depth))


@pytest.mark.parametrize("depth", [DEPTH, 500, 10_000, 1_000_000])
def test_nesting_below_it_is_not(depth: int) -> None:
    with pytest.raises(NotAnAnswer, match="nested deeper than"):
        checked(answering("[" * depth + "]" * depth))


def test_brackets_in_texts_are_no_nesting() -> None:
    text = json.dumps('\\"[{' * 1_000)
    assert json.loads(checked(answering(text)))["elements"] == json.loads(text)


def test_the_keys_come_back_in_migs_order_and_once() -> None:
    said = b'{"errors":[],"statistics":{},"elements":1,"success":false,"foundanything":true,"success":true}'
    assert checked(said) == (
        b'{"foundanything":true,"success":true,"elements":1,"statistics":{},"errors":[]}'
    )


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "01", "1.", "0x1", "'a'", "undefined"]
)
def test_what_only_some_readers_take_for_json_is_none(number: str) -> None:
    with pytest.raises(NotAnAnswer):
        checked(answering(number))


def answering(elements: str) -> bytes:
    said = f'{{"foundanything":true,"success":true,"elements":{elements},"statistics":null,"errors":[]}}'
    return said.encode()
