"""What the `file` module answers; first where MIG's is wrong, then what it can be asked."""

import gzip
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.agent.modules import asking

from vedette.agent.modules import Context, Limits, Result
from vedette.agent.modules.file import File
from vedette.agent.modules.file_answer import go_time
from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_literals import required
from vedette.agent.modules.file_mounts import elsewhere
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.file_question import go_mode
from vedette.errors import Invalid


def ask(context: Context | None = None, **searches: dict[str, Any]) -> Result:
    given = {"searches": {label: dict(search) for label, search in searches.items()}}
    return asking.ask(File(), given, context)


def found(result: Result, label: str = "s1") -> list[str]:
    return sorted({Path(hit["file"]).name for hit in result.elements[label] if hit["file"]})


def search(*paths: Path | str, matchall: bool = True, **asked: Any) -> dict[str, Any]:
    options = {"matchall": matchall, **asked.pop("options", {})}
    return {"paths": [str(path) for path in paths], "options": options, **asked}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in (
        ("passwd", b"root:x:0:0\nsync:x:4\n"),
        ("empty", b""),
        ("sub/notes.txt", b"hello\n"),
        ("sub/deep/core.h", b"int x;\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


# Where MIG is wrong.


@pytest.mark.parametrize("long", [65_537, 600_000, 1_100_000])
def test_what_stands_after_a_long_line_is_found(tmp_path: Path, long: int) -> None:
    (tmp_path / "dump").write_bytes(b"x" * long + b"\nhere is the needle\n")
    assert found(ask(s1=search(tmp_path, contents=["needle"]))) == ["dump"]
    assert found(ask(s1=search(tmp_path, contents=["^here.*le$"]))) == ["dump"]
    assert found(ask(s1=search(tmp_path, contents=["^x+$"]))) == ["dump"]
    assert found(ask(s1=search(tmp_path, contents=["!needle"]))) == []


@pytest.mark.parametrize("before", [524_280, 524_288, 1_048_570, 700_000])
def test_a_word_across_two_portions_of_a_file_is_found(tmp_path: Path, before: int) -> None:
    (tmp_path / "binary").write_bytes(b"\0" * before + b"needle" + b"\0" * 900_000)
    assert found(ask(s1=search(tmp_path, contents=["needle"]))) == ["binary"]
    assert found(ask(s1=search(tmp_path, contents=["ne+dle"]))) == ["binary"]
    digest = hashlib.sha256((tmp_path / "binary").read_bytes()).hexdigest()
    assert found(ask(s1=search(tmp_path, contents=["needle"], sha2=[digest]))) == ["binary"]


def test_each_search_has_a_limit_of_its_own(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"f{number}").touch()
    two = {"matchlimit": 3}
    result = ask(
        a=search(tmp_path, names=["^f"], options=two), b=search(tmp_path, names=["^f"], options=two)
    )
    assert (len(found(result, "a")), len(found(result, "b"))) == (3, 3)
    assert result.statistics["totalhits"] == 6


def test_a_root_that_is_a_link_is_walked_under_its_own_name(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "sub")
    result = ask(s1=search(tree / "link", names=["core"]))
    assert [hit["file"] for hit in result.elements["s1"]] == [str(tree / "link/deep/core.h")]


def test_gzip_that_is_empty_short_or_broken_harms_nothing_and_only_who_asks_unpacks(
    tmp_path: Path,
) -> None:
    packed = gzip.compress(b"the needle\n" * 1000)
    for name, content in (
        ("empty.gz", b""),
        ("short.gz", b"\x1f\x8b"),
        ("cut.gz", packed[: len(packed) // 2]),
        ("good.gz", packed),
        ("plain", b"needle"),
    ):
        (tmp_path / name).write_bytes(content)
    wanted = search(tmp_path, contents=["needle"])
    result = ask(
        a=wanted, b=search(tmp_path, contents=["needle"], options={"decompress": True}), c=wanted
    )
    assert found(result, "a") == found(result, "c") == ["plain"]
    assert "good.gz" in found(result, "b")
    assert result.success


def test_a_search_without_checks_lists_the_files(tree: Path) -> None:
    everything = ["core.h", "empty", "notes.txt", "passwd"]
    assert found(ask(s1=search(tree))) == everything
    assert found(ask(s1=search(tree, matchall=False))) == everything


def test_no_search_gives_files_of_anothers_roots(tree: Path) -> None:
    for name in ("etc", "etcetera"):
        (tree / name).mkdir()
        (tree / name / f"{name}.conf").write_text("x\n")
    for matchall in (True, False):
        result = ask(
            s1=search(tree / "etc", matchall=matchall, contents=["!needle"]),
            s2=search(tree / "etcetera", matchall=matchall, contents=["x"], names=["conf"]),
            s3=search(tree, matchall=matchall, contents=["^x"]),
        )
        assert found(result, "s1") == ["etc.conf"]
        assert found(result, "s2") == ["etcetera.conf"]
        assert found(result, "s3") == ["etc.conf", "etcetera.conf"]
        assert not result.errors


def test_sha3_is_not_sha2(tree: Path) -> None:
    content = (tree / "passwd").read_bytes()
    sha2, sha3 = hashlib.sha256(content).hexdigest(), hashlib.sha3_256(content).hexdigest()
    assert found(ask(s1=search(tree, matchall=False, sha3=[sha3.upper()]))) == ["passwd"]
    assert found(ask(s1=search(tree, matchall=False, sha3=[sha2]))) == []
    both = ask(s1=search(tree, matchall=False, sha2=[sha2], sha3=[sha3]))
    assert [sorted(hit["search"]) for hit in both.elements["s1"]] == [
        ["options", "paths", "sha2"],
        ["options", "paths", "sha3"],
    ]


def test_what_is_no_disk_of_this_host_is_passed_by() -> None:
    mounts = elsewhere(
        "22 1 0:21 / / rw - ext4 /dev/sda rw\n"
        "23 22 0:22 / /proc rw shared:1 - proc proc rw\n"
        "24 22 0:23 / /mnt/two\\040words rw - nfs4 host:/x rw\n"
        "25 22 0:24 / /mnt/s rw - fuse.sshfs host:/x rw\nbroken\n"
        "26 22 0:25 / /mnt/f rw - fuse x rw\n27 22 0:26 / /mnt/ntfs rw - fuseblk /dev/sdb rw\n"
    )
    assert mounts == {
        b"/proc": False,
        b"/mnt/two words": True,
        b"/mnt/s": True,
        b"/mnt/f": True,
    }


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="no /proc on this host")
def test_proc_is_walked_only_by_who_names_it() -> None:
    asked = {"names": ["^version$"], "options": {"maxdepth": 2}}
    assert not any(
        hit["file"].startswith("/proc") for hit in ask(s1=search("/", **asked)).elements["s1"]
    )
    named = {"names": ["^version$"], "options": {"maxdepth": 1}}
    assert found(ask(s1=search("/proc", **named))) == ["version"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"regexes": ["x"]}, "there is no 'regexes'"),
        ({"name": ["x"]}, "did you mean 'names'"),
        ({"options": {"matchal": True}}, "did you mean 'matchall'"),
    ],
)
def test_a_mistyped_key_is_refused_not_ignored(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match="module file, searches, 's1'") as refused:
        ask(s1={"paths": ["/nowhere"], **wrong})
    assert said in str(refused.value)


