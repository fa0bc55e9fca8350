"""What the `users` module answers: of hosts made up, and of this one."""

import base64
import grp
import os
import pwd
import struct
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits, Result
from vedette.agent.modules.accounts import accounts, groups, system_accounts, system_groups
from vedette.agent.modules.sessions import _RECORD, _RECORD_64, system_sessions
from vedette.agent.modules.users import Users
from vedette.errors import Invalid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files are Linux's")

BLOB = base64.b64encode(struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 2) + b"kk")
KEY = f"ssh-ed25519 {BLOB.decode()} someone\n"
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
    "ada:x:1000:1000:Ada,,,:/home/ada:/bin/zsh\n"
    "bob:x:1001:1001::/home/bob:\n"
    "eve::1002:1002::/home/eve:/bin/sh\n"
    "+nis::::::\n",
    "etc/group": "root:x:0:\nsudo:x:27:ada,eve\nada:x:1000:\nbroken\n",
    "etc/shadow": "root:$6$salt$secret:1::::::\ndaemon:*:1::::::\nada:!$6$x:1::::::\nbob:!:1\n",
    "home/ada/.ssh/authorized_keys": f"# mine\n{KEY}no-pty {KEY}nonsense\n",
    "root/.ssh/authorized_keys2": KEY,
}


@pytest.fixture
def host(tmp_path: Path) -> Context:
    return plant(tmp_path, FILES)


def answer(context: Context | None = None, **asked: Any) -> Result:
    return ask(Users(), asked, context)


def names(context: Context, **asked: Any) -> list[str]:
    return [one["name"] for one in answer(context, **asked).elements["users"]]


def utmp(*records: tuple[int, int, str, str, str, int], layout: struct.Struct = _RECORD) -> bytes:
    return b"".join(
        layout.pack(
            kind, pid, line.encode(), b"", user.encode(), origin.encode(), 0, 0, 0, at, 0, b""
        )
        for kind, pid, line, user, origin, at in records
    )


def test_an_account_is_told_without_its_secrets(host: Context) -> None:
    result = answer(host, names=["^ada$"])
    assert result.elements == {
        "users": [
            {
                "name": "ada",
                "uid": 1000,
                "gid": 1000,
                "home": "/home/ada",
                "shell": "/bin/zsh",
                "login": True,
                "password": "locked",
                "groups": ["ada", "sudo"],
                "authorizedkeys": 2,
                "sessions": [],
            }
        ]
    }
    everything = answer(host)
    assert everything.success
    assert "secret" not in str(everything) and BLOB.decode() not in str(everything)


def test_conditions_narrow_and_of_their_values_any_will_do(host: Context) -> None:
    assert names(host) == ["root", "daemon", "ada", "bob", "eve"]
    assert names(host, login=True) == ["root", "ada", "bob", "eve"]
    assert names(host, login=False) == ["daemon"]
    assert names(host, groups=["sudo", "root"]) == ["root", "ada", "eve"]
    assert names(host, authorizedkeys=True) == ["root", "ada"]
    assert names(host, authorizedkeys=False, login=True) == ["bob", "eve"]
    assert names(host, uids=[0, 1002]) == ["root", "eve"]
    assert names(host, passwords=["empty"]) == ["eve"]
    assert names(host, passwords=["set"]) == ["root"]
    assert names(host, names=["^a", "^b"], matchlimit=1) == ["ada"]


def test_who_is_logged_in_is_told_by_logind(host: Context) -> None:
    session = "UID=1000\nUSER=ada\nCLASS={}\nSTATE=active\nTTY=pts/3\nREMOTE_HOST=192.0.2.9\nREALTIME=1700000000500000\n"
    plant(
        host.root,
        {
            "run/systemd/sessions/4": session.format("user"),
            "run/systemd/sessions/5": session.format("manager").replace("ada", "bob"),
            "run/systemd/sessions/6": session.format("user").replace("active", "closing"),
            "run/utmp": utmp((7, 1, "pts/9", "eve", "", 5)),
        },
    )
    os.mkfifo(host.root / "run/systemd/sessions/4.ref")
    assert names(host, loggedin=True) == ["ada"]
    (ada,) = answer(host, loggedin=True).elements["users"]
    assert ada["sessions"] == [
        {"terminal": "pts/3", "from": "192.0.2.9", "since": "2023-11-14T22:13:20Z"}
    ]
    assert names(host, loggedin=False) == ["root", "daemon", "bob", "eve"]


@pytest.mark.parametrize("layout", [_RECORD, _RECORD_64], ids=["x86", "arm"])
def test_without_logind_utmp_tells_it_but_for_those_who_have_gone(
    host: Context, layout: struct.Struct
) -> None:
    assert layout.size in (384, 400)
    records = (
        (2, 0, "~", "reboot", "6.1", 1),
        (7, 77, "pts/0", "ada", "2001:db8::1", 1_700_000_000),
        (7, 78, "pts/1", "bob", "", 1_700_000_000),
        (8, 77, "pts/2", "eve", "", 1_700_000_000),
    )
    plant(host.root, {"run/utmp": utmp(*records, layout=layout), "proc/77/stat": ""})
    assert names(host, loggedin=True) == ["ada"]


