from pathlib import Path

import pytest

from vedette.errors import Invalid, Missing
from vedette.yaml_file import MAX_BYTES, parse_yaml, read_yaml


def test_plain_words_stay_words():
    text = "[NO, yes, on, 12:30:00, 2026-11-22, 1e3x, '5', !!str 7]"
    said = ["NO", "yes", "on", "12:30:00", "2026-11-22", "1e3x", "5", "7"]
    assert parse_yaml(text).value == said


def test_numbers_truth_and_nothing_are_what_they_look_like():
    assert parse_yaml("[1, -3, 0x1f, 2.5, true, false, null, ~]").value == [
        1, -3, 31, 2.5, True, False, None, None,
    ]  # fmt: skip


def test_a_number_longer_than_any_field_stays_text():
    assert parse_yaml("9" * 5000).value == "9" * 5000


def test_a_key_that_stands_twice_is_refused_with_its_line():
    with pytest.raises(Invalid, match=r"f\.yaml:3: the key 'every' stands twice"):
        parse_yaml("every: 1s\nname: x\nevery: 2s\n", source="f.yaml")


def test_a_key_twice_within_what_is_merged_is_refused_too():
    with pytest.raises(Invalid, match="stands twice"):
        parse_yaml("a: &a {x: 1, x: 2}\nb: {<<: *a}")


def test_merged_keys_give_way_to_own_ones():
    text = "base: &base {every: 10s, timeout: 5s}\none: {<<: *base, every: 1s}"
    assert parse_yaml(text).value["one"] == {"every": "1s", "timeout": "5s"}


@pytest.mark.parametrize("tag", ["!!python/object:os.system x", "!!binary aGk=", "!mine x"])
def test_tags_that_make_objects_are_refused(tag):
    with pytest.raises(Invalid, match="is not allowed here"):
        parse_yaml(f"a: {tag}")


def test_depth_is_bounded_before_anything_is_built():
    with pytest.raises(Invalid, match="nested more than 32 deep"):
        parse_yaml("[" * 100_000)


def test_aliases_cannot_make_a_small_file_large():
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(Invalid, match="expand to more than"):
        parse_yaml("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a\n  b: *a",
        "a: &a\n  <<: *a",
        "a0: &a0 []\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 900)),
    ],
)
def test_aliases_cannot_make_a_flat_file_deep(text):
    with pytest.raises(Invalid, match="nested more than 32 deep by its aliases"):
        parse_yaml(text)


def test_what_is_not_yaml_is_said_with_its_line():
    with pytest.raises(Invalid, match=r"the text:2: not YAML"):
        parse_yaml("a: 1\nb: c: d")


def test_the_line_of_a_value_is_found_or_that_of_the_nearest_thing_around_it():
    document = parse_yaml("a: 1\nb:\n  - x: 1\n  - x: 2\n    y: 3\n")
    assert document.line_of(("b", 1, "y")) == 5
    assert document.line_of(("b", 1, "nothing")) == 4
    assert document.line_of(("nothing",)) == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(Missing, match="there is no file"):
        read_yaml(tmp_path / "absent.yaml")


def test_a_directory_and_bytes_that_are_no_text_are_one_line(tmp_path):
    with pytest.raises(Invalid, match="is a directory"):
        read_yaml(tmp_path)
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="cannot be read"):
        read_yaml(tmp_path / "x")


def test_a_large_file_is_refused(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(Invalid, match="larger than 8 MiB"):
        read_yaml(tmp_path / "large")
    with pytest.raises(Invalid, match="larger than 8 MiB"):
        read_yaml(Path("/dev/zero"))
