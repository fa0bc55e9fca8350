"""The pages hold against the tree: rooms, files, links, and every example marked as tested."""

import re
from pathlib import Path

from tests.house.tree import ROOT, SRC, files, rooms

DOCS = ROOT / "docs"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
LINK = re.compile(r"\]\(([^)#\s]+\.(?:md|svg))(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:[\w.*-]+/)*[\w.*-]+(?:\.(?:py|sql|md|proto|toml|sh|yaml|ini|html)|/))`")
NAMED_TEST = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"def (test_\w+)\(")

ELSEWHERE = {"agent.yaml"}
"""Files the page names that live on the hosts of operators."""


def links(page: Path) -> set[Path]:
    return {
        (page.parent / link).resolve()
        for link in LINK.findall(page.read_text())
        if not link.startswith(("http:", "https:"))
    }


def test_every_page_can_be_reached_from_the_index():
    seen, due = set(), [DOCS / "index.md"]
    while due:
        page = due.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        if page.suffix == ".md":
            due.extend(links(page))
    pages = {p for p in files() if p.is_relative_to(DOCS) and p.suffix == ".md"}
    assert sorted(str(p.relative_to(ROOT)) for p in pages - seen) == []


def test_every_test_that_a_page_names_is_there():
    texts = [path.read_text() for path in files() if path.match("test_*.py")]
    there = {name for text in texts for name in DEFINED.findall(text)}
    named = {
        name for page in DOCS.glob("why/*.md") for name in NAMED_TEST.findall(page.read_text())
    }
    assert named
    assert sorted(named - there) == []


def test_the_architecture_page_names_every_room():
    text = ARCHITECTURE.read_text()
    missing = [room for room in rooms() if not re.search(rf"`?{room}/", text)]
    assert missing == []


def test_the_architecture_page_names_only_what_exists():
    named = set(NAMED.findall(ARCHITECTURE.read_text()))
    assert [name for name in sorted(named - ELSEWHERE) if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    """Whether a name of the page is a file or a folder, below the package or the top.

    A bare file name (`rules.py`) is there when some room has it.
    """
    name = name.rstrip("/")
    if any(True for base in (SRC, ROOT) for _ in base.glob(name)):
        return True
    return "/" not in name and any(True for _ in SRC.glob(f"*/{name}"))


def test_the_architecture_page_shows_the_storeys_of_the_import_contracts():
    contract = re.search(r"\nlayers =\n((?:    .+\n)+)", (ROOT / ".importlinter").read_text())
    assert contract is not None
    storeys = [
        " │ ".join(re.split(r"\s*\|\s*", line.strip())) for line in contract.group(1).splitlines()
    ]
    assert "\n".join(storeys) in ARCHITECTURE.read_text()


def test_every_decision_stands_in_the_index_with_its_title():
    folder = DOCS / "decisions"
    index = (folder / "index.md").read_text()
    for page in sorted(folder.glob("[0-9]*.md")):
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert f"]({page.name})" in index, page.name
        number = page.name[:4]
        assert title.startswith(f"{number} "), f"{page.name}: the title begins with its number"


def test_every_decision_is_one_page():
    long = {
        p.name for p in (DOCS / "decisions").glob("[0-9]*.md") if len(p.read_text().split()) > 700
    }
    assert long == set()
