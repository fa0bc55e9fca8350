"""What it costs to search a process's memory: one that holds 200 MB, by bytes and by patterns.

    make bench ARGS='memory_module --rounds 5'

CPU seconds of the whole operation, its start included, the least of some rounds. MIG's module took
1.9 to 2.4 CPU seconds for the same 200 MB, with any question.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from vedette.agent.operation import Ended, OperationLimits, run_operation

HELD_BYTES = 200 << 20
HOLD = (
    f"import os, sys; held = os.urandom({HELD_BYTES}); print('ready', flush=True); sys.stdin.read()"
)
QUESTIONS = {
    "bytes": {"bytes": ["00112233445566778899aabbccddeeff"]},
    "a word": {"contents": ["needle in the haystack"]},
    "a word and a class": {"contents": ["needle[0-9]{6}"]},
    "classes alone": {"contents": ["[a-z]{14}[0-9]{4}"]},
}


async def search(question: dict[str, list[str]]) -> tuple[float, int]:
    """CPU seconds, and bytes that were read."""
    asked = {"names": ["/holder$"], **question, "options": {"matchall": True}}
    ran = await run_operation(
        "memory", {"searches": {"s1": asked}}, OperationLimits(), privacy=False, partial=True
    )
    assert ran.ended is Ended.RETURNED, ran.message
    return ran.cpu_s, json.loads(ran.result)["statistics"]["memoryread"]


async def measure(rounds: int) -> None:
    for name, question in QUESTIONS.items():
        figures = [await search(question) for _ in range(rounds)]
        cpu_s, read = min(figures)
        print(f"{name:20} {cpu_s:6.2f} CPU s   {read / cpu_s / 1e6:6.0f} MB per CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory() as folder:
        program = shutil.copy(Path(sys.executable).resolve(), Path(folder) / "holder")
        home = {"PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}"}
        holder = subprocess.Popen(
            [program, "-s", "-S", "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=home,
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            asyncio.run(measure(parser.parse_args().rounds))
        finally:
            holder.kill()
            holder.wait()


if __name__ == "__main__":
    main()
