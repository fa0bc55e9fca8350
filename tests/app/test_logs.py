"""Logs as text or JSON, on stderr or in a file that is turned over."""

import json
import logging
import os
import subprocess
import sys
import threading

import pytest
import structlog

from vedette.errors import Invalid, Unavailable
from vedette.log_file import LogFile
from vedette.logs import LogSettings, configure_logs


@pytest.fixture
def kept():
    """What this process logs with is put back afterwards."""
    root, was = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**was)
    root.handlers[:], root.level = handlers, level


def log_file(path, *, size_bytes=100, keep=2):
    return LogFile(path, size_bytes=size_bytes, keep=keep)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_turned_over_at_its_size_and_the_oldest_goes(tmp_path):
    file = log_file(tmp_path / "v.log")
    for number in range(10):
        file.write(f"{number} {'x' * 47}\n")
    assert names(tmp_path) == ["v.log", "v.log.1", "v.log.2"]
    assert [(tmp_path / name).read_text()[0] for name in names(tmp_path)] == ["8", "6", "4"]
    assert all(path.stat().st_size == 100 for path in tmp_path.iterdir())


def test_without_old_ones_it_begins_anew(tmp_path):
    file = log_file(tmp_path / "v.log", keep=0)
    for number in range(5):
        file.write(f"{number} {'x' * 47}\n")
    assert names(tmp_path) == ["v.log"]
    assert (tmp_path / "v.log").read_text()[0] == "4"


def test_a_line_longer_than_the_file_is_written_whole(tmp_path):
    file = log_file(tmp_path / "v.log")
    for _ in range(2):
        file.write("x" * 500 + "\n")
    assert (tmp_path / "v.log").stat().st_size == (tmp_path / "v.log.1").stat().st_size == 501


@pytest.mark.parametrize("taken_away", [lambda p: p.rename(f"{p}-old"), lambda p: p.unlink()])
def test_who_renames_or_removes_it_finds_a_new_one(tmp_path, taken_away):
    file = log_file(tmp_path / "v.log")
    file.write("one\n")
    taken_away(tmp_path / "v.log")
    file.write("two\n")
    assert (tmp_path / "v.log").read_text() == "two\n"


def test_what_stood_there_before_a_start_stays(tmp_path):
    (tmp_path / "v.log").write_text("before\n")
    log_file(tmp_path / "v.log").write("after\n")
    assert (tmp_path / "v.log").read_text() == "before\nafter\n"


def test_no_line_is_torn_between_threads(tmp_path):
    file = log_file(tmp_path / "v.log", size_bytes=10_000, keep=50)
    threads = [
        threading.Thread(target=lambda n=n: [file.write(f"{n}" * 60 + "\n") for _ in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 800
    assert all(len(line) == 60 and len(set(line)) == 1 for line in lines)


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def a_file_for_a_folder(path):
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize("there", [a_folder, a_pipe, a_file_for_a_folder])
def test_what_cannot_be_a_log_is_one_line_at_the_start(tmp_path, there):
    path = tmp_path / "logs" / "v.log"
    path.parent.mkdir()
    there(path)
    with pytest.raises(Unavailable, match=r"the log file .*v\.log cannot be written: ") as refused:
        log_file(path)
    assert "--log-file" in str(refused.value)


FULL = """
import resource, signal, sys
from pathlib import Path
from vedette.log_file import LogFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LogFile(Path(sys.argv[1]), size_bytes=10**6, keep=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
for word in ("first", "second", "third", "fourth"):
    file.write(word + "\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write("fifth\\n")
"""


def test_a_disk_that_fills_is_told_once_and_ends_nothing(tmp_path):
    path = tmp_path / "v.log"
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    cannot, again = ended.stderr.splitlines()
    assert cannot == (
        f"vedette: the log file {path} cannot be written: File too large; "
        "lines are lost until it can"
    )
    assert again == f"vedette: the log file {path} can be written again; 3 lines were lost"
    assert path.read_text().splitlines() == ["first", "seco", "fifth"], "no line is glued to half"


def test_a_folder_that_goes_is_told_and_lines_come_again_with_it(tmp_path, capsys):
    (tmp_path / "logs").mkdir()
    file = log_file(tmp_path / "logs" / "v.log")
    (tmp_path / "logs" / "v.log").unlink()
    (tmp_path / "logs").rmdir()
    for _ in range(3):
        file.write("lost\n")
    (tmp_path / "logs").mkdir()
    file.write("kept\n")
    assert (tmp_path / "logs" / "v.log").read_text() == "kept\n"
    assert [line.rpartition("; ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "lines are lost until it can",
        "3 lines were lost",
    ]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("form", ["text", "json"])
def test_ours_and_the_libraries_lines_stand_in_the_file_in_one_format(tmp_path, form, capsys):
    path = tmp_path / "v.log"
    configure_logs(LogSettings(format=form, file=str(path), level="warning"))
    log = structlog.get_logger("ours")
    log.info("not said")
    log.warning("said", target="orders-db")
    logging.getLogger("theirs").warning("a library says %s", "so")
    try:
        raise ValueError("no good")
    except ValueError:
        log.exception("failed")
    lines = path.read_text().splitlines()
    if form == "json":
        events = [json.loads(line) for line in lines]
        assert [each["event"] for each in events] == ["said", "a library says so", "failed"]
        assert events[0]["target"] == "orders-db"
        assert "ValueError: no good" in events[2]["exception"]
    else:
        assert "event=said" in lines[0]
        assert "target=orders-db" in lines[0]
        assert "a library says so" in lines[1]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("size", ["1", "999", "ten", "-1MB", "0"])
def test_a_size_that_holds_nothing_is_refused(size):
    with pytest.raises(Invalid, match=r"size|holds nothing"):
        LogSettings(file_size=size).checked()
