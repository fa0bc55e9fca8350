"""`vedette --help` beside an empty cyclopts app, in the same run: at most 1.3 times its CPU."""

import argparse
import os
import resource
import subprocess
import sys

EMPTY = "from cyclopts import App; App(name='x', help='Nothing.')(['--help'])"
OURS = "from vedette.app.tree import run; run(['--help'])"
LIMIT = 1.3


def cpu_ms(code: str) -> float:
    """CPU time of one run of that code in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--rounds", type=int, default=9)
    rounds = flags.parse_args().rounds
    pairs = [(cpu_ms(EMPTY), cpu_ms(OURS)) for _ in range(rounds + 1)][1:]
    empty, ours = (min(column) for column in zip(*pairs, strict=True))
    ratio = ours / empty
    print(f"empty cyclopts app --help  {empty:6.0f} ms CPU (best of {rounds})")
    print(f"vedette --help             {ours:6.0f} ms CPU   {ratio:.2f}x, limit {LIMIT}x")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
