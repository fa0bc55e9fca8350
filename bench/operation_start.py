"""What it costs to run an operation at all: a trivial question to `file`, from start to answer.

    make bench ARGS='operation_start --rounds 60'

CPU milliseconds of the operation's process, beside an empty interpreter and one that only imports
the module; taken in turns, since other programs share the machine. Ratios are what counts.
"""

import argparse
import asyncio
import compileall
import os
import statistics
import subprocess
import sys
from pathlib import Path

from vedette.agent import operated
from vedette.agent.operation import Ended, OperationLimits, run_operation

QUESTION = {"searches": {"s1": {"paths": ["/etc/hostname"], "names": ["^nosuchname$"]}}}
PATH = [place for place in sys.path if os.path.isabs(place)]
IMPORT = f"import sys; sys.path[:] = {PATH!r}; import vedette.agent.modules.file"


def interpreter(code: str) -> float:
    """CPU milliseconds of an interpreter that runs this and nothing else."""
    child = subprocess.Popen([sys.executable, "-ISB", "-c", code], env={})
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1000


async def operation() -> tuple[float, float]:
    """CPU and wall milliseconds of an operation."""
    ran = await run_operation("file", QUESTION, OperationLimits(), privacy=False, partial=False)
    assert ran.ended is Ended.RETURNED, ran.message
    return ran.cpu_s * 1000, ran.took_s * 1000


async def measure(rounds: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {name: [] for name in ("empty", "module", "cpu", "wall")}
    for _ in range(rounds):
        figures["empty"].append(interpreter("pass"))
        figures["module"].append(interpreter(IMPORT))
        cpu, wall = await operation()
        figures["cpu"].append(cpu)
        figures["wall"].append(wall)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    compileall.compile_dir(
        Path(operated.__file__).parents[1], quiet=2
    )  # as an installed package is
    figures = asyncio.run(measure(parser.parse_args().rounds))
    for name, words in (
        ("empty", "an empty interpreter, CPU"),
        ("module", "importing the module alone, CPU"),
        ("cpu", "an operation, CPU"),
        ("wall", "an operation, wall"),
    ):
        ms = figures[name]
        print(f"{words:34} {min(ms):6.0f} ms at least {statistics.median(ms):6.0f} in the middle")
    walls = statistics.median(a / b for a, b in zip(figures["cpu"], figures["module"], strict=True))
    print(f"an operation beside importing its module alone: {walls:.2f}")


if __name__ == "__main__":
    main()
