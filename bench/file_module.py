"""The `file` module beside find, grep, ripgrep and openssl: the same question, the same tree, one run.

    make bench ARGS='file_module --tree /usr'

CPU seconds of a whole process (its start included), one thread, the tree read once before; the least
of some rounds, since other programs share the machine. Ratios are what counts. A tool that is not
installed is left out (ripgrep is the Debian package of that name).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

OURS = """
import json, sys
from vedette.agent.modules import Context, read_parameters
from vedette.agent.modules.file import File
import msgspec
asked = read_parameters(File, json.loads(sys.argv[1]))
sys.stdout.buffer.write(msgspec.json.encode(File().run(asked, Context())))
"""
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
        ("name, many hits", {"names": [r"\.h$"]}, {"find": ["find", tree, "-name", "*.h"]}),
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


def cost(command: list[str], rounds: int) -> tuple[float, int]:
    """Return the least CPU seconds of that command and its children, and the peak in MB."""
    least, peak = float("inf"), 0
    for _ in range(rounds):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, used = os.wait4(child.pid, 0)
        least = min(least, used.ru_utime + used.ru_stime)
        peak = max(peak, used.ru_maxrss // 1024)
    return least, peak


def ours(search: dict, tree: str, python: str) -> list[str]:
    """Return the command that asks our module."""
    asked = {"searches": {"s1": {"paths": [tree], "options": {"matchall": True}, **search}}}
    return [python, "-I", "-c", OURS, json.dumps(asked)]


def main() -> None:
    """Print a row a question."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--tree", default="/usr", help="below which folder")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--only", default="", help="questions whose name begins so")
    flags.add_argument("--python", default=sys.executable)
    given = flags.parse_args()
    tree = str(Path(given.tree).resolve())
    print(f"{'question':20}{'ours':>8}{'MB':>5}   others: CPU s, MB, ours in relation")
    for name, search, others in questions(tree):
        if not name.startswith(given.only):
            continue
        mine, peak = cost(ours(search, tree, given.python), given.rounds)
        told = []
        for who, command in others.items():
            if shutil.which(command[0]):
                theirs, memory = cost(command, given.rounds)
                told.append(f"{who} {theirs:.2f} s, {memory} MB, {mine / max(theirs, 1e-3):.2f} ×")
        print(f"{name:20}{mine:8.2f}{peak:5}   {'; '.join(told)}", flush=True)
    print(f"(load {os.getloadavg()[0]:.1f}; pages of {resource.getpagesize()} bytes)")


if __name__ == "__main__":
    main()
