"""Durations and sizes as operators write them, wherever they write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vedette import durations
from vedette.cli.spans import span
from vedette.errors import Invalid
from vedette.sizes import size_bytes

PARTS = st.tuples(
    st.integers(0, 999), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 999)
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "length_s"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("1.5s", 1.5),
        ("0.000001s", 0.000001),
        ("1m30s", 90),
        ("48h", 172_800),
        ("90d", 7_776_000),
        (" 2h ", 7200),
    ],
)
def test_durations_as_operators_write_them(text, length_s):
    assert durations.parse(text) == timedelta(seconds=length_s)
    assert durations.seconds(text) == length_s


@pytest.mark.parametrize(
    "text", ["", " ", "5", "5 s", "s", "-5s", "5s5m", "1w", "1.5m", "1.s", ".5s", "1e3s", "٣s"]
)
def test_what_is_no_duration_is_refused_everywhere(text):
    for read in (durations.parse, durations.seconds, span):
        with pytest.raises(Invalid, match="is not a duration"):
            read(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_is_read_back_as_it_was_spelled(milliseconds):
    length = timedelta(milliseconds=milliseconds)
    assert durations.parse(durations.spell(length)) == length


@given(PARTS)
def test_the_parts_of_a_duration_add_up(parts):
    units = ("d", "h", "m", "s", "ms")
    text = "".join(f"{amount}{unit}" for amount, unit in zip(parts, units, strict=True))
    days, hours, minutes, seconds, milliseconds = parts
    assert durations.parse(text) == timedelta(
        days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds
    )


@given(st.text(alphabet="0123456789.dhms -", max_size=14))
def test_what_is_read_is_what_the_schema_lets_through(text):
    """The schema may let more through (a number too long), never less."""
    schema = Draft202012Validator({"type": "string", "pattern": durations.PATTERN})
    try:
        durations.parse(text)
    except Invalid:
        return
    assert schema.is_valid(text.strip())


@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
def test_a_bare_number_is_seconds(number):
    assert durations.seconds(number) == number


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, None, [], {}, b"5s"])
def test_what_yaml_may_say_instead_of_a_duration_is_refused(value):
    with pytest.raises(Invalid, match="is not a duration"):
        durations.seconds(value)


@pytest.mark.parametrize("text", ["0d", "0s", "0ms"])
def test_the_command_line_wants_a_duration_of_some_length(text):
    with pytest.raises(Invalid, match="of any length"):
        span(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("64KiB", 65_536), ("1 MiB", 1 << 20), ("50MB", 50_000_000), ("3kB", 3000), ("100", 100)],
)
def test_sizes_as_operators_write_them(text, size):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1.5GB", "1iB", "1PB", "1mb", "١MB", "1" * 13])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(Invalid, match="is not a size"):
        size_bytes(text)
