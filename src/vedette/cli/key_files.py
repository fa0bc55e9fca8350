"""Public keys from files, and signatures by the user's own keys."""

from collections.abc import Iterable
from pathlib import Path

from vedette.cli.whole_file import read_whole
from vedette.errors import Invalid, Missing
from vedette.trust.one_line import ARMORED_BYTES
from vedette.trust.openpgp import read_signature_packet, vouches_weakly
from vedette.trust.public_keys import KEY_SUFFIXES, read_public_keys
from vedette.trust.signing import sign_with_gpg, sign_with_ssh
from vedette.trust.ssh_signature import ONE_LINE_START, read_ssh_signature, ssh_fingerprint
from vedette.trust.verify import key_fingerprint

PGP_BEGINS = b"-----BEGIN PGP "


def keys_in(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the public keys of the files in order; raises Invalid for a file without one."""
    return tuple(
        key
        for path in files
        for key in read_public_keys(read_whole(path, limit=ARMORED_BYTES), source=str(path))
    )


def root_keys(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the root keys of the files; raises Invalid for one whose signatures never count."""
    keys = keys_in(files)
    for weak in filter(vouches_weakly, keys):
        raise Invalid(
            f"{key_fingerprint(weak)} vouches for itself by SHA-1 and can be no root",
            hint="make a new key, or renew it: gpg --quick-set-expire",
        )
    return keys


def keys_below(path: Path) -> tuple[str, ...]:
    """Return the public keys of a file, or of the files with a key's suffix in a folder."""
    if not path.is_dir():
        return keys_in([path])
    files = sorted(one for one in path.iterdir() if one.suffix in KEY_SUFFIXES and one.is_file())
    if not files:
        raise Missing(
            f"{path} holds no keys", hint=f"files that end with {', '.join(KEY_SUFFIXES)}"
        )
    return keys_in(files)


def sign_by(key: str, text: bytes, *, namespace: str) -> str:
    """Return a signature in one line, made by the user's own gpg or ssh-keygen.

    key: a file is an SSH key's (with `.pub` the key is taken from ssh-agent), anything else is
    what gpg calls a key. Raises Invalid for the file of an OpenPGP key, and Denied with the program's own words.
    """
    path = Path(key).expanduser()
    if path.is_file():
        _hold_ssh(path)
        return sign_with_ssh(text, path, namespace=namespace)
    if "/" in key or key.endswith(".pub"):
        raise Missing(f"there is no file {key}", hint="name an SSH key's file, or a key of gpg's")
    if key.startswith("-"):
        raise Invalid(f"{key!r} is no name of a key")
    return sign_with_gpg(text, key)


def _hold_ssh(path: Path) -> None:
    with path.open("rb") as file:
        begins = file.read(len(PGP_BEGINS))
    # A packet of OpenPGP has the first bit set; every file of an SSH key is text.
    if begins == PGP_BEGINS or (begins and begins[0] >= 0x80):
        raise Invalid(
            f"{path} holds an OpenPGP key; gpg signs by a key that it has, not by a file",
            hint=f"--key FINGERPRINT, as `gpg --show-keys {path}` says it",
        )


def told_signer(signature: str) -> str:
    """Return who a signature says made it: an SSH key's fingerprint, or OpenPGP's or its key id.

    Nothing is verified. Raises Untrusted when it is no signature.
    """
    if signature.lstrip().startswith((ONE_LINE_START, "-----BEGIN SSH")):
        return ssh_fingerprint(read_ssh_signature(signature).key)
    packet = read_signature_packet(signature)
    return packet.issuers[0] if packet.issuers else "somebody it does not name"
