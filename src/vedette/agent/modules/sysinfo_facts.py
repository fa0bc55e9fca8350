"""What a host is: kernel, distribution, start, processors, memory, disks; as /proc and /etc tell it."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from vedette.agent.modules import Context
from vedette.agent.modules.file_mounts import is_made_up, is_remote
from vedette.agent.modules.host_files import MASKED, exists, place, read_text
from vedette.agent.modules.tally import Tally

_UNMEASURED = {"devtmpfs", "erofs", "iso9660", "ramfs", "squashfs", "tmpfs"}
"""Kinds of file system that are memory, or always full."""
_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_OCTAL = re.compile(r"\\([0-7]{3})")
_KB = 1024

Facts = dict[str, Any]


def facts(context: Context, tally: Tally) -> Facts:
    """Return what can be told; faults say what cannot."""
    if sys.platform != "linux":
        from vedette.agent.modules.sysinfo_elsewhere import other_facts

        return other_facts(context)
    told: Facts = {}
    for name, tell in _SECTIONS.items():
        try:
            told[name] = tell(context)
        except (OSError, ValueError, IndexError, KeyError) as fault:
            words = getattr(fault, "strerror", None) or "it cannot be read"
            tally.fault(f"{name}: {words}", unanswered=True)
    return told


def _line(context: Context, path: str) -> str:
    return read_text(context, path, limit=65_536).strip()


def _hostname(context: Context) -> str:
    return _line(context, "/proc/sys/kernel/hostname")


def _kernel(context: Context) -> Facts:
    arch = "/proc/sys/kernel/arch"  # since Linux 6.1
    return {
        "release": _line(context, "/proc/sys/kernel/osrelease"),
        "version": _line(context, "/proc/sys/kernel/version"),
        "arch": _line(context, arch) if exists(context, arch) else os.uname().machine,
    }


def _distribution(context: Context) -> Facts:
    path = next((one for one in _OS_RELEASE if exists(context, one)), _OS_RELEASE[0])
    said = dict(_assignments(read_text(context, path, limit=65_536)))
    return {
        "id": said.get("ID", "linux"),
        "version": said.get("VERSION_ID", ""),
        "name": said.get("PRETTY_NAME", ""),
    }


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the assignments of a file that shells can read, quotes taken off."""
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            yield key, re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value


def _boot(context: Context) -> Facts:
    uptime_s = float(_line(context, "/proc/uptime").split()[0])
    stat = read_text(context, "/proc/stat")
    (began_s, *_) = (
        int(line.split()[1]) for line in stat.splitlines() if line.startswith("btime ")
    )
    began = datetime.fromtimestamp(began_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "time": began,
        "uptime": round(uptime_s),
        "rebootrequired": exists(context, "/run/reboot-required"),
    }


def _cpu(context: Context) -> Facts:
    lines = [line.partition(":") for line in read_text(context, "/proc/cpuinfo").splitlines()]
    models = [value.strip() for key, _, value in lines if key.strip() == "model name"]
    count = sum(key.strip() == "processor" for key, _, _ in lines)
    return {"count": count, "model": models[0] if models else ""}


def _memory(context: Context) -> Facts:
    lines = [line.split() for line in read_text(context, "/proc/meminfo").splitlines()]
    kilobytes = {line[0]: int(line[1]) for line in lines if len(line) > 1}
    return {
        "total": kilobytes["MemTotal:"] * _KB,
        "available": kilobytes.get("MemAvailable:", kilobytes["MemFree:"]) * _KB,
        "swaptotal": kilobytes.get("SwapTotal:", 0) * _KB,
        "swapfree": kilobytes.get("SwapFree:", 0) * _KB,
    }


def _disks(context: Context) -> list[Facts]:
    """Return each file system of this host's own once, where it is mounted first."""
    found: dict[str, Facts] = {}
    for line in read_text(context, "/proc/mounts").splitlines():
        fields = [_OCTAL.sub(lambda code: chr(int(code[1], 8)), one) for one in line.split(" ")]
        if len(fields) < 3:
            continue
        device, mount, kind = fields[:3]
        key = mount if kind == "overlay" else device
        if is_remote(kind) or is_made_up(kind) or kind in _UNMEASURED or key in found:
            continue
        if size := measured(context, mount):
            shown = MASKED if context.privacy else mount
            found[key] = {"mount": shown, "device": device, "type": kind, **size}
    return list(found.values())


def measured(context: Context, mount: str) -> Facts | None:
    """Return size and space programs can still use, in bytes; None of what is no disk."""
    try:
        said = os.statvfs(place(context, mount))
    except OSError:
        return None
    if not said.f_blocks:
        return None
    return {"size": said.f_blocks * said.f_frsize, "available": said.f_bavail * said.f_frsize}


_SECTIONS: dict[str, Callable[[Context], object]] = {
    "hostname": _hostname,
    "kernel": _kernel,
    "distribution": _distribution,
    "boot": _boot,
    "cpu": _cpu,
    "memory": _memory,
    "disks": _disks,
}
