"""The page that adds a kind is followed to the letter, against a server in this process."""

import asyncio
import shutil

import pytest
from tests.house.tree import ROOT
from tests.pages.page_runner import blocks_of, reader
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette import plugins

pytestmark = pytest.mark.timeout(200)
PAGE = ROOT / "docs" / "how-to" / "add-a-kind.md"


@pytest.fixture
def kinds_found_anew():
    plugins._foreign.cache_clear()
    yield
    plugins._foreign.cache_clear()


async def test_a_kind_is_built_from_the_page_installed_and_used(
    tmp_path, fresh_app_url, monkeypatch, kinds_found_anew
):
    blocks = blocks_of(PAGE.read_text())
    with reader(tmp_path) as person:
        shutil.copy(ROOT / "examples" / "imagemanifestvuln.json", person.folder)
        async with rest_over(fresh_app_url) as rest, served(rest.app) as address:
            person.environment |= {"VEDETTE_URL": address, "VEDETTE_TOKEN": await rest.token()}
            for block in blocks:
                if block.mark == "runs-on":  # this process is the server, and finds the kind now
                    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
                    monkeypatch.syspath_prepend(site)
                    monkeypatch.syspath_prepend(person.folder / "own-kinds")
                    plugins._foreign.cache_clear()
                else:
                    await asyncio.to_thread(person.follow, block)
