"""What an agent claims of its host; shown to people, decides nothing."""

import os
import socket
import sys
import uuid
from datetime import datetime
from pathlib import Path

import msgspec

from vedette import __version__, plugins
from vedette.link.client import Claims

ENVIRONMENT_CHARACTERS = 16_000
TAGS_CHARACTERS = 4_000


def claims(*, started_at: datetime, tags: dict[str, str]) -> Claims:
    """Return who and where this process is."""
    return Claims(
        hostname=socket.gethostname(),
        os={"win32": "windows"}.get(sys.platform, sys.platform),
        machine_id=_machine_id(),
        version=__version__,
        pid=os.getpid(),
        started_at=started_at,
        environment_json=_json(_environment(), ENVIRONMENT_CHARACTERS),
        tags_json=_json(dict(tags), TAGS_CHARACTERS),
        connectors=tuple(plugins.names("vedette.connectors")),
    )


def _environment() -> dict[str, object]:
    return {
        "arch": os.uname().machine,
        "kernel": os.uname().release,
        "python": sys.version.partition(" ")[0],
        "addresses": _addresses(),
    }


def _addresses() -> list[str]:
    import psutil

    wanted = {socket.AF_INET, socket.AF_INET6}
    return sorted(
        {
            each.address.partition("%")[0]
            for interface in psutil.net_if_addrs().values()
            for each in interface
            if each.family in wanted and not each.address.startswith(("127.", "::1", "fe80:"))
        }
    )[:64]


def _machine_id() -> str:
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        try:
            found = path.read_text().strip()
        except OSError:
            continue
        if found:
            return found
    return uuid.UUID(int=uuid.getnode()).hex


def _json(value: dict[str, object], limit: int) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= limit else "{}"
