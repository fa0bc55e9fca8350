"""Whatever the tree and the question, the answer is that of find, grep -rE and sha256sum."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.agent.modules.test_file import ask

needed = ("find", "grep", "sha256sum")
missing = [tool for tool in needed if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"{missing} not on this machine")

FOLDERS = ("", "a", "a/b", "c", "c/a/b")
PARTS = ("alpha", "beta=1", "root:x:0", "", "é", "AKIA12", "foo.bar", "\t", "beta" * 40)
PATTERNS = (
    "alpha",
    "beta=[0-9]+",
    "^root:",
    "a$",
    "(AKIA|foo)[.0-9]",
    "^$",
    "(beta)+.*x?",
    "[^a]lpha",
    "foo[.]b",
    "x|é",
    "a{2}",
    "^.é",
)
NAMES = (r"\.conf$", "^a", "o", "^.{5}$", "x")

names = some.sampled_from(("app.conf", "a.txt", "oboe", "x", "zoo.conf", "é.conf", "-n"))
lines = some.lists(some.lists(some.sampled_from(PARTS), max_size=3).map("".join), max_size=5)
contents = some.builds(
    lambda rows, end, times: ("\n".join(rows) + end) * times,
    lines,
    some.sampled_from(("", "\n")),
    some.sampled_from((1, 1, 1, 3000)),
)
trees = some.dictionaries(some.tuples(some.sampled_from(FOLDERS), names), contents, max_size=8)


def plant(root: Path, tree: dict[tuple[str, str], str]) -> None:
    for (folder, name), content in tree.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_text(content)


def said(*command: str) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    return sorted(filter(None, done.stdout.decode().split("\0")))


def answered(root: Path, **asked: list[str]) -> dict[str, list[str]]:
    """Ask each check of its own, all in one walk."""
    searches = {
        f"{kind} {text}"[:64]: {"paths": [str(root)], kind: [text], "options": {"matchall": True}}
        for kind, texts in asked.items()
        for text in texts
    }
    found = ask(None, **searches)
    assert not found.errors
    return {
        label: sorted(hit["file"] for hit in hits if hit["file"])
        for label, hits in found.elements.items()
    }


@settings(max_examples=40, deadline=None)
@given(
    tree=trees,
    words=some.sets(some.sampled_from(PATTERNS), min_size=1, max_size=3),
    name=some.sampled_from(NAMES),
    size=some.integers(0, 40),
)
def test_the_answer_is_that_of_find_and_grep(
    tree: dict[tuple[str, str], str], words: set[str], name: str, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plant(root, tree)
        told = answered(
            root,
            contents=[*words, *(f"!{word}" for word in words)],
            names=[name],
            sizes=[f"<{size}"],
        )
        for word in words:
            assert told[f"contents {word}"] == said("grep", "-rlaEZ", "-e", word, folder)
            assert told[f"contents !{word}"] == said("grep", "-rLaEZ", "-e", word, folder)
        everything = said("find", folder, "-type", "f", "-print0")
        named = [path for path in everything if matches(name, Path(path).name)]
        assert told[f"names {name}"] == named
        assert told[f"sizes <{size}"] == said(
            "find", folder, "-type", "f", "-size", f"-{size + 1}c", "-print0"
        )


def matches(pattern: str, name: str) -> bool:
    """Return what grep says of one name."""
    done = subprocess.run(
        ("grep", "-qaE", "-e", pattern),
        input=name.encode() + b"\n",
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return done.returncode == 0


@settings(max_examples=15, deadline=None)
@given(tree=trees)
def test_hashes_are_those_of_sha256sum(tree: dict[tuple[str, str], str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plant(root, tree)
        paths = said("find", folder, "-type", "f", "-print0")
        sums = dict(
            row.split("  ")[::-1] for row in (said("sha256sum", "-z", *paths) if paths else ())
        )
        search = {"paths": [folder], "options": {"matchall": True, "returnsha256": True}}
        hits = ask(None, all=search).elements["all"]
        assert {
            hit["file"]: hit["fileinfo"]["sha256"].lower() for hit in hits if hit["file"]
        } == sums
        for digest in set(sums.values()):
            same = sorted(path for path, one in sums.items() if one == digest)
            assert answered(root, sha2=[digest])[f"sha2 {digest}"[:64]] == same
