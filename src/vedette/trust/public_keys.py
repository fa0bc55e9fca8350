"""Public keys as people hand them over: exported by gpg, armoured or not, or lines of OpenSSH's."""

import re

from vedette.errors import Invalid
from vedette.trust.one_line import ARMORED_BYTES, armor, dearmor
from vedette.trust.openpgp_certificate import read_certificate
from vedette.trust.verify import key_fingerprint

KEY_SUFFIXES = (".asc", ".gpg", ".pgp", ".pub", ".key")
"""Of the files in a folder of keys that are read."""

_BLOCK = re.compile(r"-----BEGIN PGP [A-Z ]+-----.*?-----END PGP [A-Z ]+-----", re.DOTALL)
_SECRET = re.compile(r"-----BEGIN (?:PGP PRIVATE KEY BLOCK|[A-Z ]*PRIVATE KEY)-----")
_PUBLIC = "PGP PUBLIC KEY BLOCK"
_OLD_PACKET = 0x80
"""The bit that begins every OpenPGP packet; no text begins with it."""


def read_public_keys(data: bytes, *, source: str) -> tuple[str, ...]:
    """Return every key of a file, OpenPGP ones armoured anew, SSH ones a line each.

    Raises Invalid naming the source when it holds no key, a broken one, or a secret one.
    """
    if len(data) > ARMORED_BYTES:
        raise Invalid(f"{source} is longer than {ARMORED_BYTES} bytes, which no public key is")
    try:
        keys = _binary(data) if data[:1] and data[0] & _OLD_PACKET else _written(data.decode())
        for key in keys:
            key_fingerprint(key)
    except (Invalid, UnicodeDecodeError) as error:
        raise Invalid(f"{source} is no public key: {error}") from None
    return keys


def _binary(data: bytes) -> tuple[str, ...]:
    return (armor(_PUBLIC, data),)


def _written(text: str) -> tuple[str, ...]:
    if _SECRET.search(text):
        raise Invalid(
            "it holds a secret key; give its public half",
            hint="gpg --armor --export KEY, or the file that ends with .pub",
        )
    blocks = _BLOCK.findall(text)
    if blocks:
        return tuple(_armoured(block) for block in blocks)
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise Invalid("it is empty")
    return keys


def _armoured(block: str) -> str:
    """Return the block without headers and comments, which may say anything."""
    read_certificate(block)
    return armor(_PUBLIC, dearmor(block)[1]).strip()
