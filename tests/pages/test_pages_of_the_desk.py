"""The pages about what happens on an investigator's own machine are followed to the letter; no server runs."""

import pytest
from tests.house.tree import ROOT
from tests.pages.page_runner import blocks_of, reader
from tests.signing_world import needs_ssh

pytestmark = [needs_ssh, pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.mark.parametrize("name", ["trust", "write-an-action"])
def test_a_page_holds_from_top_to_bottom(name, tmp_path):
    blocks = blocks_of((ROOT / "docs" / "how-to" / f"{name}.md").read_text())
    assert len(blocks) > 8
    with reader(tmp_path) as person:
        for block in blocks:
            person.follow(block)
