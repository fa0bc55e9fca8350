"""The data directory: made, taken by one `up` at a time, and what a server writes into it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vedette.cli.where import ADMIN_TOKEN, ENDPOINTS
from vedette.errors import Conflict, Denied, Unavailable

LOCK = "up.lock"
PRIVATE = 0o600

__all__ = ["ADMIN_TOKEN", "ENDPOINTS", "prepare", "published", "taken", "write_private"]


def prepare(path: Path) -> Path:
    """Make the directory (0700) when there is none; raise `Denied` when it cannot be written."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (NotADirectoryError, FileExistsError):
        raise Denied(
            f"the data directory {path} is a file", hint="name another: --data-dir DIR"
        ) from None
    except OSError as error:
        raise Denied(
            f"the data directory {path} cannot be written: {error.strerror}",
            hint="make it yours, or name another: --data-dir DIR",
        ) from None
    return path


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Hold the directory for this process; raise `Conflict` naming who holds it.

    The kernel lets go when the process ends, however it ends.
    """
    file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip()
            raise Conflict(
                f"Vedette runs in {path} already (process {holder or 'unknown'})",
                hint="stop it, or name another directory: --data-dir DIR",
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads meanwhile sees the old or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def published(directory: Path, endpoints: dict[str, Any]) -> Iterator[None]:
    """Tell the commands of this machine where the server is, for as long as it runs."""
    path = directory / ENDPOINTS
    write_private(path, json.dumps(endpoints, indent=2) + "\n")
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            if json.loads(path.read_text("utf-8")).get("pid") == os.getpid():
                path.unlink()
