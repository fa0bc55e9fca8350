"""The `file` module beside find, grep, ripgrep and openssl: the same question, the same tree, one run.

    make bench ARGS='file_module --tree /usr'
    make bench ARGS='file_module --files 1000000'

CPU seconds of a whole process (its start included), one thread, the tree read once before; the least
of some rounds, since other programs share the machine. Ratios are what counts. A tool that is not
installed is left out (ripgrep is the Debian package of that name).

MIG's module was measured beside the same tools on a tree of 24,386 files, 578 MB, on another machine. So what
is compared is relations: how many times the tool's CPU it took there, and how many ours takes here.

With `--files`, no tool is asked: so many files are made in memory, half of them in one folder, and what is
told is how much memory it takes to go through them.
"""

import argparse
import compileall
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import msgspec

from vedette.agent import operated
from vedette.agent.operating import Asked
from vedette.agent.operation import OperationLimits

LITERAL = "nosuchliteral_"[::-1]
REGEX = r"PRIVATE KEY-+\s+[a-z]{40}"
REGEX_BARE = r"[0-9]{9}[a-f]{7}[g-k]{2}"
MIG = {
    "name, few hits": (0.295, "find", 0.09),
    "name, many hits": (0.63, "find", 0.06),
    "size and mode": (0.315, "find", 0.09),
    "literal": (4.0, "rg", 0.715),
    "regex": (3.95, "rg", 0.835),
    "sha256 of all": (3.4, "openssl", 1.25),
}
"""What MIG's module took in CPU seconds, and a tool beside it, each in the middle of what was seen."""


QUICK = 5
"""Times as many rounds of what takes a third of a second: the least of a few is not the least there is."""


def questions(tree: str) -> list[tuple[str, dict, dict[str, list[str]]]]:
    """Return what is asked: its name, the search, and who else is asked it."""
    rg = ["rg", "-j1", "-l", "-uuu", "-a"]
    return [
        (
            "name, few hits",
            {"names": ["^nosuch.*q$"]},
            {"find": ["find", tree, "-name", "nosuch*q"]},
        ),
        (
            "name, many hits",
            {"names": [r"\.h$"]},
            {
                "find": ["find", tree, "-name", "*.h"],
                "find -printf": ["find", tree, "-name", "*.h", "-printf", "%p %s %M %t\n"],
            },
        ),
        (
            "size and mode",
            {"sizes": [">100m"], "modes": ["^u"]},
            {"find": ["find", tree, "-size", "+100M", "-perm", "-4000"]},
        ),
        (
            "literal",
            {"contents": [LITERAL]},
            {"rg": [*rg, "-F", LITERAL, tree], "grep": ["grep", "-rlF", LITERAL, tree]},
        ),
        (
            "regex",
            {"contents": [REGEX]},
            {"rg": [*rg, REGEX, tree], "grep": ["grep", "-rlP", REGEX, tree]},
        ),
        ("regex, no literal", {"contents": [REGEX_BARE]}, {"rg": [*rg, REGEX_BARE, tree]}),
        (
            "sha256 of all",
            {"sha2": ["0" * 64]},
            {
                "openssl": [
                    "sh",
                    "-c",
                    f"find {tree} -type f -print0 | xargs -0 openssl dgst -sha256",
                ]
            },
        ),
    ]


