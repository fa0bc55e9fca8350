"""People with real keys: gpg's in a home of their own, ssh-keygen's in a folder; made when asked for."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from vedette.trust.one_line import write_one_line
from vedette.trust.signing import sign_with_ssh

GPG, SSH_KEYGEN = shutil.which("gpg"), shutil.which("ssh-keygen")
needs_gpg = pytest.mark.skipif(GPG is None, reason="there is no gpg on this machine")
needs_ssh = pytest.mark.skipif(SSH_KEYGEN is None, reason="there is no ssh-keygen on this machine")


FOLDERS = []
"""What was made here, until the tests end."""


def folder(prefix, **where):
    FOLDERS.append(Path(tempfile.mkdtemp(prefix=prefix, **where)))
    return FOLDERS[-1]


@cache
def gpg_home():
    # In /tmp, since the sockets of gpg-agent may have no long path.
    return folder("vdt-gpg-", dir="/tmp")


@cache
def ssh_folder():
    return folder("vdt-ssh-")


def end_keys():
    """Called by conftest when the tests end: a worker of xdist leaves without atexit."""
    for path in FOLDERS:
        if path.name.startswith("vdt-gpg-"):
            kill = ["gpgconf", "--homedir", str(path), "--kill", "gpg-agent"]
            subprocess.run(kill, capture_output=True, check=False)
        shutil.rmtree(path, ignore_errors=True)


def gpg(*options, text=b"", check=True):
    command = ["gpg", "--homedir", str(gpg_home()), "--batch", "--yes", "--quiet", "--no-tty"]
    passphrase = ["--pinentry-mode", "loopback", "--passphrase", ""]
    done = subprocess.run(
        [*command, *passphrase, *options], input=text, capture_output=True, check=False
    )
    assert not check or done.returncode == 0, done.stderr.decode()
    return done if not check else done.stdout


@cache
def gpg_key(name, algorithm="ed25519", expires="never", *options, subkey=""):
    """The fingerprint of a new key; with a subkey of that algorithm, the primary one only certifies."""
    usage = "cert" if subkey else "sign"
    gpg(*options, "--quick-generate-key", name, algorithm, usage, expires)
    listed = gpg("--with-colons", "--list-keys", f"={name}").decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line[:3] == "fpr")
    if subkey:
        gpg("--quick-add-key", fingerprint, subkey, "sign", expires)
    return fingerprint


def gpg_public(fingerprint):
    return gpg("--armor", "--export", fingerprint).decode()


def gpg_sign(text, fingerprint, *options):
    return write_one_line(
        gpg(*options, "--local-user", fingerprint, "--detach-sign", "--output", "-", text=text)
    )


@cache
def ssh_key(name, kind="ed25519", bits=""):
    """The file of a new key; its public half stands beside it."""
    path = ssh_folder() / name
    size = ["-b", bits] if bits else []
    made = ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(made, check=True, capture_output=True)
    return path


def ssh_public(name, **kind):
    return ssh_key(name, **kind).with_suffix(".pub").read_text().strip()


def ssh_sign(text, name, namespace="vedette-action", **kind):
    return sign_with_ssh(text, ssh_key(name, **kind), namespace=namespace)