# What it can be asked.


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"names": [r"\.h$"]}, ["core.h"]),
        ({"names": [r"!\.h$"]}, ["empty", "notes.txt", "passwd"]),
        ({"names": ["o"], "options": {"mismatch": ["name"]}}, ["empty", "passwd"]),
        ({"names": ["!o"], "options": {"mismatch": ["name"]}}, ["core.h", "notes.txt"]),
        ({"names": ["^[a-n]", "y$"]}, ["empty"]),
        ({"names": ["s"], "options": {"maxdepth": 1}}, ["passwd"]),
        ({"names": ["."], "options": {"maxdepth": 2}}, ["empty", "notes.txt", "passwd"]),
        ({"sizes": ["6"]}, ["notes.txt"]),
        ({"sizes": ["<7", ">1"]}, ["core.h", "notes.txt"]),
        ({"sizes": [">1k"]}, []),
        ({"modes": ["^-rw"], "names": ["core"]}, ["core.h"]),
        ({"modes": ["^d"]}, []),
        ({"mtimes": ["<1h"], "names": ["core"]}, ["core.h"]),
        ({"mtimes": [">90d"]}, []),
        ({"contents": ["^root:"]}, ["passwd"]),
        ({"contents": ["!^root:", "!^int"]}, ["empty", "notes.txt"]),
        ({"contents": [":"], "options": {"macroal": True}}, ["passwd"]),
        ({"contents": ["^root"], "options": {"macroal": True}}, []),
        ({"contents": [r"hello\n"]}, []),
    ],
)
def test_checks_hold_of_the_same_file(tree: Path, asked: dict[str, Any], names: list[str]) -> None:
    assert found(ask(s1=search(tree, **asked))) == names


