"""What an agent claims of its host; shown to people, and asked for by targets of actions.

The environment has MIG's keys, and its words for them, so that its targets hold here: `amd64`, not
`x86_64`.
"""

import os
import socket
import sys
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from vedette import __version__, plugins
from vedette.link.claims import Claims

ENVIRONMENT_CHARACTERS = 16_000
TAGS_CHARACTERS = 4_000


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Variables by which the stream to the server goes through a proxy."""


def claims(*, started_at: datetime, tags: dict[str, str], modules: Sequence[str] = ()) -> Claims:
    """Return who and where this process is. modules: what it can run for actions."""
    return Claims(
        hostname=socket.gethostname(),
        os={"win32": "windows"}.get(sys.platform, sys.platform),
        machine_id=_machine_id(),
        version=__version__,
        pid=os.getpid(),
        started_at=started_at,
        environment_json=_json(_environment(modules), ENVIRONMENT_CHARACTERS),
        tags_json=_json(dict(tags), TAGS_CHARACTERS),
        connectors=tuple(plugins.names("vedette.connectors")),
        modules=tuple(modules),
    )


def about(tags: dict[str, str]) -> dict[str, object]:
    """Return what goes with an event that is dispatched, so that its reader knows whose it is."""
    return {"hostname": socket.gethostname(), "environment": _environment(()), "tags": tags}


def _environment(modules: Sequence[str]) -> dict[str, object]:
    machine = os.uname().machine
    return {
        "init": _init(),
        "ident": ident(Path("/")),
        "os": {"win32": "windows"}.get(sys.platform, sys.platform),
        "arch": _ARCHITECTURES.get(machine, machine),
        "isproxied": any(os.environ.get(name) for name in _PROXIES),
        "addresses": _addresses(),
        "kernel": os.uname().release,
        "python": sys.version.partition(" ")[0],
        **({"modules": list(modules)} if modules else {}),
    }


def ident(root: Path) -> str:
    """Return what the system calls itself, as `Ubuntu 24.04.1 LTS`; "" when it does not say."""
    if sys.platform == "darwin":
        import platform

        return f"Mac OS X {platform.mac_ver()[0]}"
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = (root / name).read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        return said.get("PRETTY_NAME", said.get("NAME", "")).strip("\"'")[:200]
    return ""


def _init() -> str:
    if sys.platform == "darwin":
        return "launchd"
    if Path("/run/systemd/system").is_dir():
        return "systemd"
    return "upstart" if Path("/sbin/initctl").exists() else "sysvinit"


def _addresses() -> list[str]:
    import psutil

    wanted = {socket.AF_INET, socket.AF_INET6}
    return sorted(
        {
            f"{each.address.partition('%')[0]}/{prefix_length(each.netmask)}"
            for interface in psutil.net_if_addrs().values()
            for each in interface
            if each.family in wanted and not each.address.startswith(("127.", "::1", "fe80:"))
        }
    )[:64]


def prefix_length(netmask: str | None) -> int:
    """Return how many bits of an address are its network's: 24 for 255.255.255.0 and for ffff:ff00::."""
    if not netmask:
        return 0
    family = socket.AF_INET6 if ":" in netmask else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, netmask), "big").bit_count()


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
