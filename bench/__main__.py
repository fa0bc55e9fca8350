"""`make bench`: every bench in turn, or those that are named; flags after a name go to it.

    make bench
    make bench ARGS='ingest --seconds 10'

A file of this folder that reads no arguments of its own is a part of one that does.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def benches() -> list[str]:
    """Return the names of the benches: the files that take flags."""
    return [path.stem for path in sorted(HERE.glob("*.py")) if "argparse" in path.read_text()]


def main() -> int:
    """Run what is asked for; return 1 when one of them failed."""
    known = [name for name in benches() if name != "__main__"]
    named, flags = [], []
    for word in sys.argv[1:]:
        (named if word in known and not flags else flags).append(word)
    if flags and not named:
        sys.exit(f"there is no bench {flags[0]!r}; there are: {', '.join(known)}")
    failed = []
    for name in named or known:
        print(f"── {name}", flush=True)
        if subprocess.run([sys.executable, HERE / f"{name}.py", *flags], check=False).returncode:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
