"""The sessions of this user's command line: one secret a server, in a file that only they may read.

`$XDG_CONFIG_HOME/vedette/sessions.json` (`~/.config/vedette/…`; on Windows `vedette` in `%APPDATA%`).
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from vedette.errors import Denied, Invalid

NAME = "sessions.json"


def path() -> Path:
    """Return where the file is."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "vedette" / NAME


def session_for(url: str) -> str | None:
    """Return the secret for that server; None when nobody is signed in there."""
    return _read().get(url)


def keep_session(url: str, secret: str) -> Path:
    """Keep the secret for that server; return the file."""
    return _write({**_read(), url: secret})


def forget_session(url: str) -> None:
    """Forget the secret for that server."""
    kept = _read()
    if kept.pop(url, None) is not None:
        _write(kept)


def _read() -> dict[str, str]:
    where = path()
    try:
        kept = json.loads(where.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise Denied(f"{where} is not yours to read", hint="whose home is this?") from None
    except (OSError, ValueError) as error:
        raise Invalid(
            f"{where} cannot be read: {error}", hint="remove it and sign in again: vedette login"
        ) from None
    if not isinstance(kept, dict):
        raise Invalid(f"{where} is not ours", hint="remove it and sign in again: vedette login")
    return {str(url): str(secret) for url, secret in kept.items()}


def _write(kept: dict[str, str]) -> Path:
    where = path()
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A new file, readable by its owner alone from the start, takes the old one's place at once.
    handle, new = tempfile.mkstemp(dir=where.parent, prefix=NAME)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
        Path(new).replace(where)
    except OSError:
        Path(new).unlink(missing_ok=True)
        raise
    return where
