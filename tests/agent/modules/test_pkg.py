"""What the `pkg` module answers: of dpkg's, rpm's and apk's databases, and of this host."""

import contextlib
import shutil
import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits
from vedette.agent.modules.packages import read_apk, read_dpkg
from vedette.agent.modules.packages_rpm import Broken, read_header, read_headers
from vedette.agent.modules.packages_rpm_old import read_berkeley, read_ndb
from vedette.agent.modules.pkg import Pkg
from vedette.errors import Invalid

STATUS = """Package: libc6
Status: install ok installed
Multi-Arch: same
Architecture: amd64
Version: 2.36-9+deb12u10
Description: GNU C Library
 contains
 Version: 1.0 of nothing

Package: openssl
Status: hold ok installed
Architecture: amd64
Version: 3.0.15-1~deb12u1

Package: nano
Status: deinstall ok config-files
Architecture: amd64
Version: 7.2-1
"""


@pytest.fixture
def debian(tmp_path: Path) -> Context:
    return plant(tmp_path, {"var/lib/dpkg/status": STATUS})


def found(context: Context | None, *matches: str, **more: Any) -> list[tuple[str, str]]:
    result = ask(Pkg(), {"pkgmatch": {"matches": list(matches)}, **more}, context)
    return [(one["name"], one["version"]) for one in result.elements["packages"]]


