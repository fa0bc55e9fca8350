"""What a host is where there is no /proc: macOS, by psutil and Python's own `platform`."""

import os
import platform
import time
from datetime import UTC, datetime
from typing import Any

import psutil

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import MASKED


def other_facts(context: Context) -> dict[str, Any]:
    """Return what the Linux reading returns, in the same shape."""
    memory, swap, began_s = psutil.virtual_memory(), psutil.swap_memory(), psutil.boot_time()
    release, _, _ = platform.mac_ver()
    system = os.uname()
    return {
        "hostname": system.nodename,
        "kernel": {"release": system.release, "version": system.version, "arch": system.machine},
        "distribution": {
            "id": system.sysname.lower(),
            "version": release,
            "name": f"macOS {release}" if release else system.sysname,
        },
        "boot": {
            "time": datetime.fromtimestamp(int(began_s), UTC).isoformat().replace("+00:00", "Z"),
            "uptime": round(time.time() - began_s),
            "rebootrequired": False,
        },
        "cpu": {"count": psutil.cpu_count() or 0, "model": platform.processor()},
        "memory": {
            "total": memory.total,
            "available": memory.available,
            "swaptotal": swap.total,
            "swapfree": swap.free,
        },
        "disks": [
            _disk(one.device, one.mountpoint, one.fstype, private=context.privacy)
            for one in psutil.disk_partitions()
        ],
    }


def _disk(device: str, mount: str, kind: str, *, private: bool) -> dict[str, Any]:
    usage = psutil.disk_usage(mount)
    return {
        "mount": MASKED if private else mount,
        "device": device,
        "type": kind,
        "size": usage.total,
        "available": usage.free,
    }
