"""The labs of a data directory: a folder each, and one command at a time that changes them."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from vedette.errors import Denied, Invalid, Unavailable
from vedette.lab.model import Lab

FOLDER = "lab"
FACTS = "lab.json"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@contextmanager
def opened(data_dir: Path) -> Iterator[Path]:
    """Hold the labs of that data directory for a block; yield their folder, made when missing.

    Raises `Denied` or `Unavailable` when it cannot be used.
    """
    top = data_dir.absolute() / FOLDER
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        top.mkdir(mode=0o711, exist_ok=True)
        lock = os.open(top / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        raise Denied(
            f"{top} cannot be written", hint="name another data directory: --data-dir DIR"
        ) from None
    except OSError as error:
        raise Unavailable(f"{top} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield top
    finally:
        os.close(lock)


def refuse_bad_name(name: str) -> None:
    """Raise `Invalid` unless the name is one: it is a folder's and a target's."""
    if NAME.fullmatch(name) is None:
        raise Invalid(f"{name!r} is no name", hint="small letters, digits and -, at most 63")


def kept(data_dir: Path) -> list[Lab]:
    """Return what is known of every lab, by name; folders that tell nothing are left out."""
    found = (read(path.parent) for path in (data_dir / FOLDER).glob(f"*/{FACTS}"))
    return sorted((lab for lab in found if lab is not None), key=lambda lab: lab.name)


def read(folder: Path) -> Lab | None:
    """Return what is known of the lab in that folder; None when nothing can be read."""
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Lab)
    except (OSError, msgspec.MsgspecError):
        return None


def write(lab: Lab) -> None:
    """Keep what is known of a lab; whoever reads meanwhile sees the old or the new."""
    path = Path(lab.folder, FACTS)
    aside = path.with_name(f".{FACTS}")
    aside.write_bytes(msgspec.json.encode(lab))
    aside.replace(path)


def remove(folder: Path) -> None:
    """Remove a lab's folder and everything in it; raise `Denied` when it is another user's."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Denied(
            f"{folder} cannot be removed: {error.strerror}",
            hint="stop it as the user it belongs to",
        ) from None
