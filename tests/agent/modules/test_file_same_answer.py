"""Whatever the tree and the question, the answer is that of find, grep -rE and sha256sum."""

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
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


MODES = {"^u": "-4000", "x$": "-0001", "^.rwx": "-0700", "t": "-1000", "^.r-": "!-0200"}
AGES = {"<1h": "-60", ">1h": "+60", "<2d": "-2880", ">90d": "+129600", ">100m": "+100"}
FACTS = {
    "modes": "mode",
    "mtimes": "mtime",
    "sizes": "size",
    "names": "name",
    "contents": "content",
}

inodes = some.tuples(
    some.sampled_from((0o644, 0o755, 0o4755, 0o1600, 0o400)),
    some.sampled_from((5, 75, 1800, 140_000)),
)
searches = some.fixed_dictionaries(
    {},
    optional={
        "names": some.lists(some.sampled_from((*NAMES, "!o", r"!\.conf$")), min_size=1, max_size=2),
        "sizes": some.builds("{}{}".format, some.sampled_from("<>="), some.integers(1, 40)).map(
            lambda text: [text.removeprefix("=")]
        ),
        "modes": some.lists(some.sampled_from(sorted(MODES)), min_size=1, max_size=1),
        "mtimes": some.lists(some.sampled_from(sorted(AGES)), min_size=1, max_size=1),
        "contents": some.lists(
            some.sampled_from((*PATTERNS, "!alpha", "!^$", "!^root:")), min_size=1, max_size=2
        ),
    },
).filter(bool)


def planted(root: Path, tree: dict[tuple[str, str], str], told: list[tuple[int, int]]) -> None:
    """Plant the tree, with a mode and an age in minutes for each file."""
    plant(root, tree)
    now = time.time()
    for (folder, name), (mode, minutes) in zip(tree, told, strict=False):
        path = root / folder / name
        os.utime(path, (now - minutes * 60,) * 2)
        path.chmod(mode)


def holds(root: str, kind: str, text: str, *, every_line: bool) -> set[str]:
    """Return the files of which find and grep say that the check holds."""
    everything = said("find", root, "-type", "f", "-print0")
    if kind in ("names", "contents") and text.startswith("!"):
        return {*everything} - holds(root, kind, text[1:], every_line=every_line)
    if kind == "names":
        return {path for path in everything if matches(text, Path(path).name)}
    if kind == "contents" and every_line:
        empty = said("find", root, "-type", "f", "-size", "0", "-print0")
        return {*said("grep", "-rLvaEZ", "-e", text, root)} - {*empty}
    if kind == "contents":
        return {*said("grep", "-rlaEZ", "-e", text, root)}
    if kind == "sizes":
        bytes_ = int(text.lstrip("<>")) + {"<": 1, ">": -1}.get(text[0], 0)
        test = ["-size", {"<": "-", ">": "+"}.get(text[0], "") + f"{bytes_}c"]
    elif kind == "modes":
        test = [*"!"[: MODES[text].count("!")], "-perm", MODES[text].lstrip("!")]
    else:
        test = ["-mmin", AGES[text]]
    return {*said("find", root, "-type", "f", *test, "-print0")}


@given(
    tree=trees,
    told=some.lists(inodes, min_size=8, max_size=8),
    search=searches,
    turned=some.sets(some.sampled_from(sorted(FACTS)), max_size=2),
    matchall=some.booleans(),
    macroal=some.booleans(),
)
def test_checks_together_turned_and_of_every_line_are_those_of_find_and_grep(
    tree: dict[tuple[str, str], str],
    told: list[tuple[int, int]],
    search: dict[str, list[str]],
    turned: set[str],
    matchall: bool,
    macroal: bool,
) -> None:
    with tempfile.TemporaryDirectory() as root:
        planted(Path(root), tree, told)
        options = {
            "matchall": matchall,
            "macroal": macroal,
            "mismatch": [FACTS[one] for one in turned],
        }
        hits = ask(None, s1={"paths": [root], **search, "options": options}).elements["s1"]
        everything = {*said("find", root, "-type", "f", "-print0")}
        expected = {
            (kind, text): everything - those if kind in turned else those
            for kind, texts in search.items()
            for text in texts
            for those in [holds(root, kind, text, every_line=macroal)]
        }
        if matchall:
            assert {hit["file"] for hit in hits} - {""} == set.intersection(*expected.values())
            return
        for (kind, text), those in expected.items():
            asked = [hit for hit in hits if hit["search"].get(kind) == [text]]
            assert {hit["file"] for hit in asked} - {""} == those


@given(
    tree=trees,
    packed=some.lists(some.booleans(), min_size=8, max_size=8),
    word=some.sampled_from((*PATTERNS, "!alpha")),
)
def test_what_gzip_packed_is_answered_as_if_it_had_not(
    tree: dict[tuple[str, str], str], packed: list[bool], word: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, other = f"{folder}/plain", f"{folder}/other"
        for root in (plain, other):
            Path(root).mkdir()
            plant(Path(root), tree)
        for path, pack in zip(said("find", other, "-type", "f", "-print0"), packed, strict=False):
            if pack:
                Path(path).write_bytes(gzip.compress(Path(path).read_bytes()))
        options = {"matchall": True, "decompress": True, "returnsha256": True}
        hits = ask(None, s1={"paths": [other], "contents": [word], "options": options})
        found = {
            hit["file"].removeprefix(other): hit["fileinfo"]["sha256"].lower()
            for hit in hits.elements["s1"]
            if hit["file"]
        }
        those = sorted(holds(plain, "contents", word, every_line=False))
        sums = [row.split("  ") for row in (said("sha256sum", "-z", *those) if those else ())]
        assert found == {path.removeprefix(plain): digest for digest, path in sums}


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
