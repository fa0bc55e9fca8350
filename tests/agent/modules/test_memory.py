"""What the `memory` module finds in processes that we start ourselves; first where MIG's is wrong."""

import json
import mmap
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.agent.modules import Context, Limits, Result, read_parameters
from vedette.agent.modules.memory import Memory
from vedette.agent.modules.memory_read import OVERLAP_BYTES, PORTION_BYTES
from vedette.agent.modules.memory_regions import regions
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc here")

HOLDER = """
import mmap, sys
room = mmap.mmap(-1, int(sys.argv[1]))
for line in iter(sys.stdin.readline, "\\n"):
    at, word = line.split()
    with memoryview(room) as view:
        view[int(at) : int(at) + len(word) // 2] = bytes.fromhex(word)
print("ready", flush=True)
sys.stdin.read()
"""
"""Is told the words in hexadecimal."""

Hold = Callable[..., int]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python of another name, so that no test reads the memory of all that run here."""
    copy = tmp_path_factory.mktemp("program") / "holder"
    return Path(shutil.copy(Path(sys.executable).resolve(), copy))


@pytest.fixture
def hold(program: Path) -> Iterator[Hold]:
    """Start a process that holds words at places of its memory; return its id."""
    held: list[subprocess.Popen[str]] = []

    def start(*words: tuple[int, bytes], size: int = 8 * 1024 * 1024) -> int:
        one = subprocess.Popen(
            [program, "-s", "-S", "-c", HOLDER, str(size)],
            env={"PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        held.append(one)
        assert one.stdin
        assert one.stdout
        one.stdin.write("".join(f"{at} {word.hex()}\n" for at, word in words) + "\n")
        one.stdin.flush()
        assert one.stdout.readline() == "ready\n"
        return one.pid

    yield start
    for one in held:
        one.kill()
        one.communicate()


def ask(context: Context | None = None, **searches: dict[str, Any]) -> Result:
    return Memory().run(read_parameters(Memory, {"searches": searches}), context or Context())


def found(result: Result, label: str = "s1") -> list[int]:
    return [hit["process"]["pid"] for hit in result.elements[label] if hit["process"]["pid"]]


HOLDERS = "/holder$"
"""The program of those processes."""
ALL = {"matchall": True}

# Where MIG is wrong.


@pytest.mark.parametrize("around", [2048, 4096, PORTION_BYTES, 3 * PORTION_BYTES, 2 * 1024 * 1024])
def test_what_stands_across_the_border_of_two_portions_is_found(hold: Hold, around: int) -> None:
    word = os.urandom(24)
    pid = hold((around - 12, word))
    text = "".join(f"\\x{byte:02x}" for byte in word)
    result = ask(
        bytes={"names": [HOLDERS], "bytes": [word.hex()], "options": ALL},
        regex={"names": [HOLDERS], "contents": [text], "options": ALL},
    )
    assert found(result, "bytes") == [pid]
    assert found(result, "regex") == [pid]


def test_wherever_words_stand_each_is_found(hold: Hold) -> None:
    places = random.sample(range(0, 8 * 1024 * 1024 - 64, 64), 60)
    places += [PORTION_BYTES * n - 32 for n in range(1, 8)]
    words = [(at + random.randrange(32), os.urandom(16)) for at in sorted(set(places))]
    pid = hold(*words)
    result = ask(
        **{
            f"at{at}": {"names": [HOLDERS], "bytes": [word.hex()], "options": ALL}
            for at, word in words
        }
    )
    assert [label for label in result.elements if found(result, label) != [pid]] == []


def test_a_match_as_long_as_portions_share_is_found_wherever_it_stands(hold: Hold) -> None:
    begin, end = os.urandom(16), os.urandom(16)
    long = begin + b"x" * (OVERLAP_BYTES - 32) + end
    pid = hold((PORTION_BYTES - 100, long))
    text = "".join(f"\\x{byte:02x}" for byte in begin) + "x+"
    text += "".join(f"\\x{byte:02x}" for byte in end)
    result = ask(s1={"names": [HOLDERS], "contents": [text], "options": ALL})
    assert found(result) == [pid]


def test_each_search_begins_at_its_own_address_and_reads_as_much_as_it_may(hold: Hold) -> None:
    word = os.urandom(24)
    pid = hold((0, word))
    at = next(
        one.start
        for one in regions(Path(f"/proc/{pid}/maps").read_bytes())
        if one.end - one.start == 8 * 1024 * 1024
    )
    asked = {"names": [HOLDERS], "bytes": [word.hex()]}
    result = ask(
        whole={**asked, "options": ALL},
        here={**asked, "options": {**ALL, "offset": at, "maxlength": 24}},
        short={**asked, "options": {**ALL, "offset": at, "maxlength": 23}},
        after={**asked, "options": {**ALL, "offset": at + 1}},
        little={**asked, "options": {**ALL, "maxlength": 10}},
    )
    assert {label: found(result, label) for label in result.elements} == {
        "whole": [pid],
        "here": [pid],
        "short": [],
        "after": [],
        "little": [],
    }


def test_a_key_that_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="did you mean 'contents'"):
        ask(s1={"content": ["x"]})


# What it can be asked.


def test_the_answer_has_migs_shape(hold: Hold) -> None:
    word = os.urandom(24)
    pid = hold((5, word))
    search = {"description": "d", "names": [HOLDERS], "bytes": [word.hex()]}
    result = ask(all={**search, "options": ALL}, each=search, none={"names": ["^/nosuch$"]})
    program = os.readlink(f"/proc/{pid}/exe")
    assert result.elements["all"] == [
        {"process": {"name": program, "pid": pid}, "search": {**search, "options": ALL}}
    ]
    assert {
        "process": {"name": program, "pid": pid},
        "search": {"bytes": [word.hex()], "options": {}},
    } in result.elements["each"]
    assert result.elements["none"] == [
        {"process": {"name": "", "pid": 0}, "search": {"names": ["^/nosuch$"], "options": {}}}
    ]
    assert result.success
    assert result.foundanything
    assert list(result.statistics)[:4] == ["processcount", "memoryread", "totalhits", "exectime"]
    assert result.statistics["memoryread"] > 0


def test_the_asking_process_is_left_out() -> None:
    secret = os.urandom(24)
    result = ask(s1={"names": ["/python[0-9.]*$"], "bytes": [secret.hex()], "options": ALL})
    assert found(result) == []
    assert secret  # still held here


def test_libraries_are_what_is_mapped(hold: Hold, tmp_path: Path) -> None:
    library = tmp_path / "libodd-1.so"
    library.write_bytes(b"x" * 4096)
    pid = hold()
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        code = (
            "import mmap,sys; f=open(sys.argv[1],'rb'); m=mmap.mmap(f.fileno(),0,prot=1);"
            "print('ready',flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout
            assert other.stdout.readline() == b"ready\n"
            result = ask(s1={"libraries": [r"libodd-[0-9]\.so$"]}, s2={"libraries": ["/libc[.-]"]})
            other.kill()
    assert found(result) == [other.pid]
    assert pid in found(result, "s2")
    assert result.statistics["memoryread"] == 0


def test_names_alone_read_no_memory() -> None:
    result = ask(s1={"names": ["."]})
    assert result.statistics["memoryread"] == 0
    assert len(found(result)) == result.statistics["processcount"] > 0


def test_memory_that_was_never_touched_is_not_read(hold: Hold) -> None:
    pid = hold((0, b"seen"), size=1 << 34)
    result = ask(s1={"names": [HOLDERS], "bytes": [os.urandom(24).hex()], "options": ALL})
    assert result.statistics["memoryread"] < 1 << 28
    held = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]
    assert int(held) < 200_000


def test_in_bytes_every_byte_is_a_character(hold: Hold) -> None:
    tag = os.urandom(16)
    pid = hold((0, tag + b"\xff\x00\xfe\n"))
    text = "".join(f"\\x{byte:02x}" for byte in tag)
    result = ask(
        **{
            label: {"names": [HOLDERS], "contents": [text + rest], "options": ALL}
            for label, rest in {"any": r".\x00.\n", "same": r"\xff\x00\xfe", "not": r"\x00"}.items()
        }
    )
    assert [found(result, label) for label in ("any", "same", "not")] == [[pid], [pid], []]


def test_privacy_masks_programs() -> None:
    result = ask(Context(privacy=True), s1={"names": ["python"]})
    assert {hit["process"]["name"] for hit in result.elements["s1"]} <= {"masked", ""}


def test_out_of_time_or_out_of_room_it_says_so() -> None:
    late = ask(Context(deadline=0.0), s1={"names": ["."]})
    assert (late.success, late.errors) == (False, ["stopped early: the time was over"])
    full = ask(Context(limits=Limits(elements=1)), s1={"names": ["."]})
    assert full.statistics["totalhits"] == 1
    assert "as many as this host gives" in full.errors[0]


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"names": ["("]}, "cannot be read"),
        ({"contents": ["(?=x)"]}, "no look-around"),
        ({"bytes": ["abc"]}, "module memory"),
        ({"bytes": ["zz"]}, "module memory"),
        ({"options": {"offset": -1}}, "module memory"),
    ],
)
def test_what_makes_no_sense_is_refused(search: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(s1=search)
    assert said in f"{refused.value} {refused.value.hint}"


def test_other_roots_are_looked_into(tmp_path: Path) -> None:
    folder = tmp_path / "proc" / "42"
    folder.mkdir(parents=True)
    (folder / "comm").write_bytes(b"odd\nname\n")
    (folder / "maps").write_bytes(
        b"not a line\n00-zz r--p 0 0 0\n1000-2000 r-xp 00000000 08:01 7   /lib/lib odd.so\n"
    )
    result = ask(Context(root=tmp_path), s1={"libraries": ["lib odd"]}, s2={"names": ["^.odd"]})
    assert found(result, "s1") == found(result, "s2") == [42]
    assert result.elements["s1"][0]["process"]["name"] == "[odd\nname]"
    unread = ask(Context(root=tmp_path), s1={"bytes": ["00"]})
    assert unread.statistics["failures"] == ["process 42: No such file or directory"]


def test_a_system_without_proc_says_so(tmp_path: Path) -> None:
    result = ask(Context(root=tmp_path), s1={"names": ["."]})
    assert not result.success
    assert "no /proc" in result.errors[0]


@given(maps=some.binary(max_size=400))
def test_whatever_stands_in_maps_is_read_without_a_fault(maps: bytes) -> None:
    for one in regions(maps):
        assert one.start >= 0
        assert isinstance(one.searched, bool)


@given(
    start=some.integers(0, 2**47),
    length=some.integers(1, 2**30),
    path=some.sampled_from([b"", b"[heap]", b"/lib/a b.so", b"/dev/mem", b"/dev/shm/x", b"[vvar]"]),
    rights=some.sampled_from([b"r--p", b"---p", b"rw-s"]),
)
def test_maps_are_read_as_the_kernel_writes_them(
    start: int, length: int, path: bytes, rights: bytes
) -> None:
    inode = b"7" if path.startswith(b"/") else b"0"
    line = b"%x-%x %s 00000000 08:01 %s    %s\n" % (start, start + length, rights, inode, path)
    (one,) = regions(line)
    assert (one.start, one.end, one.path) == (start, start + length, path)
    readable = rights[0:1] == b"r" and path not in (b"/dev/mem", b"[vvar]")
    assert one.searched is readable


async def test_it_runs_within_the_walls_of_an_operation(hold: Hold) -> None:
    word = os.urandom(24)
    pid = hold((0, word))
    asked = {"searches": {"s1": {"names": [HOLDERS], "bytes": [word.hex()], "options": ALL}}}
    ran = await run_operation("memory", asked, OperationLimits(), privacy=False, partial=False)
    assert ran.ended is Ended.RETURNED, ran.message
    told = [hit["process"]["pid"] for hit in json.loads(ran.result)["elements"]["s1"]]
    assert pid in told
    # The agent, here this test, holds the question too, and is left out.
    assert os.getpid() not in told
