from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import Invalid
from vedette.rest.paging import decode_cursor, decode_place, encode_cursor


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
)
def test_a_cursor_holds_the_key_it_was_made_of(name, number):
    assert decode_cursor(encode_cursor((name, number)), tuple[str, int]) == (name, number)


def test_times_survive_with_their_microseconds():
    at = datetime(2026, 11, 22, 3, 4, 5, 678901, tzinfo=UTC)
    assert decode_cursor(encode_cursor((at, 7)), tuple[datetime, int]) == (at, 7)


def deep() -> str:
    return urlsafe_b64encode(b"[" * 100_000).decode()


@pytest.mark.parametrize("forged", ["", "AAAA", "ü", "%00", "e30=", encode_cursor(5), deep()])
def test_what_we_did_not_give_is_refused_in_words(forged):
    with pytest.raises(Invalid, match="not one this server gave"):
        decode_cursor(forged, str)


@pytest.mark.parametrize("key", ["orders\0db", 2**63, -(2**63) - 1, ["a", "\0"], {"at": [10**30]}])
def test_what_no_column_can_hold_was_not_given_by_us(key):
    with pytest.raises(Invalid, match="not one this server gave"):
        decode_cursor(encode_cursor(key), type(key))


@pytest.mark.parametrize(
    "key",
    [
        ("2026-11-22T03:00:00", 7),
        ("2026-11-22T03:00:00Z", 2**31),
        ("2026-11-22T03:00:00Z", -1),
        ("2026-11-22T03:00:00Z", True),
        ("yesterday", 7),
        ["2026-11-22T03:00:00Z"],
    ],
)
def test_a_place_that_no_list_has_is_refused(key):
    with pytest.raises(Invalid, match="not one this server gave"):
        decode_place(encode_cursor(key))


def test_a_place_comes_back_as_it_went():
    at = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert decode_place(encode_cursor((at, 7))) == (at, 7)
