"""What the `process` module answers: of processes made up, and of this host and our own."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits, Result
from vedette.agent.modules.process import ProcessModule
from vedette.agent.modules.processes import ProcHost
from vedette.agent.modules.processes_elsewhere import OtherProcess
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

BOOT = 1_700_000_000
HEAD = "  sl  local_address rem_address   st …\n"
LISTENS = "   0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 33 0 4711 1\n"
ELSEWHERE = "   0: 00000000:1F90 00000000:0000 0A 0:0 0:0 0 33 0 4712 1\n"


class Host:
    """A host of processes made up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        plant(root, {"proc/stat": f"cpu 1 2\nbtime {BOOT}\n"})
        plant(root, {"etc/passwd": "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/false\n"})

    def run(
        self,
        pid: int,
        name: str | bytes,
        *,
        cmdline: bytes = b"",
        exe: str = "",
        uid: int = 0,
        inodes: tuple[int, ...] = (),
        table: str = "",
    ) -> None:
        given = name.encode() if isinstance(name, str) else name
        stat = b"%d (%b) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0" % (
            pid,
            given,
            100 * os.sysconf("SC_CLK_TCK"),
        )
        plant(
            self.root,
            {
                f"proc/{pid}/stat": stat,
                f"proc/{pid}/status": f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n",
                f"proc/{pid}/cmdline": cmdline,
                f"proc/{pid}/net/tcp": HEAD + table,
                f"proc/{pid}/net/udp": HEAD,
            },
        )
        for folder, links in (
            ("", {"exe": exe} if exe else {}),
            ("ns", {"net": f"net:[{4000 + bool(table)}]"}),
            ("fd", {str(fd): f"socket:[{inode}]" for fd, inode in enumerate(inodes)}),
        ):
            (self.root / f"proc/{pid}" / folder).mkdir(exist_ok=True)
            for link, to in links.items():
                (self.root / f"proc/{pid}" / folder / link).symlink_to(to)

    def ask(self, *, privacy: bool = False, most: int = 1000, **search: Any) -> Result:
        context = Context(root=self.root, privacy=privacy, limits=Limits(elements=most))
        return ask(ProcessModule(), {"searches": {"s1": search}}, context)

    def pids(self, **search: Any) -> list[int]:
        return [one["process"]["pid"] for one in self.ask(**search).elements["s1"]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    plant(tmp_path, {"usr/sbin/nginx": "the program"})
    host.run(2, "kthreadd")
    host.run(
        80,
        "nginx",
        cmdline=b"nginx: worker\0-g\0daemon off;\0",
        exe="/usr/sbin/nginx",
        uid=33,
        inodes=(9, 4711),
        table=LISTENS,
    )
    host.run(90, "sh", cmdline=b"sh\0", exe="/tmp/.x/miner (deleted)", uid=1000)
    return host


def test_a_search_without_checks_lists_the_processes(host: Host) -> None:
    assert host.pids() == [2, 80, 90]


def test_a_process_is_told_by_what_it_is(host: Host) -> None:
    everything = {"returncmdline": True, "returnlistening": True, "returnsha256": True}
    result = host.ask(names=["^nginx$"], options=everything)
    assert result.elements == {
        "s1": [
            {
                "process": {
                    "name": "nginx",
                    "pid": 80,
                    "ppid": 1,
                    "user": "www",
                    "started": "2023-11-14T22:15:00Z",
                    "exe": "/usr/sbin/nginx",
                    "deleted": False,
                    "cmdline": "nginx: worker -g daemon off;",
                    "sha256": hashlib.sha256(b"the program").hexdigest().upper(),
                    "listening": [{"protocol": "tcp", "address": "127.0.0.1", "port": 80}],
                }
            }
        ]
    }
    assert result.statistics["processcount"] == 3
    assert result.statistics["totalhits"] == 1


def test_arguments_are_told_only_when_asked_for(host: Host) -> None:
    (hit,) = host.ask(cmdlines=["daemon off"]).elements["s1"]
    assert "cmdline" not in hit["process"]


def test_arguments_are_searched_whole_and_told_to_a_length(host: Host) -> None:
    host.run(95, "java", cmdline=b"java\0" + b"x" * 500_000 + b"\0-the-end\0")
    (hit,) = host.ask(cmdlines=["-the-end$"], options={"returncmdline": True}).elements["s1"]
    assert len(hit["process"]["cmdline"]) == 4096
    assert hit["process"]["cmdline"].endswith("x…")


def test_every_check_must_hold_and_of_its_values_any(host: Host) -> None:
    assert host.pids(names=["^sh$", "^nginx$"]) == [80, 90]
    assert host.pids(names=["^sh$", "^nginx$"], users=["www"]) == [80]
    assert host.pids(users=["33", "1000"]) == [80, 90]
    assert host.pids(exes=["^/usr/sbin/"]) == [80]
    assert host.pids(names=["^miner$"]) == [90]  # by its program's name, too
    assert host.pids(deleted=True) == [90]
    assert host.pids(deleted=False) == [2, 80]


def test_a_process_is_found_by_its_programs_hash(host: Host) -> None:
    assert host.pids(sha256=[hashlib.sha256(b"the program").hexdigest()]) == [80]
    assert host.pids(sha256=[hashlib.sha256(b"another").hexdigest()]) == []


def test_a_process_listens_on_the_sockets_it_holds_in_its_own_network(host: Host) -> None:
    host.run(100, "java", inodes=(4712,), table=ELSEWHERE)
    (host.root / "proc/100/ns/net").unlink()
    (host.root / "proc/100/ns/net").symlink_to("net:[77]")
    assert host.pids(listening=["80"]) == [80]
    assert host.pids(listening=["8080"]) == [100]
    assert host.pids(listening=["any"]) == [80, 100]


def test_checks_can_be_turned_round(host: Host) -> None:
    assert host.pids(names=["nginx"], options={"mismatch": ["name"]}) == [2, 90]
    assert host.pids(listening=["any"], options={"mismatch": ["listening"]}) == [2, 90]


def test_each_search_has_a_limit_of_its_own(host: Host) -> None:
    one = {"options": {"matchlimit": 1}}
    result = ask(ProcessModule(), {"searches": {"a": one, "b": one}}, Context(root=host.root))
    assert [len(found) for found in result.elements.values()] == [1, 1]
    assert result.success


def test_names_of_users_and_files_are_masked_where_privacy_is_asked_for(host: Host) -> None:
    told = host.ask(names=["nginx"], options={"returncmdline": True}, privacy=True)
    process = told.elements["s1"][0]["process"]
    assert {process[key] for key in ("user", "exe", "cmdline")} == {"masked"}


def test_a_run_ends_at_its_limit_and_says_so(host: Host) -> None:
    result = host.ask(most=2)
    assert len(result.elements["s1"]) == 2
    assert (result.success, result.errors[0].split(":")[0]) == (False, "stopped early")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"name": ["x"]}, "did you mean 'names'"),
        ({"names": ["("]}, "cannot be read"),
        ({"listening": ["http"]}, "matching regex"),
        ({"sha256": ["abc"]}, "matching regex"),
        ({"options": {"mismatch": ["names"]}}, "Invalid enum value"),
    ],
)
def test_a_question_of_no_sense_is_refused(search: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(ProcessModule(), {"searches": {"s1": search}})
    assert said in str(refused.value)


# What it reads may be hostile.


@pytest.mark.parametrize("name", ["a b", ") S 1 (", "line\nbreak", "\t", "(sd-pam)", "é"])
def test_a_process_may_give_itself_any_name(host: Host, name: str) -> None:
    host.run(95, name)
    (hit,) = [one for one in host.ask().elements["s1"] if one["process"]["pid"] == 95]
    assert (hit["process"]["name"], hit["process"]["ppid"]) == (name, 1)


@pytest.mark.parametrize("stat", [b"", b"95", b"95 (x", b"95 (x) S 1", b"\xff" * 99])
def test_a_process_that_cannot_be_read_is_passed_by(host: Host, stat: bytes) -> None:
    host.run(95, "x")
    (host.root / "proc/95/stat").write_bytes(stat)
    assert host.pids() == [2, 80, 90]


@given(name=some.binary(max_size=15).filter(lambda name: b"\0" not in name))
def test_any_bytes_are_a_name(tmp_path_factory: pytest.TempPathFactory, name: bytes) -> None:
    host = Host(tmp_path_factory.mktemp("host"))
    host.run(5, name)
    (hit,) = host.ask().elements["s1"]
    assert hit["process"]["name"] == name.decode("utf-8", "backslashreplace")


# This host.


@pytest.fixture
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(("/bin/sleep", "47"), stdin=subprocess.DEVNULL)
    yield child
    child.kill()
    child.wait()


def here(**search: Any) -> Result:
    return ask(ProcessModule(), {"searches": {"s1": search}})


def test_a_process_of_ours_is_found_by_its_program_and_user(
    sleeping: subprocess.Popen[bytes],
) -> None:
    program = Path("/bin/sleep").resolve()
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    result = here(sha256=[digest], cmdlines=["sleep 47$"], users=[str(os.geteuid())])
    told = {one["process"]["pid"]: one["process"] for one in result.elements["s1"]}
    process = told[sleeping.pid]
    assert (process["exe"], process["ppid"]) == (str(program), os.getpid())
    started = psutil.Process(sleeping.pid).create_time()
    assert process["started"][:16] == time.strftime("%Y-%m-%dT%H:%M", time.gmtime(started))


def test_the_ports_we_listen_on_are_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = here(listening=[str(port)], options={"returnlistening": True})
    (hit,) = result.elements["s1"]
    assert hit["process"]["pid"] == os.getpid()
    assert {"protocol": "tcp", "address": "127.0.0.1", "port": port} in hit["process"]["listening"]


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not on this machine")
def test_ps_lists_the_same_processes(sleeping: subprocess.Popen[bytes]) -> None:
    def listed() -> set[tuple[int, int, str]]:
        said = subprocess.run(("ps", "-eo", "pid=,ppid=,comm="), capture_output=True, check=True)
        lines = [line.split(None, 2) for line in said.stdout.decode().splitlines()]
        return {(int(pid), int(ppid), name) for pid, ppid, name in lines}

    before = listed()
    told = {
        (one["process"]["pid"], one["process"]["ppid"], one["process"]["name"])
        for one in here().elements["s1"]
    }
    stayed = {one for one in before & listed() if "kworker" not in one[2]}  # they rename themselves
    assert (sleeping.pid, os.getpid(), "sleep") in stayed
    assert stayed - {one for one in stayed if "<defunct>" in one[2]} <= told


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the superuser's rights for a while; who has none stays who they are."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_what_others_hide_is_no_answer_where_a_search_depends_on_it() -> None:
    here(names=["."])  # what is imported at the first question is there from now on
    with as_nobody():
        by_name, by_program = here(names=["."]), here(exes=["nosuchprogram"])
    assert by_name.success
    assert any(words.startswith("exe of ") for words in by_name.errors)
    assert not by_program.success
    assert not by_program.foundanything
    assert any(words.startswith("exe of ") for words in by_program.errors)


def test_what_psutil_tells_elsewhere_is_what_proc_tells_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        other = OtherProcess(psutil.Process())
        ours = next(one for one in ProcHost(Context(), Tally(Context())) if one.pid == os.getpid())
        assert (other.name, other.ppid, other.uid) == (ours.name, ours.ppid, ours.uid)
        assert (other.exe, other.is_deleted) == (ours.exe, ours.is_deleted)
        assert other.cmdline.split() == ours.cmdline.split()
        assert abs((other.started - ours.started).total_seconds()) < 2
        for one in (other, ours):
            assert port in {socket.local_port for socket in one.listening()}
            with one.program() as program:
                assert program.read(4) == b"\x7fELF"


def test_a_process_that_has_ended_is_no_fault(sleeping: subprocess.Popen[bytes]) -> None:
    other = OtherProcess(psutil.Process(sleeping.pid))
    sleeping.kill()
    sleeping.wait()
    with pytest.raises(ProcessLookupError):
        assert other.cmdline
    assert here().success
