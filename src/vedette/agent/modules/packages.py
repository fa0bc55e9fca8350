"""What is installed on a host, as its package managers' own databases say.

dpkg's and apk's are text, rpm's is SQLite, and what it was before that. No program is run: what
reads an image reads a host.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import exists, names, place, plain, read
from vedette.agent.modules.packages_rpm import Broken, read_headers, read_rpmdb
from vedette.agent.modules.packages_rpm_old import read_berkeley, read_ndb
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
_APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_RPM_BYTES = 256 * 1024 * 1024
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
    path = next((one for one in _APK if exists(context, one)), None)
    return None if path is None else _text(context, tally, path, read_apk)


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
    for path, reader in _RPM:
        if exists(context, path):
            try:
                return [Package(n, v, "rpm", a) for n, v, a in reader(context, path)]
            except (Broken, OSError) as fault:
                words = getattr(fault, "strerror", None) or str(fault)
                tally.fault(f"{path}: {words}", unanswered=True)
                return []
    return None


def _sqlite(context: Context, path: str) -> list[tuple[str, str, str]]:
    return read_rpmdb(place(context, path))


def _berkeley(context: Context, path: str) -> list[tuple[str, str, str]]:
    return read_headers(read_berkeley(read(context, path, limit=_RPM_BYTES)))


def _ndb(context: Context, path: str) -> list[tuple[str, str, str]]:
    return read_headers(read_ndb(read(context, path, limit=_RPM_BYTES)))


_RPM = tuple(
    (f"{folder}/{name}", reader)
    for name, reader in (("rpmdb.sqlite", _sqlite), ("Packages.db", _ndb), ("Packages", _berkeley))
    for folder in ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
)
"""rpm's databases, the newest kind first: an old one may be left over."""
