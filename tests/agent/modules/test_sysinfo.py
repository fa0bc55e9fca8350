"""What the `sysinfo` module answers: of hosts made up, and of this one."""

import os
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context
from vedette.agent.modules.sysinfo import Sysinfo
from vedette.agent.modules.sysinfo_elsewhere import other_facts
from vedette.errors import Invalid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

FILES = {
    "proc/sys/kernel/hostname": "db1\n",
    "proc/sys/kernel/osrelease": "6.1.0-31-amd64\n",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "proc/uptime": "50000000.55 1.0\n",
    "proc/stat": "cpu 1\nbtime 1700000000\n",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: A CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: x\n",
    "proc/meminfo": "MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable: 9000 kB\nSwapTotal: 0 kB\n",
    "proc/mounts": "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /again ext4 rw 0 0\n"
    "server:/x /net nfs4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sdb1 /a\\040disk xfs rw 0 0\nbroken\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n# x=1\nVERSION_ID="12"\n',
    "a disk/file": "",
}


@pytest.fixture
def host(tmp_path: Path) -> Context:
    return plant(tmp_path, FILES)


def test_a_host_tells_what_it_is(host: Context) -> None:
    result = ask(Sysinfo(), {}, host)
    disks = result.elements.pop("disks")
    assert result.elements == {
        "hostname": "db1",
        "kernel": {
            "release": "6.1.0-31-amd64",
            "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1",
            "arch": "x86_64",
        },
        "distribution": {
            "id": "debian",
            "version": "12",
            "name": "Debian GNU/Linux 12 (bookworm)",
        },
        "boot": {"time": "2023-11-14T22:13:20Z", "uptime": 50000001, "rebootrequired": False},
        "cpu": {"count": 2, "model": "A CPU @ 2GHz"},
        "memory": {
            "total": 16_384_000_000,
            "available": 9_216_000,
            "swaptotal": 0,
            "swapfree": 0,
        },
    }
    assert [(one["mount"], one["device"], one["type"]) for one in disks] == [
        ("/", "/dev/sda1", "ext4"),
        ("/a disk", "/dev/sdb1", "xfs"),
    ]
    assert (result.foundanything, result.success, result.errors) == (True, True, [])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kernel": r"^6\.1\."}, True),
        ({"kernel": r"^5\."}, False),
        ({"distribution": "^debian 12$"}, True),
        ({"distribution": "bookworm"}, True),
        ({"distribution": "Ubuntu"}, False),
        ({"uptime": ">547d"}, True),
        ({"uptime": "<547d"}, False),
        ({"memory": "<16g"}, True),
        ({"memory": ">16g"}, False),
        ({"arch": "x86_64", "hostname": "^db"}, True),
        ({"arch": "x86_64", "hostname": "^web"}, False),
        ({"diskused": ">100%"}, False),
        ({"rebootrequired": True}, False),
        ({"rebootrequired": False}, True),
    ],
)
def test_it_is_found_when_every_condition_holds(
    host: Context, asked: dict[str, Any], found: bool
) -> None:
    result = ask(Sysinfo(), asked, host)
    assert (result.foundanything, result.success) == (found, True)


def test_a_package_that_asks_for_a_new_start_is_seen(host: Context) -> None:
    plant(host.root, {"run/reboot-required": ""})
    assert ask(Sysinfo(), {"rebootrequired": True}, host).foundanything


def test_where_disks_are_mounted_is_masked_where_privacy_is_asked_for(host: Context) -> None:
    told = ask(Sysinfo(), {}, Context(root=host.root, privacy=True)).elements["disks"]
    assert {one["mount"] for one in told} == {"masked"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("proc/uptime", "soon"),
        ("proc/uptime", ""),
        ("proc/stat", "cpu 1\n"),
        ("proc/stat", "btime\n"),
        ("proc/meminfo", "MemTotal: much kB\n"),
        ("proc/meminfo", "\xff\xfe"),
    ],
)
def test_what_cannot_be_read_is_told_of_and_the_rest_told(
    host: Context, path: str, content: str
) -> None:
    plant(host.root, {path: content})
    result = ask(Sysinfo(), {"uptime": ">1d", "memory": ">1g"}, host)
    assert not result.success
    assert not result.foundanything
    assert result.elements["hostname"] == "db1"
    assert result.errors


def test_an_empty_host_tells_nothing(tmp_path: Path) -> None:
    result = ask(Sysinfo(), {"kernel": "x"}, Context(root=tmp_path))
    assert (result.success, result.foundanything) == (False, False)
    assert "whether kernel is as asked cannot be told" in result.errors


@pytest.mark.parametrize(
    "given",
    [
        {"uptime": "1h"},
        {"uptime": ">1y"},
        {"memory": "8g"},
        {"diskused": ">90"},
        {"os": "x"},
        {"kernel": "("},
    ],
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(Sysinfo(), given)


# This host.


def test_of_this_host_it_tells_what_python_and_psutil_tell() -> None:
    result = ask(Sysinfo(), {})
    told = result.elements
    assert result.success, result.errors
    assert told["kernel"]["release"] == os.uname().release
    assert told["cpu"]["count"] == os.cpu_count()
    assert told["memory"]["total"] == psutil.virtual_memory().total
    assert abs(datetime.fromisoformat(told["boot"]["time"]).timestamp() - psutil.boot_time()) < 2
    assert abs(told["boot"]["uptime"] - (time.time() - psutil.boot_time())) < 10
    root = next(one for one in told["disks"] if one["mount"] == "/")
    assert root["size"] == shutil.disk_usage("/").total


def test_what_is_told_elsewhere_has_the_same_shape() -> None:
    here, other = ask(Sysinfo(), {}).elements, other_facts(Context())
    assert list(here) == list(other)
    for section in ("kernel", "distribution", "boot", "cpu", "memory"):
        assert list(here[section]) == list(other[section])
    assert list(here["disks"][0]) == list(other["disks"][0])
