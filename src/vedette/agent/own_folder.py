"""Folders that must be the agent's own: said before anything is read there, in words for who starts it."""

import os
from pathlib import Path

from vedette.errors import Invalid


def hold_own(folder: Path) -> None:
    """Raise Invalid for a folder that is there and is none, or not this user's to use."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as fault:
        raise Invalid(
            f"{folder} cannot be looked at: {fault.strerror}", hint="it belongs to the agent's user"
        ) from None
    if not folder.is_dir():
        raise Invalid(f"{folder} is no folder")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Invalid(
            f"{folder} is not this user's to read and write",
            hint="it belongs to the agent's user",
        )
