"""Many small files are looked through at once, and each is answered as if it stood alone."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.test_file import ask, found, search

from vedette.agent.modules import Context, Limits
from vedette.agent.modules.file_block import WORTH_RE2_BYTES, Block
from vedette.agent.modules.file_read import BLOCK_BYTES
from vedette.agent.modules.file_sieve import FULL_BYTES, PORTION_BYTES

SIZES = (0, 1, 40, 5_000, 70_000, FULL_BYTES - 1, FULL_BYTES, BLOCK_BYTES - 8, BLOCK_BYTES + 9)


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    """Two thousand files of which every ninth ends with `needle`, without a line break."""
    for number in range(2_000):
        folder = tmp_path / f"{number % 40}"
        folder.mkdir(exist_ok=True)
        filling = b"x" * (SIZES[number % len(SIZES)] if number < 400 else number % 50)
        end = b"\nneedle" if number % 9 == 0 else b""
        (folder / f"f{number}").write_bytes(filling + end)
    return tmp_path


NINTH = sorted(f"f{number}" for number in range(0, 2_000, 9))
OTHERS = sorted({f"f{number}" for number in range(2_000)} - set(NINTH))


@pytest.mark.parametrize("needle", ["needle", "^needle$", "ne+dle", "[nN][e]edle", r"needle\z"])
def test_whoever_holds_it_is_found_and_nobody_else(forest: Path, needle: str) -> None:
    assert found(ask(s1=search(forest, contents=[needle]))) == NINTH
    assert found(ask(s1=search(forest, contents=[f"!{needle}"]))) == OTHERS


def test_each_search_has_its_own_answer(forest: Path) -> None:
    answer = ask(
        with_it=search(forest, contents=["needle"]),
        without=search(forest, contents=["!needle"], names=["0$"]),
        both=search(forest, contents=["needle", "x"]),
        either=search(forest, contents=["needle", "nowhere"], matchall=False),
        every=search(forest, contents=["needle|x"], options={"macroal": True}),
        some=search(forest / "0", contents=["!nowhere"]),
    )
    assert found(answer, "with_it") == found(answer, "either") == NINTH
    assert found(answer, "without") == [name for name in OTHERS if name.endswith("0")]
    assert set(found(answer, "both")) < set(NINTH)
    assert set(found(answer, "both")) < set(found(answer, "every"))
    assert len(found(answer, "some")) == 50


@pytest.mark.parametrize("step", [-7, -6, -3, 0, 1])
@pytest.mark.parametrize("portions", [0, 1, 2])
def test_a_word_across_two_portions_of_a_long_file_is_found(
    tmp_path: Path, portions: int, step: int
) -> None:
    filling = b"x" * (BLOCK_BYTES - 1 + portions * PORTION_BYTES + step)
    (tmp_path / "with").write_bytes(filling + b"needle" + b"y" * PORTION_BYTES)
    (tmp_path / "without").write_bytes(filling + b"needl_" + b"y" * PORTION_BYTES)
    assert found(ask(s1=search(tmp_path, contents=["needle"]))) == ["with"]
    assert found(ask(s1=search(tmp_path, contents=["n[e]edle"]))) == ["with"]
    assert found(ask(s1=search(tmp_path, contents=["!needle"]))) == ["without"]


@given(
    text=some.text("ab_e\0", max_size=60).map(str.encode),
    word=some.text("ab_e\0", min_size=1, max_size=5).map(str.encode),
    at=some.integers(0, 20),
)
def test_a_word_is_found_by_its_rarest_byte_where_it_is(text: bytes, word: bytes, at: int) -> None:
    content = text + b"b" * 4096
    block = Block(bytearray(content + word))  # what is behind the end is none of it
    for _ in range(2):
        assert block.find(word, at, len(content)) == content.find(word, at)
        block.searched = WORTH_RE2_BYTES


@pytest.mark.parametrize("needle", ["needle", "[n]e+dle", "absent", "[a]bsent"])
def test_a_long_file_is_told_by_each_of_its_names(tmp_path: Path, needle: str) -> None:
    content = b"x" * (BLOCK_BYTES + 9) + b"needle\n"
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "copy").write_bytes(content[::-1])
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    (tmp_path / "soft").symlink_to("file")
    named, others = ["file", "hard", "soft"], ["copy"]
    if "absent" in needle.replace("[a]", "a"):
        named, others = [], sorted([*named, *others])
    answer = ask(
        with_it=search(tmp_path, contents=[needle]),
        without=search(tmp_path, contents=[f"!{needle}"]),
    )
    assert (found(answer, "with_it"), found(answer, "without")) == (named, others)
    digest = hashlib.sha256(content).hexdigest()
    hashed = ask(
        same=search(tmp_path, sha2=[digest]), md5=search(tmp_path, md5=["0" * 32], sha2=[digest])
    )
    assert (found(hashed, "same"), found(hashed, "md5")) == (["file", "hard", "soft"], [])


def test_no_match_goes_from_one_file_into_the_next(tmp_path: Path) -> None:
    for name, content in (("1", b"nee"), ("2", b"dle\n"), ("3", b"dle"), ("4", b"\n"), ("5", b"")):
        (tmp_path / name).write_bytes(content)
    assert found(ask(s1=search(tmp_path, contents=["needle"]))) == []
    assert found(ask(s1=search(tmp_path, contents=[r"n[e]+.?dle"]))) == []
    assert found(ask(s1=search(tmp_path, contents=["^$"]))) == ["4"]


def test_a_limit_of_hits_holds_for_what_was_laid_side_by_side(forest: Path) -> None:
    limited = search(forest, contents=["!needle"], options={"matchlimit": 7})
    assert len(found(ask(s1=limited))) == 7
    few = ask(Context(limits=Limits(elements=7)), s1=search(forest, contents=["!needle"]))
    assert (len(found(few)), few.success) == (7, False)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("/proc/self/mem")
    (tmp_path / "good").write_bytes(b"needle")
    answer = ask(s1=search(tmp_path, contents=["needle"]))
    assert found(answer) == ["good"]
    assert (answer.statistics["openfailed"], len(answer.errors)) == (1, 1)


def test_a_pipe_that_nobody_writes_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "good").write_bytes(b"needle")
    assert found(ask(s1=search(tmp_path, contents=["needle"]))) == ["good"]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no such file here")
def test_a_link_to_what_the_kernel_tells_in_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/smaps")
    last = re.findall(r"(?m)^[0-9a-f]+-[0-9a-f]+ ", Path("/proc/self/smaps").read_text())[-1]
    assert found(ask(s1=search(tmp_path, contents=[last]))) == ["link"]
