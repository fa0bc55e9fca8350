"""One reading of the host, and what two readings say."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vedette.agent.connector import Measures
from vedette.agent.connectors.limits import measurements, ratio
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement

LIMITS: Pack = {
    "cpu_ratio": Threshold(0.95, 0.85),
    "iowait_ratio": Threshold(0.4, 0.3),
    "steal_ratio": Threshold(0.1, 0.05),
    "load15_per_cpu": Threshold(2.0, 1.5),
    "memory_ratio": Threshold(0.9, 0.85),
    "oom_kills": 0.0,
    "disk_ratio": Threshold(0.98, 0.95),
    "inodes_ratio": Threshold(0.98, 0.95),
    "files_ratio": Threshold(0.9, 0.8),
}

MEASURES = (
    Measures("uptime_s", "seconds", "Time since the host started."),
    Measures("cpu_ratio", "ratio", "Processor time not idle, up to ten minutes back."),
    Measures("user_ratio", "ratio", "Processor time of programs, up to ten minutes back."),
    Measures("system_ratio", "ratio", "Processor time of the kernel, up to ten minutes back."),
    Measures("iowait_ratio", "ratio", "Processor time waiting for disks, up to ten minutes back."),
    Measures("steal_ratio", "ratio", "Processor time other guests took, up to ten minutes back."),
    Measures("load1_per_cpu", "", "Load average of a minute, a processor."),
    Measures("load15_per_cpu", "", "Load average of fifteen minutes, a processor."),
    Measures("memory_bytes", "bytes", "Memory of the host."),
    Measures("memory_available_bytes", "bytes", "Memory programs can still get."),
    Measures("memory_ratio", "ratio", "Memory no longer available."),
    Measures("swap_ratio", "ratio", "Swap in use."),
    Measures("oom_kills", "count", "Programs killed for want of memory, up to ten minutes back."),
    Measures("files_ratio", "ratio", "Open files of those the kernel allows."),
    Measures("processes", "count", "Processes."),
    Measures("disk_ratio", "ratio", "Of a mount: space in use, as programs may use it."),
    Measures("disk_free_bytes", "bytes", "Of a mount: space programs can still use."),
    Measures("inodes_ratio", "ratio", "Of a mount: inodes in use."),
    Measures("hours_to_full", "hours", "Of a mount: until it is full, at the pace of the window."),
    Measures("disk_busy_ratio", "ratio", "The busiest disk's share of time with requests."),
    Measures("read_bytes_per_s", "bytes_per_second", "Read from disks."),
    Measures("written_bytes_per_s", "bytes_per_second", "Written to disks."),
    Measures("received_bytes_per_s", "bytes_per_second", "Of a nic: received."),
    Measures("sent_bytes_per_s", "bytes_per_second", "Of a nic: sent."),
    Measures("errors_per_s", "per_second", "Of a nic: packets with errors."),
    Measures("drops_per_s", "per_second", "Of a nic: packets dropped."),
    *(
        Measures(
            f"{what}_{how}_avg{window}",
            "ratio",
            f"Time {who} waited for {what}, averaged over {window} s (PSI).",
        )
        for what in ("cpu", "memory", "io")
        for how, who in (("some", "some task"), ("full", "every task"))
        for window in (10, 60)
    ),
)

SHARES = ("cpu_ratio", "iowait_ratio", "steal_ratio")
"""Measurements that mean little over a short window."""

_PRESSURE = Path("/proc/pressure")
_REAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "overlay", "vfat", "apfs", "hfs", "f2fs"}
_SPARE = ("/snap/", "/boot/efi", "/var/lib/docker/", "/var/lib/kubelet/")
_CPU_MODES = {
    "user_ratio": ("user", "nice"),
    "system_ratio": ("system", "irq", "softirq"),
    "iowait_ratio": ("iowait",),
    "steal_ratio": ("steal",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The host's counters and gauges at one time.

    at: monotonic, seconds.
    values: gauges of the host itself.
    mounts: mount point → (free bytes, total bytes programs may use, inode ratio).
    """

    at: float
    cpu: Mapping[str, float]
    oom_kills: float | None
    values: Mapping[str, float | None]
    mounts: Mapping[str, tuple[int, int, float | None]]
    disks: Mapping[str, Any]
    nics: Mapping[str, Any]


def read_host(mounts: Sequence[str] | None, nics: Sequence[str] | None) -> Reading:
    """Read everything; blocks for as long as the slowest mount."""
    chosen = mounts if mounts is not None else _mounts()
    counters = psutil.net_io_counters(pernic=True)
    return Reading(
        at=time.monotonic(),
        cpu=psutil.cpu_times()._asdict(),
        oom_kills=_oom_kills(),
        values={**_load(), **_memory(), **_files(), **_pressure()},
        mounts={str(mount): read for mount in chosen if (read := _mount(str(mount)))},
        disks=psutil.disk_io_counters(perdisk=True) or {},
        nics={n: c for n, c in counters.items() if (n in nics if nics is not None else n != "lo")},
    )


def measured(
    reading: Reading, *, oldest: Reading | None, latest: Reading | None
) -> list[Measurement]:
    """Return all there is to say: shares since the oldest reading, rates since the latest."""
    found = measurements(reading.values)
    if oldest is not None and latest is not None:
        found += measurements(_cpu(oldest, reading))
        if reading.oom_kills is not None and oldest.oom_kills is not None:
            found += measurements({"oom_kills": reading.oom_kills - oldest.oom_kills})
        found += measurements(_disks(latest, reading))
    for mount, (free, whole, inodes) in reading.mounts.items():
        values = {
            "disk_ratio": ratio(whole - free, whole),
            "disk_free_bytes": free,
            "inodes_ratio": inodes,
            "hours_to_full": _hours_to_full(mount, oldest, reading),
        }
        found += measurements(values, f"mount:{mount}")
    for nic in reading.nics:
        if latest is not None and nic in latest.nics:
            found += measurements(_nic(nic, latest, reading), f"nic:{nic}")
    return found