def test_without_matchall_each_check_answers_for_itself(tree: Path) -> None:
    result = ask(s1=search(tree, matchall=False, names=["core", "nosuch"], sizes=["6"]))
    told = [(Path(hit["file"]).name, hit["search"]) for hit in result.elements["s1"]]
    assert [(name, said.get("names"), said.get("sizes")) for name, said in told] == [
        ("core.h", ["core"], None),
        ("", ["nosuch"], None),
        ("notes.txt", None, ["6"]),
    ]


def test_an_answer_is_migs_word_for_word(tree: Path) -> None:
    os.utime(tree / "passwd", ns=(0, 1_424_095_783_000_000_000))
    (tree / "passwd").chmod(0o4755)
    options = {"returnsha256": True, "maxdepth": 4, "matchlimit": 9, "maxerrors": 3}
    result = ask(s1=search(tree, names=["^passwd$"], description="d", options=options))
    (hit,) = result.elements["s1"]
    digest = hashlib.sha256((tree / "passwd").read_bytes()).hexdigest().upper()
    assert hit["file"] == str(tree / "passwd")
    assert hit["fileinfo"] == {
        "size": 20,
        "mode": "urwxr-xr-x",
        "lastmodified": "2015-02-16 14:09:43 +0000 UTC",
        "sha256": digest,
    }
    told = hit["search"]["options"]
    assert (told["maxdepth"], told["maxerrors"], told["matchlimit"]) == (0, 0, 0)
    assert (hit["search"]["description"], told["matchall"]) == ("d", True)
    assert result.foundanything
    assert result.success
    assert set(result.statistics) == {"filescount", "openfailed", "totalhits", "exectime"}


def test_links_to_files_are_looked_at_and_links_to_folders_are_not_entered(tree: Path) -> None:
    (tree / "also").symlink_to(tree / "passwd")
    (tree / "sub/loop").symlink_to(tree)
    (tree / "broken").symlink_to(tree / "nowhere")
    os.mkfifo(tree / "fifo")
    assert found(ask(s1=search(tree, contents=["^root"]))) == ["also", "passwd"]
    assert "fifo" not in found(ask(s1=search(tree)))


def test_roots_within_roots_and_files_as_roots_give_a_file_once(tree: Path) -> None:
    roots = (tree, tree / "sub", tree / "passwd", tree / "sub" / "..", tree / "nowhere")
    result = ask(s1=search(*roots))
    assert len(result.elements["s1"]) == 4
    assert [fault.rpartition(": ")[0] for fault in result.errors] == [str(tree / "nowhere")]


def test_a_shell_pattern_that_is_no_folder_is_expanded(tree: Path) -> None:
    (tree / "a*").mkdir()
    (tree / "a*" / "inside").touch()
    assert found(ask(s1=search(tree / "s*b"))) == ["core.h", "notes.txt"]
    assert found(ask(s1=search(tree / "a*"))) == ["inside"]


def test_names_of_any_bytes_are_told(tmp_path: Path) -> None:
    for name in (b"two\nlines", b"no\xff utf8", b"<script>"):
        (tmp_path / os.fsdecode(name)).touch()
    result = ask(s1=search(tmp_path))
    assert len(result.elements["s1"]) == 3
    assert found(ask(s1=search(tmp_path, names=["lines$"]))) == ["two\nlines"]


def test_privacy_masks_every_name(tree: Path) -> None:
    result = ask(Context(privacy=True), s1=search(tree, tree / "nowhere", names=["passwd"]))
    assert [hit["file"] for hit in result.elements["s1"]] == ["masked"]
    assert result.errors == ["masked: there is no such file or folder"]


