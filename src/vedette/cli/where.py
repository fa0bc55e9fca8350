"""Finding the server and the right to ask it: flags, environment, the data directory.

The data directory is `--data-dir`, else `$VEDETTE_DATA_DIR`, else `./vedette-data` where that
exists, else `$XDG_STATE_HOME/vedette` (`~/.local/state/vedette`; on Windows `vedette` in
`%LOCALAPPDATA%`).
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vedette.cli.session_file import session_for
from vedette.errors import Denied, Invalid, Missing, Unavailable

ENDPOINTS = "endpoints.json"
ADMIN_TOKEN = "admin.token"  # noqa: S105 - the name of a file
LOCAL_DIR = Path("vedette-data")

HOW = "start one with `vedette up`, or name it with --url or VEDETTE_URL"


@Parameter(name="*", group="Server")
@dataclass(frozen=True, kw_only=True)
class Asking:
    """Which server is asked, and with which token."""

    url: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_URL",
            help="Its address, as in https://vedette.example; default that of the data directory.",
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_TOKEN_FILE",
            help="File with a token; default $VEDETTE_TOKEN, else what `vedette login` kept, else the data directory's own.",
        ),
    ] = None
    data_dir: Annotated[
        Path | None,
        Parameter(env_var="VEDETTE_DATA_DIR", help="Where `vedette up` keeps its things."),
    ] = None


def asking_here() -> Asking:
    """Return what the environment names, for commands without flags of their own for it."""
    token_file = os.environ.get("VEDETTE_TOKEN_FILE")
    return Asking(
        url=os.environ.get("VEDETTE_URL") or None,
        token_file=Path(token_file) if token_file else None,
    )


def data_dir(given: Path | None = None) -> Path:
    """Return the data directory of that flag, this environment and this working directory."""
    if given is not None:
        return given.absolute()
    named = os.environ.get("VEDETTE_DATA_DIR")
    if named:
        return Path(named).absolute()
    if LOCAL_DIR.is_dir():
        return LOCAL_DIR.absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "vedette"


def endpoints(directory: Path) -> dict[str, Any]:
    """Return what a running server wrote to its data directory; empty when none has."""
    try:
        found = json.loads((directory / ENDPOINTS).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unavailable(f"{directory / ENDPOINTS} cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def url_of(asking: Asking) -> str:
    """Return the server's address without a slash at its end; raise `Missing` with the way out."""
    if asking.url is not None:
        url = asking.url.strip().rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise Invalid(
                f"{asking.url!r} is not a URL", hint="write http://HOST:PORT or https://HOST"
            )
        return url
    directory = data_dir(asking.data_dir)
    url = endpoints(directory).get("http", "")
    if not url:
        raise Missing(f"no server is known in {directory}", hint=HOW)
    return str(url)


def token_of(asking: Asking) -> str | None:
    """Return the token to show, None when there is none; raise when a file is named but unreadable.

    A named token goes before `vedette login`'s session at that server, and this before the data directory's own.
    The admin token of a data directory goes only to the server of that directory, never to a
    `--url` that leads elsewhere.
    """
    if asking.token_file is not None:
        return _read(asking.token_file)
    if token := os.environ.get("VEDETTE_TOKEN", "").strip():
        return token
    directory = data_dir(asking.data_dir)
    if (session := _session(asking)) is not None:
        return session
    if asking.url is not None and url_of(asking) != endpoints(directory).get("http"):
        return None
    path = directory / ADMIN_TOKEN
    return _read(path) if path.exists() else None


def _session(asking: Asking) -> str | None:
    try:
        return session_for(url_of(asking))
    except Missing:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise Missing(f"there is no token file {path}") from None
    except PermissionError:
        raise Denied(
            f"the token in {path} is not yours to read", hint="ask as the user who runs the server"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the token in {path} cannot be read: {error}") from None