def test_who_is_logged_in_and_has_no_account_here_is_told_too(host: Context) -> None:
    plant(host.root, {"run/systemd/sessions/1": "USER=ldap.user\nCLASS=user\nSTATE=online\n"})
    (one,) = answer(host, loggedin=True).elements["users"]
    assert (one["name"], one["uid"], one["sessions"][0]["since"]) == ("ldap.user", -1, "")


@pytest.mark.parametrize(
    ("said", "path", "count"),
    [
        ("AuthorizedKeysFile /etc/keys/%u", "etc/keys/bob", 1),
        ("authorizedkeysfile=%h/keys /x/%U%%", "x/1001%", 1),
        ("#AuthorizedKeysFile x\nMatch User bob\nAuthorizedKeysFile /y", "y", 0),
        ("AuthorizedKeysFile none", "home/bob/.ssh/authorized_keys", 0),
    ],
)
def test_keys_are_counted_where_sshd_looks_for_them(
    host: Context, said: str, path: str, count: int
) -> None:
    plant(host.root, {"etc/ssh/sshd_config": said, path: KEY})
    (bob,) = answer(host, names=["bob"]).elements["users"]
    assert bob["authorizedkeys"] == count


def test_names_homes_and_origins_are_masked_where_privacy_is_asked_for(host: Context) -> None:
    plant(host.root, {"run/systemd/sessions/1": "USER=ada\nREMOTE_HOST=192.0.2.9\nCLASS=user\n"})
    result = answer(Context(root=host.root, privacy=True), names=["^ada$"])
    assert "ada" not in str(
        result.elements["users"][0]["name"] + result.elements["users"][0]["home"]
    )
    assert "192.0.2.9" not in str(result)


# What it reads may be hostile, or not there.


def test_a_home_may_hold_a_pipe_or_a_device(host: Context) -> None:
    (host.root / "home/bob/.ssh").mkdir(parents=True)
    os.mkfifo(host.root / "home/bob/.ssh/authorized_keys")
    plant(host.root, {"home/eve/.ssh/authorized_keys": "x" * 2_000_000})
    result = answer(host, authorizedkeys=True)
    assert [one["name"] for one in result.elements["users"]] == ["root", "ada"]
    assert result.errors == [
        "/home/bob/.ssh/authorized_keys: it is no regular file",
        "/home/eve/.ssh/authorized_keys: it is longer than 1048576 bytes",
    ]


def test_lines_that_are_no_accounts_are_counted(tmp_path: Path) -> None:
    lines = "root:x:0:0::/:/bin/sh\nroot:x\nnan:x:a:b:::\n\xff:x:5:5::/:\n::\n"
    result = answer(plant(tmp_path, {"etc/passwd": lines.encode("latin-1")}))
    assert [one["name"] for one in result.elements["users"]] == ["root", "\\xff"]
    assert "/etc/passwd: 3 lines cannot be read" in result.errors
    assert not result.success


def test_a_host_without_accounts_cannot_tell(tmp_path: Path) -> None:
    result = answer(Context(root=tmp_path), passwords=["set"])
    assert not result.success
    assert "/etc/passwd: No such file or directory" in result.errors
    assert "whether passwords are set takes root" in result.errors


def test_a_run_ends_at_its_limit_and_says_so(host: Context) -> None:
    result = answer(Context(root=host.root, limits=Limits(elements=2)))
    assert len(result.elements["users"]) == 2
    assert result.errors[0].startswith("stopped early")


@pytest.mark.parametrize(
    "given", [{"names": ["("]}, {"passwords": ["weak"]}, {"uids": [-1]}, {"user": "x"}]
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        answer(**given)


@given(passwd=some.binary(max_size=200), sessions=some.binary(max_size=900))
def test_any_bytes_may_stand_in_these_files(
    tmp_path_factory: pytest.TempPathFactory, passwd: bytes, sessions: bytes
) -> None:
    files = {
        "etc/passwd": b"a:x:1:1::/:/bin/sh\n" + passwd,
        "etc/group": passwd,
        "etc/shadow": passwd,
        "run/systemd/sessions/1": sessions[:100],
        "run/utmp": sessions,
        "etc/ssh/sshd_config": passwd,
    }
    context = plant(tmp_path_factory.mktemp("host"), files)
    assert answer(context).elements["users"]


# This host.


def test_the_accounts_of_this_host_are_those_the_system_tells() -> None:
    told = {one["name"]: one for one in answer().elements["users"]}
    for entry in pwd.getpwall():
        one = told[entry.pw_name]
        assert (one["uid"], one["gid"], one["home"]) == (entry.pw_uid, entry.pw_gid, entry.pw_dir)
        mine = {group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem}
        assert mine <= set(one["groups"])


def test_what_the_system_tells_elsewhere_is_what_the_files_tell_here() -> None:
    files, _ = accounts(Context())
    told = {one.name: (one.uid, one.gid, one.home, one.shell) for one in system_accounts()}
    assert {
        one.name: (one.uid, one.gid, one.home, one.shell) for one in files
    }.items() <= told.items()
    assert groups(Context()).items() <= system_groups().items()
    assert len(system_sessions()) == len(psutil.users())