def test_another_root_stands_for_the_hosts(tree: Path) -> None:
    result = ask(Context(root=tree), s1=search("/sub/../sub", names=["core"]))
    assert [hit["file"] for hit in result.elements["s1"]] == ["/sub/deep/core.h"]


def test_out_of_time_is_not_nothing_found(tree: Path) -> None:
    result = ask(Context(deadline=time.monotonic() - 1), s1=search(tree, contents=["root"]))
    assert (result.success, result.errors) == (False, ["stopped early: the time was over"])


def test_more_hits_than_the_host_gives_are_cut_and_it_says_so(tree: Path) -> None:
    result = ask(Context(limits=Limits(elements=2)), s1=search(tree))
    assert (len(result.elements["s1"]), result.success) == (2, False)
    assert "found 2 files" in result.errors[0]


def test_however_many_searches_there_are_the_host_gives_no_more_hits(tree: Path) -> None:
    every = {f"s{number}": search(tree) for number in range(3)}
    result = ask(Context(limits=Limits(elements=2)), **every)
    assert result.statistics["totalhits"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ["("]},
        {"contents": ["(?=x)"]},
        {"sizes": ["big"]},
        {"sizes": ["<k"]},
        {"mtimes": ["1h"]},
        {"mtimes": [">99999999999999999999d"]},
        {"md5": ["00"]},
        {"sha2": ["z" * 64]},
        {"names": ["\ud800"]},
        {"paths": []},
        {"options": {"mismatch": ["nmae"]}},
        {"options": {"maxdepth": -1}},
    ],
)
def test_a_check_that_makes_no_sense_is_named(tree: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(s1={"paths": [str(tree)], **wrong})


def test_no_pattern_can_hang(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 100_000)
    began = time.process_time()
    assert found(ask(s1=search(tmp_path, contents=["(a+)+$b", "(a|a)*b", "(a|aa)+c"]))) == []
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("root:.*:0:", {b"root:"}),
        ("(AKIA|ASIA)[A-Z]{16}", {b"AKIA", b"ASIA"}),
        ("foo|ba+r|", None),
        ("(?i)foo", None),
        ("abc?d*", {b"ab"}),
        ("abcd{2}", {b"abc"}),
        (r"foo\.bar\d+", {b"foo.bar"}),
        ("(foo)?bar(baz)*", {b"bar"}),
        ("[abc]]foo", {b"]foo"}),
        (r"\x41bc", None),
    ],
)
def test_the_words_a_pattern_cannot_do_without(text: str, words: set[bytes] | None) -> None:
    assert required(text) == words


@pytest.mark.parametrize(
    ("text", "block", "matches"),
    [
        ("a[^x]b", b"a\nb", False),
        ("^b$", b"a\nb\nc", True),
        ("^$", b"a\n", False),
        ("^$", b"a\n\nb", True),
        ("^$", b"", False),
        (r"\Ab", b"a\nb", True),
        (r"a\z", b"a\nb", True),
        ("(?s)a.b", b"a\nb", False),
        ("c$", b"a\nc", True),
    ],
)
def test_patterns_are_of_lines(text: str, block: bytes, matches: bool) -> None:
    assert pattern(text).in_lines(Block(bytearray(block + b"stale")), len(block)) is matches


def test_modes_are_written_as_go_does() -> None:
    assert [go_mode(mode) for mode in (0o100644, 0o106755, 0o101777)] == [
        "-rw-r--r--",
        "ugrwxr-xr-x",
        "trwxrwxrwx",
    ]


def test_times_are_written_as_go_does() -> None:
    second = 1_000_000_000
    assert [go_time(at) for at in (0, 120_000_000, -1, 2**62, 10**13 * second)] == [
        "1970-01-01 00:00:00 +0000 UTC",
        "1970-01-01 00:00:00.12 +0000 UTC",
        "1969-12-31 23:59:59.999999999 +0000 UTC",
        "2116-02-20 23:53:38.427387904 +0000 UTC",
        "10000000000000 seconds since 1970",
    ]


@pytest.mark.skipif(not Path("/proc/1/map_files").exists(), reason="no such folder here")
def test_a_folder_that_opens_and_cannot_be_read_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    result = ask(s1=search("/proc/1/map_files", "/proc/self/status", names=["^status$"]))
    assert found(result) == ["status"]