def header(**tags: str | int) -> bytes:
    numbers = {"name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "arch": 1022}
    entries, room = b"", b""
    for tag, value in tags.items():
        kind, content = (
            (4, struct.pack(">I", value)) if isinstance(value, int) else (6, value.encode() + b"\0")
        )
        entries += struct.pack(">IIII", numbers[tag], kind, len(room), 1)
        room += content
    return struct.pack(">II", len(tags), len(room)) + entries + room


def rpm_host(root: Path, *headers: bytes) -> Context:
    plant(root, {"usr/lib/sysimage/rpm/.keep": ""})
    with closing(sqlite3.connect(root / "usr/lib/sysimage/rpm/rpmdb.sqlite")) as base:
        base.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        base.executemany("INSERT INTO Packages (blob) VALUES (?)", [(one,) for one in headers])
        base.commit()
    return Context(root=root)


def has_db_file() -> bool:
    words = ("perl", "-MDB_File", "-e", "1")
    return shutil.which("perl") is not None and subprocess.run(words, check=False).returncode == 0


needs_db_file = pytest.mark.skipif(
    not has_db_file(), reason="perl's DB_File is not on this machine"
)


def write_berkeley(path: Path, values: list[bytes], order: str) -> None:
    """Let Berkeley DB itself write a hash of numbers and values, as rpm does."""
    script = """
        use DB_File; use Fcntl; my ($path, $order) = @ARGV;
        my $hash = DB_File::HASHINFO->new; $hash->{bsize} = 4096; $hash->{lorder} = $order;
        tie my %rows, "DB_File", $path, O_RDWR|O_CREAT, 0644, $hash or die "$!";
        my $number = 0;
        while (my $line = <STDIN>) { chomp $line; $rows{pack("V", ++$number)} = pack("H*", $line); }
    """
    lines = "".join(f"{value.hex()}\n" for value in values)
    subprocess.run(("perl", "-e", script, str(path), order), input=lines.encode(), check=True)


def test_a_package_is_found_by_its_exact_name_without_the_architecture(debian: Context) -> None:
    result = ask(Pkg(), {"pkgmatch": {"matches": ["^libc6$"]}}, debian)
    assert result.elements == {
        "packages": [
            {"name": "libc6", "version": "2.36-9+deb12u10", "type": "dpkg", "arch": "amd64"}
        ]
    }
    assert list(result.statistics) == ["execruntime"]
    assert (result.foundanything, result.success, result.errors) == (True, True, [])


def test_what_is_held_is_installed_and_what_left_its_configuration_is_not(debian: Context) -> None:
    assert found(debian, ".") == [("libc6", "2.36-9+deb12u10"), ("openssl", "3.0.15-1~deb12u1")]


def test_a_version_is_matched_and_turned_round(debian: Context) -> None:
    assert found(debian, ".", vermatch=r"^2\.") == [("libc6", "2.36-9+deb12u10")]
    assert found(debian, ".", vermatch=r"!^2\.") == [("openssl", "3.0.15-1~deb12u1")]


def test_a_package_that_two_patterns_name_is_told_once(debian: Context) -> None:
    assert len(found(debian, "libc", "^libc6$")) == 1


def test_an_image_without_dpkg_says_in_parts_what_it_holds(tmp_path: Path) -> None:
    parts = {
        "var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
        "var/lib/dpkg/status.d/base.md5sums": "d41d8cd98f00b204e9800998ecf8427e  etc/x\n",
    }
    assert found(plant(tmp_path, parts), ".") == [("base-files", "12.4")]


def test_rpms_database_is_read_without_rpm(tmp_path: Path) -> None:
    context = rpm_host(
        tmp_path,
        header(name="bash", version="5.2.26", release="3.fc40", arch="x86_64"),
        header(name="bind", version="9.18", release="1.fc40", epoch=32, arch="x86_64"),
        header(name="gpg-pubkey", version="a15b79cc", release="63d04c2c"),
    )
    result = ask(Pkg(), {"pkgmatch": {"matches": ["."]}}, context)
    assert [(one["name"], one["version"], one["arch"]) for one in result.elements["packages"]] == [
        ("bash", "5.2.26-3.fc40", "x86_64"),
        ("bind", "32:9.18-1.fc40", "x86_64"),
        ("gpg-pubkey", "a15b79cc-63d04c2c", "(none)"),
    ]
    assert result.elements["packages"][0]["type"] == "rpm"
    assert result.success


@needs_db_file
@pytest.mark.parametrize("order", ["1234", "4321"], ids=["little", "big"])
def test_what_berkeley_db_holds_of_rpms_is_read(tmp_path: Path, order: str) -> None:
    plant(tmp_path, {"var/lib/rpm/keep": ""})
    headers = [
        header(name=f"package{number}", version="1", release=f"{'r' * number * 40}", arch="x86_64")
        for number in range(200)
    ]
    write_berkeley(tmp_path / "var/lib/rpm/Packages", headers, order)
    told = found(Context(root=tmp_path), ".")
    # what is short stands in the page itself, which no header of a real package does
    assert {name for name, _ in told} >= {f"package{number}" for number in range(40, 200)}
    assert dict(told)["package199"] == "1-" + "r" * 199 * 40


@needs_db_file
@settings(deadline=None)
@given(some.data())
def test_a_berkeley_db_with_a_page_broken_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, drawn: some.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "berkeley"
    if not path.exists():
        write_berkeley(path, [header(name=f"p{n}", version="v" * 3000) for n in range(9)], "1234")
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    at = drawn.draw(some.integers(0, pages - 1)) * 4096 + drawn.draw(some.integers(8, 40))
    noise = drawn.draw(some.binary(min_size=1, max_size=4))
    content[at : at + len(noise)] = noise
    with contextlib.suppress(Broken):
        read_headers(read_berkeley(bytes(content)))


def test_suses_database_is_read(tmp_path: Path) -> None:
    one, two = (header(name=name, version="1", release="2") for name in ("aaa", "zypper"))
    slots = struct.pack("<4sIII", b"RpmP", 0, 1, 1) + bytes(16)
    slots += struct.pack("<4sIII", b"Slot", 1, 256, 20) + struct.pack("<4sIII", b"Slot", 0, 0, 0)
    slots += struct.pack("<4sIII", b"Slot", 2, 300, 20)
    content = slots.ljust(4096, b"\0")
    for number, at, blob in ((1, 256 * 16, one), (2, 300 * 16, two)):
        content = content.ljust(at, b"\0") + struct.pack("<4sIII", b"BlbS", number, 1, len(blob))
        content += blob
    context = plant(tmp_path, {"usr/lib/sysimage/rpm/Packages.db": content})
    assert found(context, ".") == [("aaa", "1-2"), ("zypper", "1-2")]


@pytest.mark.parametrize("folder", ["lib", "usr/lib"])
def test_apks_database_is_read(tmp_path: Path, folder: str) -> None:
    installed = (
        "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl.so\n\nP:zlib\nV:1.3\nA:x86_64\n"
    )
    context = plant(tmp_path, {f"{folder}/apk/db/installed": installed})
    assert found(context, ".") == [("musl", "1.2.5-r0"), ("zlib", "1.3")]


# What it reads may be broken, or not there.


def test_a_host_without_a_known_database_cannot_tell(tmp_path: Path) -> None:
    result = ask(Pkg(), {"pkgmatch": {"matches": ["."]}}, Context(root=tmp_path))
    assert (result.success, result.foundanything) == (False, False)
    assert result.errors == [
        "this host has no package database that is known: dpkg's, rpm's, apk's"
    ]


@pytest.mark.parametrize("name", ["rpmdb.sqlite", "Packages", "Packages.db"])
@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0 and then nothing", b"\xff" * 5000], ids=len
)
def test_a_broken_rpm_database_is_told_of(tmp_path: Path, name: str, content: bytes) -> None:
    context = plant(tmp_path, {f"var/lib/rpm/{name}": content})
    result = ask(Pkg(), {"pkgmatch": {"matches": ["."]}}, context)
    assert not result.success
    assert result.errors[0].startswith(f"/var/lib/rpm/{name}: ")


