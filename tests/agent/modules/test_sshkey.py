"""What the `sshkey` module answers, of keys that ssh-keygen makes and of what only looks like one."""

import base64
import contextlib
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits, Result
from vedette.agent.modules.ssh_keys import NoKey, key_lines, private_key, public_key
from vedette.agent.modules.sshkey import Sshkey
from vedette.errors import Invalid

without_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not on this machine"
)


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def line(kind: str = "ssh-ed25519", key: bytes = b"k" * 32) -> str:
    blob = string(kind.encode()) + string(key)
    return f"{kind} {base64.b64encode(blob).decode()}"


def answer(root: Path, *paths: str, **more: Any) -> Result:
    given = {"paths": list(paths)} if paths else {}
    return ask(Sshkey(), {**given, **more}, Context(root=root))


def told(result: Result) -> list[tuple[str, str, bool]]:
    return [(one["path"], one["type"], one["encrypted"]) for one in result.elements["keys"]]


def made(path: Path, *options: str, password: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ("ssh-keygen", "-q", "-f", str(path), "-N", password, "-C", "x", *options)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def said_by_keygen(path: Path, algorithm: str) -> str:
    words = ("ssh-keygen", "-l", "-E", algorithm, "-f", str(path))
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return done.stdout.split()[1].removeprefix("MD5:")


KINDS = (
    ("ed25519",),
    ("rsa", "-b", "2048"),
    ("ecdsa", "-b", "256"),
    ("ecdsa", "-b", "384"),
    ("ecdsa", "-b", "521"),
)
FORMS = ("RFC4716", "PEM", "PKCS8")


@without_keygen
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_key_in_every_form_has_the_fingerprints_of_ssh_keygen(
    tmp_path: Path, kind: tuple[str, ...], form: str
) -> None:
    key = tmp_path / "home/ada/.ssh/id"
    made(key, "-m", form, "-t", *kind)
    result = answer(tmp_path)
    assert told(result) == [
        ("/home/ada/.ssh/id", "private", False),
        ("/home/ada/.ssh/id.pub", "public", False),
    ]
    for one in result.elements["keys"]:
        assert one["fingerprint_md5"] == said_by_keygen(key.with_suffix(".pub"), "md5")
        assert one["fingerprint_sha256"] == said_by_keygen(key.with_suffix(".pub"), "sha256")
    assert (result.foundanything, result.success, result.errors) == (True, True, [])


@without_keygen
@pytest.mark.parametrize("form", FORMS)
def test_an_encrypted_key_is_told_as_such(tmp_path: Path, form: str) -> None:
    key = tmp_path / "root/.ssh/id"
    made(key, "-m", form, "-t", "ecdsa", "-a", "1", password="a secret")
    result = answer(tmp_path)
    assert told(result)[0] == ("/root/.ssh/id", "private", True)
    # only OpenSSH's own form leaves the public part in the open
    known = said_by_keygen(key.with_suffix(".pub"), "sha256") if form == "RFC4716" else ""
    assert result.elements["keys"][0]["fingerprint_sha256"] == known


def test_keys_of_tokens_are_known(tmp_path: Path) -> None:
    kinds = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss")
    plant(tmp_path, {f"home/a/{number}.pub": line(kind) for number, kind in enumerate(kinds)})
    assert [kind for _, kind, _ in told(answer(tmp_path))] == ["public"] * 3


def test_each_line_of_authorized_keys_is_a_key_whatever_stands_before_it(tmp_path: Path) -> None:
    lines = (
        "# ada's\n\n",
        f"{line()} ada@home\n",
        f'command="echo \\"ssh-rsa AAAA\\" x",no-pty {line("ssh-rsa")} backup\n',
        f'from="10.0.0.0/8" {line("ecdsa-sha2-nistp256")}\r\n',
    )
    plant(tmp_path, {"home/ada/.ssh/authorized_keys": "".join(lines)})
    result = answer(tmp_path)
    assert told(result) == [("/home/ada/.ssh/authorized_keys", "authorizedkeys", False)] * 3
    assert not result.errors


def test_lines_that_are_no_keys_are_told_of_once_a_file(tmp_path: Path) -> None:
    broken = f"ssh-rsa AAAA\nnonsense\n{line()}\nssh-ed25519 {line('ssh-rsa').split()[1]}\n"
    plant(tmp_path, {"home/ada/.ssh/authorized_keys2": broken})
    result = answer(tmp_path)
    assert len(result.elements["keys"]) == 1
    assert result.errors == ["/home/ada/.ssh/authorized_keys2 contained unparsable data"]


def test_what_only_looks_like_a_key_is_none(tmp_path: Path) -> None:
    header = "-----BEGIN {} PRIVATE KEY-----\n"
    files = {
        "known_hosts": f"git.example.org {line('ssh-rsa')}\n",
        "a": header.format("OPENSSH"),
        "b": header.format("OPENSSH") + base64.b64encode(b"openssh-key-v1\0\xff\xff").decode(),
        "c": header.format("RSA") + "AAAA\n-----END RSA PRIVATE KEY-----\n",
        "d": "ssh-rsa AAAAB3NzaC1yc2E\n",
        "e": "ssh-ed25519 AAAA" + "A" * 100_000,
        "f": "\xff" * 100,
    }
    plant(tmp_path, {f"home/ada/{name}": content for name, content in files.items()})
    result = answer(tmp_path)
    assert told(result) == []
    assert (result.foundanything, result.success) == (False, True)


def test_it_looks_where_it_is_told_and_as_deep(tmp_path: Path) -> None:
    plant(tmp_path, {"srv/k.pub": line(), "srv/deep/k.pub": line(), "home/a/k.pub": line()})
    assert [path for path, _, _ in told(answer(tmp_path, "/srv"))] == [
        "/srv/deep/k.pub",
        "/srv/k.pub",
    ]
    assert [path for path, _, _ in told(answer(tmp_path, "/srv", maxdepth=1))] == ["/srv/k.pub"]
    assert [path for path, _, _ in told(answer(tmp_path))] == ["/home/a/k.pub"]


def test_a_host_without_homes_has_no_keys(tmp_path: Path) -> None:
    result = answer(tmp_path)
    assert (result.success, result.elements) == (True, {"keys": []})


def test_a_path_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    result = answer(tmp_path, "/nowhere")
    assert result.errors == ["/nowhere: there is no such file or folder"]


def test_a_key_in_a_folder_of_no_readable_name_is_found(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/home/\xff\n"
    os.makedirs(folder)
    with open(folder + b"/k.pub", "w") as file:
        file.write(line())
    assert told(answer(tmp_path)) == [("/home/\\xff\n/k.pub", "public", False)]


def test_pipes_and_large_files_keep_nobody_waiting(tmp_path: Path) -> None:
    plant(tmp_path, {"home/ada/large.pub": line() + "\n" * 2_000_000})
    os.mkfifo(tmp_path / "home/ada/authorized_keys")
    (tmp_path / "home/ada/authorized_keys2").symlink_to("/dev/zero")
    assert told(answer(tmp_path)) == []


def test_names_of_files_are_masked_where_privacy_is_asked_for(tmp_path: Path) -> None:
    context = plant(tmp_path, {"home/ada/k.pub": line(), "home/ada/authorized_keys": "nonsense"})
    result = ask(Sshkey(), {"paths": ["/home", "/gone"]}, Context(root=context.root, privacy=True))
    assert [one["path"] for one in result.elements["keys"]] == ["masked"]
    assert "home" not in str(result) and "gone" not in str(result)


def test_a_run_ends_at_its_limit_and_says_so(tmp_path: Path) -> None:
    plant(tmp_path, {"home/ada/authorized_keys": f"{line()}\n" * 20})
    result = ask(Sshkey(), {}, Context(root=tmp_path, limits=Limits(elements=5)))
    assert len(result.elements["keys"]) == 5
    assert (result.success, result.errors[0][:13]) == (False, "stopped early")


@pytest.mark.parametrize(
    "given", [{"maxdepth": -1}, {"maxdepth": 1001}, {"path": ["/"]}, {"paths": [""]}]
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(Sshkey(), given)


@given(some.binary(max_size=200), some.binary(max_size=60))
def test_any_bytes_may_stand_where_a_key_is_looked_for(noise: bytes, more: bytes) -> None:
    openssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%b\n-----END OPENSSH PRIVATE KEY-----"
    packed = base64.b64encode(b"openssh-key-v1\0" + noise)
    for content in (noise, openssh % packed, b"-----BEGIN RSA PRIVATE KEY-----\n" + noise):
        with contextlib.suppress(NoKey):
            private_key(content)
    key_lines(b"ssh-rsa " + base64.b64encode(noise) + b" " + more)


@given(some.binary(min_size=1, max_size=80), some.text('abc \\"=,', max_size=20))
def test_a_key_is_read_as_it_was_written(key: bytes, quoted: str) -> None:
    option = quoted.replace("\\", "").replace('"', '\\"')
    whole = f'command="{option}" {line("ssh-rsa", key)} a comment'.encode()
    assert public_key(whole) == string(b"ssh-rsa") + string(key)
