"""What is installed on a host, as its package managers' own databases say.

dpkg's and apk's are text, rpm's is SQLite since 2020. What rpm kept before that, Berkeley DB, only
rpm itself reads: it is run where it is there, and missed aloud where it is not.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import exists, names, place, plain, read
from vedette.agent.modules.packages_rpm import Broken, read_rpmdb
from vedette.agent.modules.tally import Tally


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, its name without the architecture.

    version: with epoch and release where there are, as the package manager writes it.
    type: dpkg, rpm or apk.
    """

    name: str
    version: str
    type: str
    arch: str


_DPKG = "/var/lib/dpkg/status"
_DPKG_PARTS = "/var/lib/dpkg/status.d"
_APK = "/lib/apk/db/installed"
_RPM_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_RPM_OLD = ("Packages", "Packages.db")
_RPM_QUERY = ("rpm", "-qa", "--queryformat", "%{NAME} %{EVR} %{ARCH}\n")
_RPM_PLACES = (Path("/usr/bin/rpm"), Path("/bin/rpm"))
_RPM_S = 60.0
_THERE = {"installed", "triggers-pending", "triggers-awaited"}
"""dpkg's states of a package that is installed; held or not is no matter."""


def packages(context: Context, tally: Tally) -> list[Package]:
    """Return what is installed, in the databases' order; faults say what could not be read."""
    found: dict[Package, None] = {}
    known = False
    for reader in (_dpkg, _apk, _rpm):
        told = reader(context, tally)
        known = known or told is not None
        found |= dict.fromkeys(told or ())
    if not known:
        tally.fault(
            "this host has no package database that is known: dpkg's, rpm's, apk's", unanswered=True
        )
    return list(found)


def _dpkg(context: Context, tally: Tally) -> list[Package] | None:
    parts = [name for name in names(context, _DPKG_PARTS) if not name.endswith(".md5sums")]
    files = [f"{_DPKG_PARTS}/{name}" for name in parts]
    if exists(context, _DPKG):
        files.insert(0, _DPKG)
    if not files:
        return None
    return [one for path in files for one in _text(context, tally, path, read_dpkg)]


def _apk(context: Context, tally: Tally) -> list[Package] | None:
    if not exists(context, _APK):
        return None
    return _text(context, tally, _APK, read_apk)


def _text(
    context: Context, tally: Tally, path: str, reader: Callable[[bytes], tuple[list[Package], int]]
) -> list[Package]:
    try:
        found, broken = reader(read(context, path))
    except OSError as fault:
        tally.fault(f"{path}: {fault.strerror or fault}", unanswered=True)
        return []
    if broken:
        tally.fault(f"{path}: {broken} entries cannot be read", unanswered=True)
    return found


def read_dpkg(status: bytes) -> tuple[list[Package], int]:
    """Return the installed packages of a dpkg status, and how many entries are broken."""
    found: list[Package] = []
    broken = 0
    for fields in _stanzas(status):
        state = fields.get(b"Status", b"install ok installed").split()  # status.d says none
        if len(state) != 3 or not fields.get(b"Package"):
            broken += 1
        elif plain(state[2]) in _THERE:
            if fields.get(b"Version"):
                found.append(_package(fields, (b"Package", b"Version", b"Architecture"), "dpkg"))
            else:
                broken += 1
    return found, broken


def read_apk(installed: bytes) -> tuple[list[Package], int]:
    """Return the packages of an apk database, and how many entries are broken."""
    entries = list(_stanzas(installed))
    whole = [fields for fields in entries if fields.get(b"P") and fields.get(b"V")]
    return [_package(one, (b"P", b"V", b"A"), "apk") for one in whole], len(entries) - len(whole)


def _package(fields: dict[bytes, bytes], keys: tuple[bytes, bytes, bytes], kind: str) -> Package:
    name, version, arch = (plain(fields.get(key, b"")) for key in keys)
    return Package(name, version, kind, arch)


def _stanzas(text: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the fields of each entry; entries end at an empty line, a field's further lines are indented."""
    fields: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[:1] not in b" \t":
            key, _, value = line.partition(b":")
            fields.setdefault(key, value.strip())
    if fields:
        yield fields


def _rpm(context: Context, tally: Tally) -> list[Package] | None:
    for folder in _RPM_FOLDERS:
        path = f"{folder}/rpmdb.sqlite"
        if exists(context, path):
            try:
                return [Package(n, v, "rpm", a) for n, v, a in read_rpmdb(place(context, path))]
            except Broken as fault:
                tally.fault(f"{path}: {fault}", unanswered=True)
                return []
        if any(exists(context, f"{folder}/{old}") for old in _RPM_OLD):
            return _asked_of_rpm(context, tally)
    return None


def _asked_of_rpm(context: Context, tally: Tally) -> list[Package]:
    program = next((path for path in _RPM_PLACES if path.exists()), None)
    if program is None or context.root != Path("/"):
        tally.fault(
            "only rpm itself reads this host's rpm database, and it is not here", unanswered=True
        )
        return []
    left = min(_RPM_S, max(context.deadline - time.monotonic(), 0))
    try:
        said = subprocess.run(  # noqa: S603 - a program of the host's own, no word of it from outside
            (str(program), *_RPM_QUERY[1:]), capture_output=True, timeout=left, check=True, env={}
        ).stdout
    except (OSError, subprocess.SubprocessError) as fault:
        tally.fault(f"rpm does not answer: {fault}", unanswered=True)
        return []
    lines = [plain(line).split(" ") for line in said.splitlines()]
    return [Package(one[0], one[1], "rpm", one[2]) for one in lines if len(one) == 3]