def test_a_broken_status_gives_what_can_be_read_and_says_how_much_cannot(tmp_path: Path) -> None:
    broken = "\n\nPackage: \nStatus: install ok installed\n\n\xff\xfe\0garbage\n\nStatus: x\n\n"
    entry = "Package: a\\nb\nStatus: install ok installed\nVersion: 1\n\n"
    context = plant(tmp_path, {"var/lib/dpkg/status": broken.encode("latin-1") + entry.encode()})
    result = ask(Pkg(), {"pkgmatch": {"matches": ["."]}}, context)
    assert [one["name"] for one in result.elements["packages"]] == ["a\\nb"]
    assert (result.success, result.errors) == (
        False,
        ["/var/lib/dpkg/status: 3 entries cannot be read"],
    )


@pytest.mark.parametrize("to", ["/../secret", "../../../../secret", "status"])
def test_a_link_in_an_image_leads_nowhere_outside_of_it(tmp_path: Path, to: str) -> None:
    context = plant(tmp_path / "image", {"var/lib/dpkg/keep": ""})
    plant(tmp_path, {"secret": STATUS})
    (tmp_path / "image/var/lib/dpkg/status").symlink_to(to)
    assert found(context, ".") == []


def test_a_run_ends_at_its_limit_and_says_so(debian: Context) -> None:
    few = Context(root=debian.root, limits=Limits(elements=1))
    result = ask(Pkg(), {"pkgmatch": {"matches": ["."]}}, few)
    assert len(result.elements["packages"]) == 1
    assert result.errors[0].startswith("stopped early")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "missing required field `pkgmatch`"),
        ({"pkgmatch": {"matches": []}}, "length >= 1"),
        ({"pkgmatch": {"matches": [""]}}, "length >= 1"),
        ({"pkgmatch": {"matches": ["("]}}, "cannot be read"),
        ({"pkgmatch": {"matches": ["a"]}, "vermatch": "!["}, "cannot be read"),
        ({"pkgmatch": {"names": ["a"]}}, "there is no 'names'"),
    ],
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(Pkg(), given)
    assert said in str(refused.value)


@given(some.binary(max_size=300))
def test_any_bytes_are_a_database(noise: bytes) -> None:
    for reader in (read_berkeley, read_ndb):
        for begin in (b"", b"RpmP" + bytes(8) + b"\1\0\0\0"):
            with contextlib.suppress(Broken):
                read_headers(reader(begin + noise))
    read_dpkg(noise)
    read_apk(noise)
    try:
        name, version, arch = read_header(noise)
    except Broken:
        return
    assert name is not None and version is not None and arch


words = some.text(some.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(some.lists(some.tuples(words, words)))
def test_whatever_the_status_says_is_what_is_read(packages: list[tuple[str, str]]) -> None:
    status = "\n".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n"
        for name, version in packages
    )
    found, broken = read_dpkg(status.encode())
    assert [(one.name, one.version) for one in found] == packages
    assert broken == 0


# This host.


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not on this machine")
def test_dpkg_lists_the_same_packages_on_this_host() -> None:
    said = subprocess.run(
        ("dpkg", "-l"),
        capture_output=True,
        check=True,
        text=True,
        env={"COLUMNS": "500", "PATH": "/usr/bin"},
    ).stdout
    lines = [line.split() for line in said.splitlines() if line.startswith(("ii", "hi"))]
    listed = [(line[1].partition(":")[0], line[2]) for line in lines]
    assert sorted(found(None, ".")) == sorted(listed)


@pytest.mark.skipif(shutil.which("rpm") is None, reason="rpm is not on this machine")
def test_rpm_lists_the_same_packages_on_this_host() -> None:
    said = subprocess.run(
        ("rpm", "-qa", "--queryformat", "%{NAME} %{EVR}\n"),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert {tuple(line.split()) for line in said.splitlines()} <= set(found(None, "."))
