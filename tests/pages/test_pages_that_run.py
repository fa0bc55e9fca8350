"""How-to pages that a reader can follow to the letter are followed to the letter."""

import re

import pytest
from tests.house.tree import ROOT
from tests.pages.page_runner import Block, blocks_of, is_seen, reader, shifted

PAGES = ("add-a-connector", "connect-a-cluster")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_from_top_to_bottom(name, tmp_path):
    blocks = blocks_of(shifted((ROOT / "docs" / "how-to" / f"{name}.md").read_text()))
    assert any(block.mark == "runs-on" for block in blocks)
    with reader(tmp_path) as person:
        for block in blocks:
            person.follow(block)


def test_blocks_are_files_commands_and_what_is_seen():
    page = "`a/b.yaml`:\n\n```yaml settings\nx: 1\n```\n\n```sh\nls\n```\n\n```text\na … b\n```\n"
    assert blocks_of(page) == [
        Block(1, "yaml", "settings", "a/b.yaml", "x: 1\n"),
        Block(7, "sh", "", "", "ls\n", ("a … b",)),
    ]


def test_what_is_seen_stands_in_one_line():
    assert is_seen("shop … up", "NAME STATE\nshop  cockroachdb  up\n")
    assert not is_seen("shop … up", "shop down\nother up\n")


def test_a_page_that_does_not_hold_fails(tmp_path):
    with (
        reader(tmp_path) as person,
        pytest.raises(AssertionError, match="line 7: it failed: nothing"),
    ):
        person.follow(Block(7, "sh", "", "", "echo nothing; false\n"))


def test_ports_are_shifted_together():
    moved = shifted("http://127.0.0.1:8091 127.0.0.1:8093 --port 8091; 8091 nodes")
    first, second, third = (int(port) for port in re.findall(r"(?:1:|port )(\d+)", moved))
    assert (second - first, third - first) == (2, 0)
    assert moved.endswith("; 8091 nodes")
