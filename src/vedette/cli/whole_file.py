"""Files that are read within bounds and written whole or not at all; `-` is stdin and stdout."""

import os
import secrets
import sys
from pathlib import Path

from vedette.errors import Denied, Invalid, Missing, Unavailable

STANDARD = Path("-")


def read_whole(path: Path, *, limit: int) -> bytes:
    """Return the bytes of the file; raises Missing, Denied or Invalid in one line that names it."""
    try:
        if path == STANDARD:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as file:
                data = file.read(limit + 1)
    except FileNotFoundError:
        raise Missing(f"there is no file {path}") from None
    except PermissionError:
        raise Denied(f"{path} is not yours to read") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise Invalid(f"{path} is longer than {limit} bytes")
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Write the file so that whoever reads it meanwhile finds the old one or the new one.

    A symbolic link stays; what it leads to is replaced. Raises Denied and Unavailable.
    """
    if path == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    place = path.resolve()
    aside = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        aside.replace(place)
    except PermissionError:
        raise Denied(f"{path} is not yours to write") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)
