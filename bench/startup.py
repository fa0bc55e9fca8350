"""`vedette up` from an installed environment to a served page, first time and later.

Beside it the two costs nobody can avoid: starting Python with the imports of a server, and the
embedded PostgreSQL alone.
"""

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

FIRST_S, LATER_S = 10.0, 4.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def up_s(directory: Path) -> float:
    """Seconds from the command to the page; everything is stopped afterwards."""
    port = free_port()
    began = time.monotonic()
    flags = [
        f"--data-dir={directory}",
        f"--http=127.0.0.1:{port}",
        f"--grpc=127.0.0.1:{free_port()}",
    ]
    up = subprocess.Popen(
        [sys.executable, "-m", "vedette.app.main", "up", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not served(f"http://127.0.0.1:{port}/"):
        if up.poll() is not None or time.monotonic() - began > 60:
            raise SystemExit("vedette up did not come up")
        time.sleep(0.01)
    took = time.monotonic() - began
    up.send_signal(signal.SIGINT)
    up.wait(timeout=60)
    return took


def run_s(code: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


POSTGRES = """
import asyncio, pathlib
from vedette.db.embedded import embedded
async def main():
    async with embedded(pathlib.Path({directory!r})):
        pass
asyncio.run(main())
"""


def main() -> int:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--rounds", type=int, default=3, help="later starts; the best counts")
    rounds = flags.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="vedette-start-") as top:
        directory = Path(top, "data")
        first = up_s(directory)
        later = min(up_s(directory) for _ in range(rounds))
        imports = run_s("import vedette.app.up")
        alone = run_s(POSTGRES.format(directory=str(directory)))
    print(f"vedette up, first time   {first:5.2f} s   limit {FIRST_S:.0f} s")
    print(f"vedette up, later        {later:5.2f} s   limit {LATER_S:.0f} s")
    print(f"  of which imports       {imports:5.2f} s")
    print(f"  PostgreSQL, start+stop {alone:5.2f} s")
    print(json.dumps({"first_s": round(first, 2), "later_s": round(later, 2)}))
    return 0 if first <= FIRST_S and later <= LATER_S else 1


if __name__ == "__main__":
    sys.exit(main())
