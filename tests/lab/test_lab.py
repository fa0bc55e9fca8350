"""`vedette lab`: what it starts runs and is seen by Vedette, what it ends leaves nothing."""

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml
from tests.app.up_world import Command, free_port, vedette
from tests.connectors.servers import installed
from tests.walks.programs import until

from vedette.app import tree
from vedette.app.settings_file import settings_of
from vedette.lab import processes, recipes, start, store
from vedette.lab.recipes import RECIPES

PROGRAMS = {
    "cockroachdb": None,
    "envoy": "envoy",
    "etcd": "etcd",
    "http": None,
    "mariadb": "mariadbd",
    "mosquitto": "mosquitto",
    "nats": "nats-server",
    "postgres": None,
    "rabbitmq": "rabbitmq-server",
    "redis": "redis-server",
}
"""Kind → the program without which its test skips."""


@pytest.fixture
def lab(tmp_path, capsys):
    """Run `vedette lab …` in a data directory of the test's own; all is stopped after it."""

    def run(*arguments: str):
        code = tree.run(["lab", *arguments, f"--data-dir={tmp_path}"])
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    yield run
    run("stop", "--all")


@pytest.fixture
def started(lab, tmp_path):
    """Start one by a command that ends, and return the settings file that it printed."""

    def run(*arguments: object, env=None):
        said = vedette("lab", "start", *arguments, f"--data-dir={tmp_path}", env=env, timeout=110)
        assert said.returncode == 0, said.stderr
        return said.stdout

    return run


def the_lab(tmp_path, name):
    return store.read(tmp_path / "lab" / name)


