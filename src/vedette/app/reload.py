"""`--debug`: when a file of the package changes, the program ends cleanly and begins again."""

import asyncio
import os
import sys
from pathlib import Path

import vedette

LOOK_EVERY_S = 1.0
SUFFIXES = {".py", ".sql", ".html", ".css"}


async def package_changed() -> None:
    """Return when a file of the package is not what it was."""
    before = await asyncio.to_thread(snapshot)
    while await asyncio.to_thread(snapshot) == before:  # noqa: ASYNC110 - files call nobody back
        await asyncio.sleep(LOOK_EVERY_S)


def snapshot() -> dict[Path, float]:
    """Return when each file of the package was last changed."""
    top = Path(vedette.__file__).parent
    found = {}
    for path in top.rglob("*"):
        if path.suffix in SUFFIXES:
            try:
                found[path] = path.stat().st_mtime
            except FileNotFoundError:
                continue  # an editor replaces files
    return found


def begin_again() -> None:
    """Become this program anew, with the same arguments; never returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "vedette.app.main", *sys.argv[1:]])  # noqa: S606 - ourselves
