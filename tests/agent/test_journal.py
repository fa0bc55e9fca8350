"""The journal: an action runs once in a host's life, and what it answered is kept until it is told."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from vedette.agent import journal as journal_module
from vedette.agent.journal import FILE, End, Entry, Full, Journal
from vedette.agent.journal_lines import read_lines
from vedette.errors import Unavailable
from vedette.trust.reasons import Reason, Untrusted

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def entry(command=7, digest="d1", **fields):
    fields = {"name": "look", "modules": ("file",), "expires_at": NOW + timedelta(hours=1)} | fields
    return Entry(command=command, digest=digest, **fields)


def end(status="success", answer=b"{}", **fields):
    fields = {"reason": "", "message": "", "took_ms": 3, "signature": b"s"} | fields
    return End(status=status, answer=answer, **fields)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def test_an_action_is_taken_begun_ended_and_forgotten_but_for_its_line(journal, tmp_path):
    number = journal.take(entry(), b"asked", now=NOW)
    assert journal.known(7, "d1") == (number, False)
    assert journal.asked(number) == b"asked"
    journal.begin(number, ["ada"], now=NOW)
    assert journal.asked(number) is None
    journal.end(number, end(answer=b"answer"), now=NOW + timedelta(seconds=1))
    assert journal.untold() == [7]
    assert journal.answer(7) == (b"answer", b"s")
    journal.told([7, 8, 1 << 63])
    assert journal.untold() == []
    assert journal.answer(7) is None
    (line,) = read_lines(tmp_path, since=NOW)
    assert (line.command, line.status, line.name, line.signed_by) == (
        7,
        "success",
        "look",
        ("ada",),
    )
    assert (line.began_at, line.ended_at) == (NOW, NOW + timedelta(seconds=1))
    assert line.told


def test_the_same_order_begins_once_whatever_commands_bring_it(journal):
    first = journal.take(entry(command=1), b"", now=NOW)
    second = journal.take(entry(command=2), b"", now=NOW)
    journal.begin(first, [], now=NOW)
    with pytest.raises(Untrusted) as refused:
        journal.begin(second, [], now=NOW)
    assert refused.value.reason is Reason.REPLAYED
    with pytest.raises(sqlite3.IntegrityError):
        journal.take(entry(command=1), b"", now=NOW)
    journal.end(first, end(), now=NOW)
    journal.told([1])
    assert list(journal.kept(now=NOW)) == ["d1"]
    with pytest.raises(Untrusted):
        journal.begin(second, [], now=NOW + timedelta(days=300))


def test_what_expired_long_ago_need_not_be_remembered(journal):
    number = journal.take(entry(), b"", now=NOW)
    journal.begin(number, [], now=NOW)
    assert journal.kept(now=NOW + timedelta(days=1)) == {"d1": NOW + timedelta(hours=1)}
    assert not journal.kept(now=NOW + timedelta(days=2))


def test_it_is_readable_by_its_owner_alone_and_by_nobody_who_finds_no_journal(journal, tmp_path):
    assert read_lines(tmp_path, since=NOW) == []
    assert not journal.exists
    journal.refuse(entry(), end("refused"), now=NOW)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (line,) = read_lines(tmp_path, since=NOW)
    assert (line.status, line.began_at) == ("refused", None)
    assert read_lines(tmp_path, since=NOW + timedelta(seconds=1)) == []
    assert read_lines(tmp_path, since=NOW, command=8) == []


def test_waiting_and_untold_bytes_are_bounded_and_what_is_told_makes_room(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "BODIES_BYTES", 1000)
    first = journal.take(entry(digest="a"), b"x" * 600, now=NOW)
    with pytest.raises(Full):
        journal.take(entry(digest="b"), b"x" * 600, now=NOW)
    journal.end(first, end(answer=b"y" * 700), now=NOW)
    with pytest.raises(Full):
        journal.take(entry(digest="b"), b"x" * 600, now=NOW)
    journal.told([7])
    journal.take(entry(digest="b"), b"x" * 600, now=NOW)


def test_no_more_than_a_thousand_wait(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MOST_WAITING", 3)
    for digest in "abc":
        journal.take(entry(digest=digest), b"", now=NOW)
    with pytest.raises(Full, match="3 actions wait"):
        journal.take(entry(digest="d"), b"", now=NOW)


def test_a_server_that_floods_and_takes_no_answer_is_refused_at_last(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MOST_LINES", 3)
    monkeypatch.setattr(journal_module, "_PURGE_EVERY", 1)
    for digest in "abcd":
        journal.refuse(entry(digest=digest), end("refused"), now=NOW)
    with pytest.raises(Full):
        journal.refuse(entry(digest="e"), end("refused"), now=NOW)
    journal.told([7])
    journal.refuse(entry(digest="e"), end("refused"), now=NOW)
    assert journal.untold() == [7]


def test_what_could_run_again_is_never_purged(journal, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "MOST_LINES", 0)
    begun = journal.take(entry(digest="begun"), b"", now=NOW)
    journal.begin(begun, [], now=NOW)
    journal.end(begun, end(), now=NOW)
    journal.refuse(entry(digest="refused"), end("refused"), now=NOW)
    journal.told([7])
    journal.purge(now=NOW)
    assert [line.digest for line in read_lines(tmp_path, since=NOW)] == ["begun"]
    journal.purge(now=NOW + timedelta(days=3))
    assert read_lines(tmp_path, since=NOW) == []


def test_what_was_forgotten_by_a_clock_far_ahead_runs_no_second_time(journal, tmp_path):
    """Whoever can set a host's clock forwards and back would have it run again what is still valid."""
    begun = journal.take(entry(), b"", now=NOW)
    journal.begin(begun, [], now=NOW)
    journal.end(begun, end(), now=NOW)
    journal.purge(now=NOW + timedelta(days=400))
    assert not read_lines(tmp_path, since=NOW)
    again = journal.take(entry(command=8), b"", now=NOW)
    with pytest.raises(Untrusted, match="the clock was set back") as refused:
        journal.begin(again, [], now=NOW)
    assert refused.value.reason is Reason.REPLAYED
    later = journal.take(entry(digest="d2", expires_at=NOW + timedelta(hours=2)), b"", now=NOW)
    journal.begin(later, [], now=NOW)