def is_taken(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def processes_below(folder: Path) -> list[psutil.Process]:
    """What works in that folder, or was told of it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in word for word in words) and process.pid != os.getpid():
            found.append(process)
    return found


def test_every_kind_has_a_test():
    assert PROGRAMS.keys() == RECIPES.keys()


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_kind_runs_on_is_watched_by_what_was_printed_and_leaves_nothing(
    kind, lab, started, tmp_path
):
    if program := PROGRAMS[kind]:
        installed(program)
    text = started(kind)
    [target] = settings_of(text).targets
    assert (target.name, target.settings) == (kind, yaml.safe_load(text)["targets"][0]["settings"])
    [row] = json.loads(lab("list", "-o", "json").stdout)
    assert (row["name"], row["state"]) == (kind, "running")
    ended = lab("stop", kind)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert not is_taken(int(row["address"].rpartition(":")[2]))
    assert not (tmp_path / "lab" / kind).exists()
    assert processes_below(tmp_path / "lab" / kind) == []


def test_nothing_runs_with_roots_rights_and_its_files_are_its_owners_alone(started, tmp_path):
    started("http")
    [process] = the_lab(tmp_path, "http").processes
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
    )
    if os.geteuid() == 0 and status["Uid"].split()[0] == "0":
        # Seen from outside it is root's; inside its user namespace it is nobody.
        maps = Path(f"/proc/{process.pid}/uid_map").read_text().split()
        assert maps[0] != "0"
    folder = tmp_path / "lab" / "http"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_password_stands_in_a_file_and_in_no_command_line(started, tmp_path):
    installed("redis-server")
    settings = yaml.safe_load(started("redis"))["targets"][0]["settings"]
    password = Path(settings["password_file"]).read_text()
    assert len(password) == 32
    assert Path(settings["password_file"]).stat().st_mode & 0o077 == 0
    said = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert password not in str(said)
    assert password not in (tmp_path / "lab" / "redis" / "lab.json").read_text()


def test_three_nodes_on_the_ports_that_were_named(started):
    port = free_port()
    text = started("cockroachdb", "--nodes=3", f"--port={port}", "--name=shop")
    [target] = yaml.safe_load(text)["targets"]
    assert target["name"] == "shop"
    assert target["settings"]["urls"] == [f"http://127.0.0.1:{port + n}" for n in range(3)]


def test_a_real_cockroachdb_is_preferred_and_initialised(started, tmp_path):
    # A program that takes what `cockroach` takes, and plays a node where it was told to.
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "cockroach").write_text(
        "#!/bin/sh\n"
        f"echo \"$@\" >> '{tmp_path}/lab/cockroachdb/said'\n"
        "[ $1 = init ] && exit 0\n"
        'for word in "$@"; do case $word in --http-addr=*) port=${word##*:} ;; esac; done\n'
        f"exec {sys.executable} -m vedette.lab.cockroachdb_serve $port\n"
    )
    (bin_folder / "cockroach").chmod(0o755)
    started("cockroachdb", "--nodes=2", env={"PATH": f"{bin_folder}:{os.environ['PATH']}"})
    lines = (tmp_path / "lab" / "cockroachdb" / "said").read_text().splitlines()
    starts = [line.split() for line in lines if line.startswith("start --insecure")]
    joins = {word for line in starts for word in line if word.startswith("--join=")}
    assert (len(starts), len(joins)) == (2, 1)
    assert [line for line in lines if line.startswith("init --insecure --host=")] == [
        f"init --insecure --host={joins.pop().removeprefix('--join=').split(',')[0]}"
    ]


def test_started_twice_the_second_is_refused_and_a_third_name_is_not(lab, started):
    started("http")
    again = lab("start", "http")
    assert again.returncode == 7
    assert again.stderr.startswith("vedette: http runs already on 127.0.0.1:")
    assert "--name http-2" in again.stderr
    started("http", "--name=http-2")
    assert lab("list", "-o", "name").stdout == "http\nhttp-2\n"


def test_two_starts_at_the_same_moment_make_one(lab, tmp_path):
    both = [Command("lab", "start", "http", f"--data-dir={tmp_path}") for _ in range(2)]
    assert sorted(each.result().returncode for each in both) == [0, 7]
    assert len(processes_below(tmp_path / "lab" / "http")) == 1


def test_a_port_that_is_taken_is_named_and_nothing_is_left(lab, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = lab("start", "http", f"--port={port}")
    assert (said.returncode, said.stdout) == (7, "")
    assert said.stderr.startswith(f"vedette: port {port} of 127.0.0.1 is taken")
    assert not (tmp_path / "lab" / "http").exists()


def test_killed_it_is_listed_as_ended_and_the_next_start_makes_room(lab, started, tmp_path):
    started("http")
    [process] = the_lab(tmp_path, "http").processes
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not processes.is_running(process), within_s=30, what="it is gone")
    (tmp_path / "lab" / "http" / "left-behind").touch()
    assert json.loads(lab("list", "-o", "json").stdout)[0]["state"] == "ended"
    started("http")
    assert not (tmp_path / "lab" / "http" / "left-behind").exists()


def test_a_stranger_with_the_number_of_a_process_of_ours_is_left_alone(started, lab, tmp_path):
    started("http")
    told = the_lab(tmp_path, "http")
    [process] = told.processes
    processes.end([process])
    # What is left says that *we* are that lab's process.
    own = processes.Process(os.getpid(), process.began, signal.SIGKILL)
    facts = json.loads((tmp_path / "lab" / "http" / "lab.json").read_text())
    facts["processes"] = [{"pid": own.pid, "began": own.began, "farewell": int(own.farewell)}]
    (tmp_path / "lab" / "http" / "lab.json").write_text(json.dumps(facts))
    assert lab("stop", "http").returncode == 0
    assert not (tmp_path / "lab" / "http").exists()


@pytest.mark.parametrize("facts", ["", "{", '{"name": 3}', "null", '{"processes": [{"pid": -1}]}'])
def test_a_folder_that_tells_nothing_is_no_lab_and_can_be_stopped(facts, lab, tmp_path):
    folder = tmp_path / "lab" / "http"
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text(facts)
    assert lab("list", "-o", "json").stdout == "[]\n"
    assert lab("stop", "http").returncode == 0
    assert not folder.exists()


def test_what_ends_at_once_is_told_in_its_own_words_and_removed(lab, tmp_path, monkeypatch):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "nats-server").write_text("#!/bin/sh\necho 'no room for me' >&2\nexit 1\n")
    (bin_folder / "nats-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    said = lab("start", "nats")
    assert said.returncode == 8
    assert said.stderr == "vedette: nats ended at once: no room for me\n"
    assert not (tmp_path / "lab" / "nats").exists()


def test_what_is_not_installed_is_named_with_its_package(lab, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "true").symlink_to(shutil.which("true"))
    monkeypatch.setattr("vedette.lab.bench.ELSEWHERE", "")
    monkeypatch.setenv("PATH", str(folder))
    said = lab("start", "redis")
    assert said.returncode == 6
    assert said.stderr == "vedette: redis-server is not installed (apt install redis-server)\n"
    assert not (tmp_path / "lab" / "redis").exists()


def test_without_debians_postgres_the_embedded_one_serves(monkeypatch, tmp_path):
    monkeypatch.setattr(recipes, "DEBIAN_POSTGRES", tmp_path)
    assert recipes._postgres().major() >= 18


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["start", "rediss"], 2, "did you mean redis?"),
        (["start", "../redis"], 2, "there is no lab of '../redis'"),
        (["start", "redis", "--nodes=3"], 2, "redis has 1 to 1 here"),
        (["start", "cockroachdb", "--nodes=0"], 2, "1 to 9"),
        (["start", "cockroachdb", "--nodes=99999"], 2, "1 to 9"),
        (["start", "http", "--port=65536"], 2, "is no port"),
        (["start", "cockroachdb", "--nodes=3", "--port=65534"], 2, "is no port"),
        (["start", "http", "--name=../up"], 2, "is no name"),
        (["start", "http", "--name=a\nb"], 2, "is no name"),
        (["stop", "../../up"], 2, "is no name"),
        (["stop", "nosuch"], 6, "there is no lab 'nosuch' (there are: none)"),
        (["stop"], 2, "--all"),
        (["stop", "redis", "--all"], 2, "--all"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments, code, words, lab):
    said = lab(*arguments)
    assert (said.returncode, said.stdout) == (code, "")
    assert words in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_data_directory_that_is_a_file_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert tree.run(["lab", "start", "http", f"--data-dir={tmp_path / 'file'}"]) == 8
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_session_outlived_by_its_children_is_ended_whole(tmp_path):
    identity = start._identity(tmp_path)
    pid_file = tmp_path / "child"
    words = ("sh", "-c", f"sleep 300 & echo $! > '{pid_file}'; wait")
    leader = processes.launch(processes.Command(words=words), tmp_path, identity)
    until(
        lambda: pid_file.exists() and pid_file.read_text().strip(),
        within_s=30,
        what="the child is there",
    )
    child = int(pid_file.read_text())
    os.kill(leader.pid, signal.SIGKILL)
    processes.end([leader])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