def cost(command: list[str], question: bytes = b"") -> tuple[float, int]:
    """Return the CPU seconds of that command and its children, and the peak in MB."""
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.write(question)
        asked.seek(0)
        child = subprocess.Popen(command, stdin=asked, stdout=said, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        answer = said.read(200) if question else b"R"
        assert answer.startswith(b"R"), answer  # anything else is a refusal
    return used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def compared(
    commands: dict[str, tuple[list[str], bytes]], rounds: int
) -> dict[str, tuple[float, int]]:
    """Return what each costs at least, asked in turns: others use this machine as well."""
    seen: dict[str, list[tuple[float, int]]] = {who: [] for who in commands}
    for _ in range(rounds):
        for who, (command, question) in commands.items():
            seen[who].append(cost(command, question))
    return {who: (min(a for a, _ in each), max(b for _, b in each)) for who, each in seen.items()}


def ours(search: dict, tree: str) -> tuple[list[str], bytes]:
    """Return an operation's process as the agent starts it, walls and all, and what stands on its stdin."""
    limits = OperationLimits()
    asked = Asked(
        module="file",
        parameters={"searches": {"s1": {"paths": [tree], "options": {"matchall": True}, **search}}},
        seconds=limits.seconds,
        cpu_s=limits.cpu_s,
        memory_bytes=limits.memory_bytes,
        output_bytes=limits.output_bytes,
        tasks=256,
        privacy=False,
        partial=False,
        root="/",
    )
    path = os.pathsep.join(place for place in sys.path if os.path.isabs(place))
    kernel = [f"{name}={value}" for name, value in limits.for_the_kernel().items()]
    command = [sys.executable, "-ISB", operated.__file__, str(os.getpid()), "1", path, *kernel]
    return command, msgspec.json.encode(asked)


def beside_mig(name: str, mine: float, costs: dict[str, tuple[float, int]]) -> str:
    """Return how many times ours its module takes, both in relation to the same tool."""
    migs, tool, tools = MIG.get(name, (0.0, "", 1.0))
    if tool not in costs:
        return ""
    relation = migs / tools
    return f"; MIG {relation:.1f} × {tool}, {relation / (mine / costs[tool][0]):.1f} × ours"


def compare(tree: str, rounds: int, only: str) -> None:
    """Print a row a question, with the tools that are asked the same."""
    print(f"{'question':20}{'ours':>8}{'MB':>5}   others: CPU s, MB, ours in relation")
    for name, search, others in questions(tree):
        if not name.startswith(only):
            continue
        commands = {"": ours(search, tree)} | {
            who: (command, b"") for who, command in others.items() if shutil.which(command[0])
        }
        costs = compared(
            commands, rounds * (1 if "contents" in search or "sha2" in search else QUICK)
        )
        mine, peak = costs.pop("")
        told = [
            f"{who} {theirs:.2f} s, {memory} MB, {mine / max(theirs, 1e-3):.2f} ×"
            for who, (theirs, memory) in costs.items()
        ]
        migs = beside_mig(name, mine, costs)
        print(f"{name:20}{mine:8.2f}{peak:5}   {'; '.join(told)}{migs}", flush=True)


@contextmanager
def planted(count: int) -> Iterator[str]:
    """Make so many files: half of them in one folder, the others a thousand to a folder; each holds a line."""
    shm = Path("/dev/shm")
    with TemporaryDirectory(dir=shm if shm.is_dir() else None) as root:
        for number in range(count):
            folder = f"{root}/one" if number * 2 < count else f"{root}/some/{number // 1000}"
            if number % 1000 == 0:
                os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/a-file-of-a-usual-name-{number}.conf", "wb") as file:
                file.write(b"a line\n")
        yield root


def weigh(files: int) -> None:
    """Print what it takes to go through so many files."""
    print(f"{'question':20}{'CPU s':>8}{'MB':>5}   of {files:,} files")
    asked = {
        "name, no hits": {"names": ["^nosuch.*q$"]},
        "name, all hit": {"names": [r"\.conf$"]},
        "size and mode": {"sizes": [">100m"], "modes": ["^u"]},
        "literal": {"contents": [LITERAL]},
        "sha256 of all": {"sha2": ["0" * 64]},
    }
    with planted(files) as root:
        for name, search in asked.items():
            seconds, peak = cost(*ours(search, root))
            print(f"{name:20}{seconds:8.2f}{peak:5}", flush=True)


def main() -> None:
    """Print a row a question."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--tree", default="/usr", help="below which folder")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--only", default="", help="questions whose name begins so")
    flags.add_argument("--files", type=int, default=0, help="weigh a walk over so many instead")
    given = flags.parse_args()
    # As an installed package is: an operation's process writes no bytecode, so it would compile each time.
    compileall.compile_dir(Path(operated.__file__).parents[1], quiet=2)
    if given.files:
        weigh(given.files)
    else:
        compare(str(Path(given.tree).resolve()), given.rounds, given.only)
    print(f"(load {os.getloadavg()[0]:.1f}; pages of {resource.getpagesize()} bytes)")


if __name__ == "__main__":
    main()