def test_a_journal_of_the_first_form_learns_to_remember(journal, tmp_path):
    journal.take(entry(), b"", now=NOW)
    journal.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as old:
        old.executescript("DROP TRIGGER forget; DROP TABLE forgotten; PRAGMA user_version = 1")
    (line,) = journal.unended()
    journal.begin(line.number, [], now=NOW)


def test_a_line_of_more_than_a_year_ago_goes(journal, tmp_path):
    journal.refuse(entry(), end("refused"), now=NOW)
    journal.purge(now=NOW + timedelta(days=365))
    assert read_lines(tmp_path, since=NOW)
    journal.purge(now=NOW + timedelta(days=367))
    assert not read_lines(tmp_path, since=NOW)


def test_a_damaged_file_is_said_and_nothing_is_run_by_it(journal):
    journal.path.write_bytes(b"this is no journal" * 100)
    with pytest.raises(Unavailable, match="cannot be used"):
        journal.take(entry(), b"", now=NOW)


DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from vedette.agent.journal import Entry, Journal
journal = Journal(Path(sys.argv[1]))
now = datetime(2026, 11, 22, 9, tzinfo=UTC)
number = journal.take(Entry(command=7, digest="d1", modules=("file",)), b"asked", now=now)
if sys.argv[2] == "begun":
    journal.begin(number, ["ada"], now=now)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("step", ["taken", "begun"])
def test_what_a_killed_process_wrote_down_is_there_at_once(journal, tmp_path, step):
    done = subprocess.run(
        [sys.executable, "-c", DIES, tmp_path, step], env=dict(os.environ), check=False
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = journal.unended()
    assert (left.command, left.modules, left.begun) == (7, ("file",), step == "begun")
    assert journal.asked(left.number) == (None if step == "begun" else b"asked")