def mounted() -> Mapping[str, tuple[int, int, float | None]]:
    """Return every real file system as `Reading.mounts` has it; blocks as long as the slowest."""
    return {mount: read for mount in _mounts() if (read := _mount(mount))}


def facts() -> dict[str, str]:
    """Return what people ask of a host."""
    return {
        "os": platform.system(),
        "kernel": platform.release(),
        "hostname": platform.node(),
        "cpus": str(os.cpu_count() or ""),
    }


def _mounts() -> list[str]:
    # One mount point a device: bind mounts of containers repeat the same disk many times.
    seen: dict[str, str] = {}
    for part in psutil.disk_partitions(all=True):
        if part.fstype in _REAL and not part.mountpoint.startswith(_SPARE):
            seen.setdefault(
                part.device if part.device != "overlay" else part.mountpoint, part.mountpoint
            )
    return list(seen.values())


def _mount(mount: str) -> tuple[int, int, float | None] | None:
    try:
        stat = os.statvfs(mount)
    except OSError:
        return None
    used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    free = stat.f_bavail * stat.f_frsize
    if used + free == 0:
        return None
    return free, used + free, ratio(stat.f_files - stat.f_ffree, stat.f_files)


def _load() -> dict[str, float | None]:
    load1, _, load15 = psutil.getloadavg()
    cpus = os.cpu_count() or 1
    return {
        "load1_per_cpu": load1 / cpus,
        "load15_per_cpu": load15 / cpus,
        "uptime_s": time.time() - psutil.boot_time(),
        "processes": len(psutil.pids()),
    }


def _memory() -> dict[str, float | None]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "memory_ratio": 1 - memory.available / memory.total,
        "swap_ratio": ratio(swap.used, swap.total),
    }


def _files() -> dict[str, float | None]:
    try:
        used, unused, most = Path("/proc/sys/fs/file-nr").read_text().split()
    except (OSError, ValueError):
        return {}
    return {"files_ratio": ratio(float(used) - float(unused), float(most))}


def _pressure() -> dict[str, float | None]:
    # some avg10=0.00 avg60=0.00 avg300=0.00 total=0
    found: dict[str, float | None] = {}
    for what in ("cpu", "memory", "io"):
        try:
            lines = (_PRESSURE / what).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            how, *fields = line.split()
            for field in fields[:2]:
                window, _, percent = field.partition("=")
                found[f"{what}_{how}_{window}"] = float(percent) / 100
    return found


def _oom_kills() -> float | None:
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _cpu(before: Reading, after: Reading) -> dict[str, float | None]:
    # guest time is already in user time
    modes = [mode for mode in after.cpu if not mode.startswith("guest")]
    gained = {mode: max(after.cpu[mode] - before.cpu.get(mode, 0.0), 0.0) for mode in modes}
    whole = sum(gained.values())
    shares = {
        name: ratio(sum(gained.get(mode, 0.0) for mode in parts), whole)
        for name, parts in _CPU_MODES.items()
    }
    idle = gained.get("idle", 0.0) + gained.get("iowait", 0.0)
    return {"cpu_ratio": ratio(whole - idle, whole), **shares}


def _disks(before: Reading, after: Reading) -> dict[str, float | None]:
    elapsed = after.at - before.at
    pairs = {n: (before.disks[n], now) for n, now in after.disks.items() if n in before.disks}
    if not pairs or elapsed <= 0:
        return {}
    busy = [
        (now.busy_time - was.busy_time) / 1000 / elapsed
        for was, now in pairs.values()
        if hasattr(now, "busy_time")
    ]
    # Partitions repeat what their disk counts.
    whole = [pair for name, pair in pairs.items() if not name[-1:].isdigit()]
    counted = whole or list(pairs.values())
    return {
        "disk_busy_ratio": min(max(busy), 1.0) if busy else None,
        "read_bytes_per_s": sum(max(a.read_bytes - b.read_bytes, 0) for b, a in counted) / elapsed,
        "written_bytes_per_s": sum(max(a.write_bytes - b.write_bytes, 0) for b, a in counted)
        / elapsed,
    }


def _nic(nic: str, before: Reading, after: Reading) -> dict[str, float | None]:
    was, now, elapsed = before.nics[nic], after.nics[nic], after.at - before.at
    if elapsed <= 0:
        return {}
    gains = {
        "received_bytes_per_s": now.bytes_recv - was.bytes_recv,
        "sent_bytes_per_s": now.bytes_sent - was.bytes_sent,
        "errors_per_s": now.errin + now.errout - was.errin - was.errout,
        "drops_per_s": now.dropin + now.dropout - was.dropin - was.dropout,
    }
    return {name: max(gain, 0) / elapsed for name, gain in gains.items()}


def _hours_to_full(mount: str, oldest: Reading | None, reading: Reading) -> float | None:
    # Half a minute of writing says nothing about the day.
    if oldest is None or mount not in oldest.mounts or reading.at - oldest.at < 300:
        return None
    free, eaten = reading.mounts[mount][0], oldest.mounts[mount][0] - reading.mounts[mount][0]
    return free / eaten * (reading.at - oldest.at) / 3600 if eaten > 0 else None
