"""Sign by the user's own gpg or ssh-keygen: the secret key stays with gpg-agent or ssh-agent."""

import shutil
import subprocess
from pathlib import Path

from vedette.errors import Denied, Unavailable
from vedette.trust import ssh_signature
from vedette.trust.one_line import write_one_line

PATIENCE_S = 300
"""How long a person may take to give a passphrase or to touch a token."""


def sign_with_gpg(text: bytes, key: str, *, gpg: str = "gpg") -> str:
    """Return gpg's detached signature over the text, in one line.

    key: whatever `--local-user` takes; a fingerprint is best. Raises Unavailable without gpg and
    Denied with gpg's own words when it does not sign.
    """
    options = ["--quiet", "--no-armor", "--digest-algo", "SHA256"]
    return write_one_line(
        _run([_found(gpg), *options, "--local-user", key, "--detach-sign", "--output", "-"], text)
    )


def sign_with_ssh(text: bytes, key_file: Path, *, namespace: str) -> str:
    """Return ssh-keygen's signature in one line; a `.pub` file signs by the key in ssh-agent."""
    program = _found("ssh-keygen")
    signed = _run([program, "-q", "-Y", "sign", "-n", namespace, "-f", str(key_file)], text)
    return ssh_signature.one_line(signed.decode("ascii"))


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Unavailable(f"there is no {program} on this machine; install it to sign with it")
    return path


def _run(command: list[str], text: bytes) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own program, found by its name
            command, input=text, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not sign within {PATIENCE_S} seconds") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Denied(
            f"{Path(command[0]).name} did not sign: {said or 'it does not say why'}",
            hint="`gpg --list-secret-keys` says which it has" if "No secret key" in said else None,
        )
    return done.stdout
