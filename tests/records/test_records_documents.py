"""What is read of bytes that somebody sent, and what is refused."""

import gzip

import cramjam
import pytest

from vedette.errors import Invalid
from vedette.records.documents import MAX_STRING, read_documents


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
        (b'{"a": 1' + b"0" * 5_000 + b"}", "f: "),
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


def test_an_escaped_backslash_is_no_null_character() -> None:
    assert read_documents(b'{"a": "\\\\u0000"}')[0].value == {"a": "\\u0000"}
