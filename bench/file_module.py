"""The `file` module beside find, grep, ripgrep and openssl: the same question, the same tree, one run.

    make bench ARGS='file_module --tree /usr'

CPU seconds of a whole process (its start included), one thread, the tree read once before; the least
of some rounds, since other programs share the machine. Ratios are what counts. A tool that is not
installed is left out (ripgrep is the Debian package of that name).
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from vedette.agent import operated
from vedette.agent.operating import Asked
from vedette.agent.operation import OperationLimits

LITERAL = "nosuchliteral_"[::-1]
REGEX = r"PRIVATE KEY-+\s+[a-z]{40}"
REGEX_BARE = r"[0-9]{9}[a-f]{7}[g-k]{2}"


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


def main() -> None:
    """Print a row a question."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--tree", default="/usr", help="below which folder")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--only", default="", help="questions whose name begins so")
    given = flags.parse_args()
    tree = str(Path(given.tree).resolve())
    print(f"{'question':20}{'ours':>8}{'MB':>5}   others: CPU s, MB, ours in relation")
    for name, search, others in questions(tree):
        if not name.startswith(given.only):
            continue
        commands = {"": ours(search, tree)} | {
            who: (command, b"") for who, command in others.items() if shutil.which(command[0])
        }
        costs = compared(commands, given.rounds)
        mine, peak = costs.pop("")
        told = [
            f"{who} {theirs:.2f} s, {memory} MB, {mine / max(theirs, 1e-3):.2f} ×"
            for who, (theirs, memory) in costs.items()
        ]
        print(f"{name:20}{mine:8.2f}{peak:5}   {'; '.join(told)}", flush=True)
    print(f"(load {os.getloadavg()[0]:.1f}; pages of {resource.getpagesize()} bytes)")


if __name__ == "__main__":
    main()
