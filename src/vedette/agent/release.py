"""Releases of the agent on this host: each in a folder of its own, one of them `current`.

An archive is unpacked beside the others, tried, and becomes current by one rename; `current.old` leads to the
one before. An archive is a tar.gz of regular files, or a zipapp in one file; either holds a `release.json`
with a number that only grows, so that no server brings an old release back.
"""

import io
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from vedette.agent.identity import write_private
from vedette.errors import Conflict, Invalid, Unavailable

CURRENT, OLD, HELD = "current", "current.old", "held.json"
PROGRAM = PurePosixPath("bin/vedette-agent")
"""What is started, in an archive of files; a zipapp becomes a folder with this file alone."""
RELEASE = "release.json"
UNPACKED_BYTES = 512 << 20
MEMBERS = 20_000
TRY_S = 60


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release says of itself. number: only ever grows. version: for people."""

    number: int
    version: str


class _Held(msgspec.Struct, frozen=True):
    """The newest release that was ever put in place here, and the SHA-256 of its archive."""

    number: int = 0
    version: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A release that was put in place: where, and whether anything changed."""

    release: Release
    folder: Path
    is_new: bool


class Releases:
    """The folder of an agent's releases; `current/bin/vedette-agent` is what a service starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held_file = folder / HELD

    @property
    def held(self) -> _Held:
        """The newest release that was ever put in place here; raises Invalid when that is damaged."""
        try:
            return msgspec.json.decode(self._held_file.read_bytes(), type=_Held)
        except FileNotFoundError:
            return _Held()
        except msgspec.MsgspecError:
            raise Invalid(f"{self._held_file} is damaged; put it right by hand") from None

    def place(self, archive: bytes, sha256: str) -> Placed:
        """Put the release of an archive in place and make it current; the same one again changes nothing.

        Raises Conflict for a release that is older than one that was here, or another of its number;
        Invalid for what is no archive of a release, Unavailable when it does not start.
        """
        held = self.held
        release = release_of(archive)
        folder = self.folder / f"{release.number}-{sha256[:12]}"
        if held.sha256 == sha256 and (self.folder / CURRENT).resolve() == folder.resolve():
            return Placed(release, folder, is_new=False)
        if release.number < held.number or (
            release.number == held.number and sha256 != held.sha256
        ):
            raise Conflict(
                f"release {release.number} ({release.version}) is no newer than {held.number}"
                f" ({held.version}), which was here"
            )
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._stage(archive, folder)
        self._lead(folder)
        kept = _Held(release.number, release.version, sha256)
        write_private(self._held_file, msgspec.json.encode(kept))
        self._forget(folder)
        return Placed(release, folder, is_new=True)

    def go_back(self) -> Path:
        """Make the release before the current one current again; raises Conflict when there is none."""
        old = self.folder / OLD
        if not old.exists():
            raise Conflict(f"{self.folder} holds no release before the current one")
        folder = old.resolve()
        _link(self.folder / CURRENT, folder.name)
        return folder

    def _stage(self, archive: bytes, folder: Path) -> None:
        aside = self.folder / f".loader-{secrets.token_hex(8)}"
        aside.mkdir(mode=0o755)
        try:
            _unpack(archive, aside)
            _try(aside / PROGRAM)
            shutil.rmtree(folder, ignore_errors=True)  # left by one that was killed here
            aside.replace(folder)
            os.sync()
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _lead(self, folder: Path) -> None:
        current = self.folder / CURRENT
        if current.is_symlink() and current.exists() and current.resolve() != folder.resolve():
            _link(self.folder / OLD, current.resolve().name)
        _link(current, folder.name)

    def _forget(self, folder: Path) -> None:
        keep = {folder.resolve(), (self.folder / OLD).resolve()}
        for one in self.folder.iterdir():
            if one.is_dir() and not one.is_symlink() and one.resolve() not in keep:
                shutil.rmtree(one, ignore_errors=True)


def release_of(archive: bytes) -> Release:
    """Return what the archive says of itself; raises Invalid."""
    try:
        if zipfile.is_zipfile(io.BytesIO(archive)):
            with zipfile.ZipFile(io.BytesIO(archive)) as file:
                said = file.read(RELEASE)
        else:
            said = _member(archive, RELEASE)
        release = msgspec.json.decode(said, type=Release)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error):
        raise Invalid(f"the archive is no release of the agent: it holds no {RELEASE}") from None
    except msgspec.MsgspecError as wrong:
        raise Invalid(f"the archive's {RELEASE} cannot be read: {wrong}") from None
    if not 0 < release.number < 2**53 or not 0 < len(release.version) <= 100:
        raise Invalid(f"the archive's {RELEASE} has no number above 0, or no version")
    return release


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        file = tar.extractfile(name)
        if file is None:
            raise KeyError(name)
        return file.read(1 << 16)


def _unpack(archive: bytes, folder: Path) -> None:
    if zipfile.is_zipfile(io.BytesIO(archive)):
        program = folder / PROGRAM
        program.parent.mkdir(mode=0o755)
        program.write_bytes(archive)
        program.chmod(0o755)
        return
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        left = UNPACKED_BYTES
        for number, member in enumerate(tar):
            left -= member.size
            if left < 0 or number >= MEMBERS:
                raise Invalid("the archive unpacks to more than a release may have")
            _place(tar, member, folder)


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Put one member in place; links, devices and ways out of the folder are refused, signed or not."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
        raise Invalid(f"the archive holds {member.name[:200]!a}, which is no file within it")
    place = folder / path
    if member.isdir():
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None
    with place.open("xb") as file:
        shutil.copyfileobj(source, file)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)


def _try(program: Path) -> None:
    """Let the new program say its version; raises Unavailable when it cannot."""
    if not program.is_file():
        raise Invalid(f"the archive holds no {PROGRAM}")
    command = [str(program), "--version"]
    if zipfile.is_zipfile(program):
        command = [sys.executable, *command]
    try:
        done = subprocess.run(  # noqa: S603 - what people signed
            command, capture_output=True, timeout=TRY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise Unavailable(f"the new agent does not start: {fault}") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()[-300:]
        raise Unavailable(f"the new agent does not start: {words}")


def _link(link: Path, target: str) -> None:
    aside = link.with_name(f".{link.name}.{secrets.token_hex(8)}")
    aside.symlink_to(target)
    aside.replace(link)
