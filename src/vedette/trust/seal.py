"""The seal: what keeps secrets secret in a database whose dumps travel.

A key file holds one key a line, written `vedette-seal-1:<base64 of 32 bytes>`. The first seals, all
open: to rotate, put a new line on top, seal anew, then drop the old line. An envelope is

    version (1 byte, 1) │ key id (8 bytes) │ nonce (12 bytes) │ AES-256-GCM ciphertext and tag

and binds the name under which it is kept, so that no sealed value passes for another.
"""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable

PREFIX = "vedette-seal-1:"
VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES
FILE_LIMIT = 4096


class OtherSealKey(Conflict):
    """The value was sealed with a key this seal does not hold."""


class BrokenSeal(Invalid):
    """The envelope is damaged, or stands under a name it was not sealed for."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: bytes
    cipher: AESGCM


class Seal:
    """Seals with the first of its keys and opens with any of them; never shows one."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise Invalid(f"a seal needs keys of {KEY_BYTES} bytes")
        self._keys = [
            _Key(hashlib.sha256(key).digest()[:KEY_ID_BYTES], AESGCM(key)) for key in keys
        ]

    @property
    def key_id(self) -> str:
        """Which key seals, in hex: safe to show, says nothing of the key."""
        return self._keys[0].id.hex()

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the keys; raises Missing, Denied (others may read it), Invalid or Unavailable."""
        return cls(_read_keys(path))

    @classmethod
    def make_file(cls, path: Path) -> Self:
        """Make a key file (0600) and return its seal; raises Conflict when there is one already."""
        key = secrets.token_bytes(KEY_BYTES)
        _write_new(path, PREFIX + base64.b64encode(key).decode() + "\n")
        return cls([key])

    @classmethod
    def load_or_make(cls, path: Path) -> Self:
        """Return the seal of the file, made when there is none; two starting at once agree."""
        try:
            return cls.from_file(path)
        except Missing:
            pass
        try:
            return cls.make_file(path)
        except Conflict:
            return cls.from_file(path)

    def over(self, older: "Seal") -> "Seal":
        """Return a seal that seals as this one and opens what either has sealed."""
        both = object.__new__(Seal)
        both._keys = [*self._keys, *older._keys]  # noqa: SLF001 - of its own kind
        return both

    def seal(self, name: str, plain: bytes) -> bytes:
        """Return the envelope to keep under that name; twice the same gives two envelopes."""
        key = self._keys[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + key.id + nonce + key.cipher.encrypt(nonce, plain, _bound(key.id, name))

    def open(self, name: str, envelope: bytes) -> bytes:
        """Return what was sealed under that name; raises OtherSealKey or BrokenSeal."""
        if len(envelope) < HEADER_BYTES + TAG_BYTES or envelope[:1] != VERSION:
            raise BrokenSeal(
                f"the sealed value {name!r} is no envelope of this version",
                hint="restore it from a backup, or upgrade Vedette",
            )
        key_id = envelope[1 : 1 + KEY_ID_BYTES]
        key = next((key for key in self._keys if key.id == key_id), None)
        if key is None:
            raise OtherSealKey(
                f"{name!r} was sealed with key {key_id.hex()}; this seal holds "
                + ", ".join(key.id.hex() for key in self._keys)
            )
        nonce = envelope[1 + KEY_ID_BYTES : HEADER_BYTES]
        try:
            return key.cipher.decrypt(nonce, envelope[HEADER_BYTES:], _bound(key.id, name))
        except InvalidTag:
            raise BrokenSeal(
                f"the sealed value {name!r} was changed or moved since it was sealed",
                hint="restore it from a backup",
            ) from None


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:KEY_ID_BYTES]


def _bound(key_id: bytes, name: str) -> bytes:
    # The version and the key id are bound too: nobody can make an old envelope look like a new one.
    return b"vedette seal" + VERSION + key_id + name.encode()


def _read_keys(path: Path) -> list[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise Missing(
            f"there is no seal key at {path}",
            hint="point VEDETTE_SEAL_KEY_FILE at the file the first server made",
        ) from None
    except OSError as error:
        raise Unavailable(f"the seal key {path} cannot be read: {error.strerror}") from None
    with file:
        # Of the open file, not of the path: what was checked is what is read.
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise Invalid(f"the seal key {path} is not a file")
        # Reading by the group stays allowed: a mounted Kubernetes secret is root:fsGroup 0440.
        if os.name == "posix" and found.st_mode & 0o027:
            raise Denied(
                f"the seal key {path} is open to others (mode {found.st_mode & 0o777:04o})",
                hint=f"chmod 600 {path}",
            )
        text = file.read(FILE_LIMIT)
    return [_key_of(line, path) for line in text.split(b"\n") if line.strip()] or _no_key(path)


def _key_of(line: bytes, path: Path) -> bytes:
    prefix = PREFIX.encode()
    line = line.strip()
    if not line.startswith(prefix):
        _no_key(path)
    try:
        key = base64.b64decode(line[len(prefix) :], validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        _no_key(path)
    return key


def _no_key(path: Path) -> list[bytes]:
    raise Invalid(
        f"{path} holds no seal key of the form {PREFIX}<base64 of {KEY_BYTES} bytes>",
        hint="restore the file from a backup; a new key cannot open what the old one sealed",
    )


def _keep_name(folder: Path) -> None:
    # A crash of the machine must not take the file of a key that has sealed something.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_new(path: Path, text: str) -> None:
    """Write the file whole or not at all, never over another one.

    A reader must not meet an empty file, so it is written aside and linked into place: like O_EXCL,
    `link` fails when the name is taken.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.link(aside, path)
        _keep_name(path.parent)
    except FileExistsError:
        raise Conflict(f"there is a seal key at {path} already", hint="use it") from None
    except OSError as error:
        raise Unavailable(f"the seal key {path} cannot be written: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)
