"""Names that reach certificates, URLs, logs and pages are one honest line each."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import Invalid
from vedette.trust.names import (
    checked_agent_name,
    checked_label,
    checked_name,
    checked_tags,
    plain_json,
    plain_text,
)

HOSTILE = ["", " a", "a ", "a\n", "\na", "a\0b", "a\tb", "a\x1b[31m", "a\u200bb", "\u202ea",
           "a\ud800", "a\u2028b", "x" * 201, "x" * 1_000_000]  # fmt: skip


@pytest.mark.parametrize("check", [checked_agent_name, checked_label, checked_name])
@pytest.mark.parametrize("text", [*HOSTILE, None, 7, b"a", ["a"]])
def test_hostile_texts_are_refused_naming_the_field_and_no_longer_than_needed(check, text):
    with pytest.raises(Invalid, match="cluster") as refusal:
        check(text, field="cluster")
    message = str(refusal.value)
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    "text", ["..", ".", "...", "a/b", "a\\b", "<b>", 'a"b', "a%2fb", "a?b", "a#b", "-x", "tag:a"]
)
def test_a_name_fits_into_one_segment_of_a_url(text):
    with pytest.raises(Invalid):
        checked_name(text)


@pytest.mark.parametrize(
    "text", ["orders-db", "Orders DB", "db:5432", "Größe", "注文", "a.b", "x@y"]
)
def test_names_people_use_pass(text):
    assert checked_name(text) == text


def test_a_label_may_hold_markup_which_pages_escape():
    assert checked_label("R&D <CI/CD>") == "R&D <CI/CD>"


def test_texts_that_look_the_same_are_the_same():
    assert checked_label("Gro\u0308sse") == checked_label("Gr\u00f6sse")


@given(st.text(max_size=80))
def test_whatever_passes_as_an_agents_name_is_plain_ascii(text):
    try:
        name = checked_agent_name(text)
    except Invalid:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not {"/", " ", "*", ":"} & set(name)


def test_tags_are_a_small_map_of_texts():
    assert checked_tags({"role": "edge", "app.kubernetes.io/name": "x"})
    for wrong in (["a"], {"a b": "x"}, {"a": 7}, {"a": "x\n"}, {"": "x"}, {7: "x"},
                  {f"k{n}": "x" for n in range(65)}):  # fmt: skip
        with pytest.raises(Invalid, match="tags"):
            checked_tags(wrong)


@given(st.text())
def test_a_strangers_text_can_always_be_kept(text):
    kept = plain_text(text, limit=20)
    assert len(kept) <= 20
    assert "\0" not in kept
    kept.encode()


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_a_strangers_json_can_always_be_kept(value):
    text = json.dumps(plain_json(value, limit=20), allow_nan=False)
    assert "\\u0000" not in text


def test_json_without_an_end_is_cut():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert plain_json(deep, limit=20, depth=2) == [["…"]]
