"""What is read of bytes that somebody sent, and what is refused."""

import gzip
import json
import time
from typing import Any

import cramjam
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vedette.errors import Invalid
from vedette.records.documents import read_documents
from vedette.records.strict_json import MAX_STRING, json_values, plain_value


def test_one_json_document_several_and_a_list_are_taken_apart() -> None:
    assert [d.value for d in read_documents(b' {"a": 1} ')] == [{"a": 1}]
    assert [d.value for d in read_documents(b'{"a": 1}\n{"a": 2}\n')] == [{"a": 1}, {"a": 2}]
    listed = b'{"kind": "List", "items": [{"a": 1}, {"a": 2}]}'
    assert [d.source for d in read_documents(listed, source="f")] == ["f, item 1", "f, item 2"]


def test_a_stream_of_yaml_is_several_documents() -> None:
    assert [d.value for d in read_documents(b"a: 1\n---\n---\na: no\n")] == [{"a": 1}, {"a": "no"}]


def test_what_is_packed_is_unpacked() -> None:
    body = b'{"a": 1}'
    assert read_documents(gzip.compress(body))[0].value == {"a": 1}
    assert read_documents(gzip.compress(b'{"a":') + gzip.compress(b"1}"))[0].value == {"a": 1}
    assert read_documents(bytes(cramjam.zstd.compress(body)))[0].value == {"a": 1}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "f is empty"),
        (b" \n", "f is empty"),
        (b'{"a": 1', "f:1:8: not JSON"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b"[" * 1_000 + b"]" * 1_000, "f: nested too deep"),
        (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "f: nested too deep"),
        (b'{"a": "\xff"}', "byte 7 is no UTF-8 text"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        (b'{"a": ["\\u0000"]}', "$.a[0] holds U+0000"),
        (b'{"\\ud800": 1}', "holds U+0000 or half a surrogate"),
        (b'{"a": 1' + b"0" * 5_000 + b"}", "f: a number has 5001 digits"),
        (b'{"a": -1e400}', "f: the number -1e400 is too large"),
        (b'{"a": "' + b"x" * (MAX_STRING + 1) + b'"}', "the text of 'a' is longer"),
        (b"a: [1, 2\n", "not YAML"),
        (b"a: 1\na: 2\n", "stands twice"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "damaged or cut off"),
        (b"\x28\xb5\x2f\xfd\x00", "damaged or cut off"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_documents(body, source="f")
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_small_file_does_not_become_a_large_one() -> None:
    bomb = b"0" * 3_000_000
    for packed in (gzip.compress(bomb), bytes(cramjam.zstd.compress(bomb))):
        with pytest.raises(Invalid, match="larger than 1 MiB"):
            read_documents(packed, source="f", max_bytes=2**20)


def test_members_of_a_packed_file_are_unpacked_in_time_that_grows_with_them() -> None:
    many = gzip.compress(b"") * 1_000 + gzip.compress(b'{"a": ') + gzip.compress(b"1}")
    assert read_documents(many)[0].value == {"a": 1}
    with pytest.raises(Invalid, match="larger than 1 MiB"):
        read_documents(gzip.compress(b"0" * 2**19) * 3, source="f", max_bytes=2**20)
    began = time.process_time()
    with pytest.raises(Invalid, match="in more than 16384 pieces"):
        read_documents(gzip.compress(b"") * 400_000, source="f")
    assert time.process_time() - began < 3


def test_an_escaped_backslash_is_no_null_character() -> None:
    assert read_documents(b'{"a": "\\\\u0000"}')[0].value == {"a": "\\u0000"}


_TEXTS = st.one_of(
    st.text(st.sampled_from('ab"\\/{:,\u00e9\U0001f600\n'), max_size=4).map(json.dumps),
    st.sampled_from(
        ['"\\\\"', '"\\""', '"\\\\\\""', '"\\u0061"', '"\\ud83d\\ude00"', '"\\ud800"', '"\t"']
    ),
)
_NUMBERS = st.sampled_from(
    ["0", "-0", "-0.0", "1e5", "1e400", "0.1", "9" * 25, "01", "NaN", "true", "null"]
)


def _said(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Arrays and objects, in which keys may stand twice."""
    pairs = st.tuples(_TEXTS, inner).map(" : ".join)
    return st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]") | st.lists(
        pairs, max_size=4
    ).map(lambda parts: "{" + ",".join(parts) + "}")


@given(_said(st.recursive(_TEXTS | _NUMBERS, _said, max_leaves=8)))
@example('{"a": 1, "\\u0061": 2}')
@example('{"a\\\\": "\\"", "a\\\\": ""}')
def test_the_quick_reader_takes_nothing_that_the_strict_one_refuses_and_reads_it_the_same(
    text: str,
) -> None:
    body = text.encode()
    quick = plain_value(body)
    if quick is not msgspec.UNSET:
        assert repr([quick]) == repr(json_values(body, text, "f"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('a"\\:')), inner),
        max_leaves=8,
    ).map(lambda value: [value])
)  # fmt: skip
def test_what_is_in_order_needs_no_second_reader(value: Any) -> None:
    assert plain_value(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


def test_a_long_text_of_escaped_quotes_is_not_taken_for_many_short_ones() -> None:
    body = b'["", "' + b'\\"' * (MAX_STRING + 1) + b'"]'
    assert plain_value(body) is msgspec.UNSET
    assert plain_value(json.dumps(["x" * (MAX_STRING // 2)] * 3).encode()) is not msgspec.UNSET
