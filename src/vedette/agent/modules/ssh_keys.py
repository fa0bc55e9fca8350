"""SSH keys as files hold them: lines of authorized keys, and private keys in every form ssh reads.

Only public parts are looked at. Of a private key in OpenSSH's own form the public part stands in
front, encrypted or not; of the older forms it has to be computed, which an encrypted one forbids.
"""

import base64
import binascii
import hashlib
import itertools
import struct
from dataclasses import dataclass

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)

_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_END = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"


class NoKey(Exception):  # noqa: N818 - what was found instead
    """This is no key."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key. blob: its public part as ssh sends it; b"" when encryption hides that."""

    blob: bytes
    is_encrypted: bool


def fingerprint_md5(blob: bytes) -> str:
    """Return it as `ssh-keygen -E md5` does, without the word MD5; "" of nothing."""
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":") if blob else ""


def fingerprint_sha256(blob: bytes) -> str:
    """Return it as `ssh-keygen` does; "" of nothing."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}" if blob else ""


def public_key(line: bytes) -> bytes:
    """Return the key of one line, options before it or not; raise `NoKey`."""
    words = _words(line)
    for kind, text in itertools.pairwise(words):
        if kind.decode("ascii", "replace") in KEY_TYPES:
            return _blob(kind, text)
    raise NoKey


def key_lines(content: bytes) -> tuple[list[bytes], int]:
    """Return the keys of a file of authorized keys, and how many lines are neither key nor remark."""
    keys: list[bytes] = []
    broken = 0
    for line in content.split(b"\n"):
        if line.strip() and not line.strip().startswith(b"#"):
            try:
                keys.append(public_key(line))
            except NoKey:
                broken += 1
    return keys, broken


def private_key(content: bytes) -> PrivateKey:
    """Return the first private key of a file; raise `NoKey`."""
    if _OPENSSH in content:
        return _openssh(content)
    if b"PRIVATE KEY-----" not in content:
        raise NoKey
    if b"BEGIN ENCRYPTED PRIVATE KEY" in content or b"\nProc-Type: 4,ENCRYPTED" in content:
        return PrivateKey(b"", is_encrypted=True)
    return PrivateKey(_computed(content), is_encrypted=False)


def _words(line: bytes) -> list[bytes]:
    """Split at blanks that stand not in double quotes; a backslash takes a quote's meaning away."""
    words, word, quoted, escaped = [], bytearray(), False, False
    for char in line.strip()[:65_536]:
        if char in b" \t\r" and not quoted:
            if word:
                words.append(bytes(word))
                word.clear()
            continue
        quoted = quoted is not (char == ord('"') and not escaped)
        escaped = char == ord("\\") and not escaped
        word.append(char)
    return [*words, bytes(word)] if word else words


def _blob(kind: bytes, text: bytes) -> bytes:
    try:
        blob = base64.b64decode(text, validate=True)
        (said, _) = _string(blob)
    except (binascii.Error, struct.error):
        raise NoKey from None
    if said != kind:
        raise NoKey
    return blob


def _openssh(content: bytes) -> PrivateKey:
    # "openssh-key-v1\0", cipher, kdf, its options, number of keys, the public key, the private ones
    begin = content.index(_OPENSSH) + len(_OPENSSH)
    end = content.find(_OPENSSH_END, begin)
    try:
        packed = base64.b64decode(b"".join(content[begin:end].split()), validate=True)
        if not packed.startswith(_MAGIC):
            raise NoKey
        cipher, rest = _string(packed[len(_MAGIC) :])
        for _ in range(2):
            _, rest = _string(rest)
        blob, _ = _string(rest[4:])
        _string(blob)
    except (binascii.Error, struct.error):
        raise NoKey from None
    return PrivateKey(blob, is_encrypted=cipher != b"none")


def _string(packed: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", packed)
    if length > len(packed) - 4:
        raise struct.error("it is longer than what there is")
    return packed[4 : 4 + length], packed[4 + length :]


def _computed(content: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(
            content[content.index(b"-----BEGIN") :], None, unsafe_skip_rsa_key_validation=True
        )
        line = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NoKey from None
    return public_key(line)
