"""The spool: numbers never repeat, nothing is lost silently, what is acked never returns."""

import errno
import os
import shutil
from datetime import timedelta

import pytest

from vedette.errors import Conflict, Unavailable
from vedette.link import segment as segments
from vedette.link.spool import GAP, Caps, Spool

BATCH = 1
DAY_US = 86_400_000_000
NOON_US = 1_780_000_000_000_000
SMALL = Caps(size_bytes=1024 * 1024)


def say(spool, *words, reports=1, at_us=NOON_US):
    return [
        spool.append(BATCH, word.encode(), reports=reports, from_us=at_us, to_us=at_us)
        for word in words
    ]


def hear(spool):
    heard = []
    while (record := spool.read()) is not None:
        heard.append(record)
    return heard


def words(spool):
    return [record.payload.decode() for record in hear(spool)]


def crash(spool, directory, to):
    """Leave the directory as kill -9 would; return what a new process finds."""
    shutil.copytree(directory, to)
    spool.close()
    return to


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool", SMALL)
    yield spool
    spool.close()


def test_what_is_said_is_read_in_order(spool):
    say(spool, "one", "two", "three")
    assert words(spool) == ["one", "two", "three"]
    assert spool.read() is None


def test_every_record_names_the_one_before_it(spool):
    seqs = say(spool, "one", "two", "three")
    assert [(r.prev, r.seq) for r in hear(spool)] == list(zip([0, *seqs], seqs, strict=False))


def test_what_is_not_acked_is_read_again_after_a_reconnect(spool):
    first, *_ = say(spool, "one", "two", "three")
    hear(spool)
    spool.resume(first)
    assert words(spool) == ["two", "three"]


def test_what_is_acked_is_gone_from_the_count(spool):
    _, second, _ = say(spool, "one", "two", "three", reports=10)
    hear(spool)
    spool.ack(second)
    assert (spool.reports, spool.acked_seq) == (10, second)


def test_an_old_ack_changes_nothing(spool):
    first, second = say(spool, "one", "two")
    spool.ack(second)
    spool.ack(first)
    assert spool.acked_seq == second


def test_acked_files_are_deleted(spool, tmp_path):
    seqs = say(spool, *["x" * 40_000] * 8)
    assert len(list((tmp_path / "spool").glob("*.seg"))) == 8
    spool.ack(seqs[-1])
    assert len(list((tmp_path / "spool").glob("*.seg"))) == 1


def test_a_restart_goes_on_where_it_stopped(tmp_path):
    spool = Spool(tmp_path / "s")
    first, second = say(spool, "one", "two")
    spool.ack(first)
    spool.close()
    again = Spool(tmp_path / "s")
    assert again.highest_seq == second
    assert words(again) == ["two"]
    assert say(again, "three") == [second + 1]
    again.close()


def test_a_number_is_never_used_twice_even_when_the_last_writes_never_arrived(tmp_path):
    spool = Spool(tmp_path / "s")
    say(spool, "one")
    spool.sync()
    left = shutil.copytree(tmp_path / "s", tmp_path / "power-loss")
    given = say(spool, "two", "three")
    spool.close()
    again = Spool(left)
    assert again.highest_seq >= given[-1]
    assert min(say(again, "four")) > given[-1]
    assert words(again) == ["one", "four"]
    again.close()


def test_an_ack_of_something_power_loss_took_leaves_the_chain_whole(tmp_path):
    spool = Spool(tmp_path / "s")
    say(spool, "one")
    left = shutil.copytree(tmp_path / "s", tmp_path / "power-loss")
    (_, lost) = say(spool, "two", "three")
    spool.close()
    again = Spool(left)
    say(again, "four")
    again.resume(lost)
    assert [(r.prev, r.payload) for r in hear(again)] == [(lost, b"four")]
    again.close()


def test_a_torn_end_is_cut_off_and_shows_as_a_gap(tmp_path):
    spool = Spool(tmp_path / "s")
    first, second = say(spool, "one", "a longer word", reports=7)
    left = crash(spool, tmp_path / "s", tmp_path / "crashed")
    (file,) = left.glob("*.seg")
    os.truncate(file, file.stat().st_size - 3)
    again = Spool(left)
    say(again, "three")
    one, gap, three = hear(again)
    assert (one.payload, three.payload) == (b"one", b"three")
    assert (gap.kind, gap.seq, gap.prev, gap.reports) == (GAP, second, first, 7)
    assert gap.reason == "corrupt"
    again.close()


def test_damage_in_the_middle_is_a_gap_with_its_count(tmp_path):
    spool = Spool(tmp_path / "s")
    seqs = say(spool, "one", "two", "three", "four", reports=5)
    left = crash(spool, tmp_path / "s", tmp_path / "crashed")
    (file,) = left.glob("*.seg")
    content = bytearray(file.read_bytes())
    at = content.find(b"two") - 20
    content[at : at + 40] = bytes(40)  # the head of "two" and beyond
    file.write_bytes(content)
    again = Spool(left)
    heard = hear(again)
    assert [r.payload for r in heard if r.kind == BATCH] == [b"one", b"four"]
    (gap,) = [r for r in heard if r.kind == GAP]
    assert (gap.prev, gap.seq, gap.reports, gap.reason) == (seqs[0], seqs[2], 10, "corrupt")
    assert again.dropped_reports == 10
    again.close()


def test_a_damaged_payload_costs_that_record_only(tmp_path):
    spool = Spool(tmp_path / "s")
    say(spool, "one", "two", "three")
    left = crash(spool, tmp_path / "s", tmp_path / "crashed")
    (file,) = left.glob("*.seg")
    file.write_bytes(file.read_bytes().replace(b"two", b"twO"))
    again = Spool(left)
    assert [(r.kind, r.payload) for r in hear(again)] == [
        (BATCH, b"one"),
        (GAP, b""),
        (BATCH, b"three"),
    ]
    again.close()


def test_a_full_spool_drops_the_oldest_and_says_so(spool):
    seqs = say(spool, *["x" * 30_000] * 60, reports=100)
    assert spool.size_bytes <= SMALL.size_bytes
    gap, *rest = hear(spool)
    assert (gap.kind, gap.prev, gap.reason) == (GAP, 0, "spool_full")
    assert gap.reports + sum(r.reports for r in rest) == 6000
    assert rest[-1].seq == seqs[-1]
    assert spool.dropped_reports == gap.reports


def test_old_records_are_dropped_with_the_times_they_covered(spool):
    say(spool, "monday", at_us=NOON_US)
    say(spool, "tuesday", at_us=NOON_US + DAY_US)
    say(spool, "next week", at_us=NOON_US + 8 * DAY_US)
    gap, *rest = hear(spool)
    assert (gap.reason, gap.from_us, gap.to_us) == ("spool_old", NOON_US, NOON_US)
    assert [r.payload for r in rest] == [b"tuesday", b"next week"]


def test_what_is_acked_is_no_loss_when_it_makes_room(spool):
    seqs = say(spool, *["x" * 30_000] * 30)
    hear(spool)
    spool.ack(seqs[-1])
    say(spool, *["x" * 30_000] * 30)
    assert spool.dropped_reports == 0


def test_a_gap_once_told_is_not_told_wider(spool):
    say(spool, *["x" * 30_000] * 50)
    told, *_ = hear(spool)
    say(spool, *["x" * 30_000] * 50)
    spool.resume(told.seq)
    wider, *_ = hear(spool)
    assert (wider.kind, wider.prev) == (GAP, told.seq)
    assert told.reports + wider.reports == spool.dropped_reports


@pytest.fixture
def full_disk(monkeypatch):
    """A disk on which no file may grow while `full` is set, as the kernel would say it."""
    state = {"full": False}
    pwritev = os.pwritev

    def write(fd, buffers, offset):
        if state["full"] and state["full"](fd):
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwritev(fd, buffers, offset)

    monkeypatch.setattr(segments.os, "pwritev", write)
    return state


def test_on_a_full_disk_the_oldest_makes_place(spool, full_disk, tmp_path):
    say(spool, *["x" * 40_000] * 4)
    full_disk["full"] = lambda fd: len(list((tmp_path / "spool").glob("*.seg"))) > 3
    say(spool, "new")
    gap, *rest = hear(spool)
    assert (gap.kind, gap.reason) == (GAP, "disk_full")
    assert rest[-1].payload == b"new"


def test_what_a_full_disk_could_not_take_at_all_is_a_gap_later(spool, full_disk):
    full_disk["full"] = lambda fd: True
    say(spool, "lost", "lost too", reports=3)
    full_disk["full"] = lambda fd: False
    say(spool, "kept")
    gap, kept = hear(spool)
    assert (gap.kind, gap.reports, gap.reason) == (GAP, 6, "disk_full")
    assert (kept.payload, kept.prev) == (b"kept", gap.seq)


def test_a_wiped_directory_is_lifted_above_what_the_server_holds(tmp_path):
    spool = Spool(tmp_path / "s")
    say(spool, "one", "two")
    hear(spool)
    spool.resume(5_000_000)
    heard = hear(spool)
    assert [r.payload for r in heard] == [b"one", b"two"]
    assert [r.prev for r in heard] == [5_000_000, heard[0].seq]
    spool.ack(heard[0].seq)
    spool.close()
    again = Spool(tmp_path / "s")
    assert again.highest_seq == heard[1].seq
    assert words(again) == ["two"]
    again.close()


def test_a_server_that_lost_what_it_had_acked_still_gets_a_whole_chain(spool):
    seqs = say(spool, "one", "two", "three")
    hear(spool)
    spool.ack(seqs[1])
    spool.resume(seqs[0])
    heard = hear(spool)
    assert heard[0].prev == seqs[0]
    assert heard[-1].payload == b"three"


def test_two_agents_cannot_share_a_spool(spool, tmp_path):
    with pytest.raises(Conflict, match="in use by another agent"):
        Spool(tmp_path / "spool")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be opened"):
        Spool(tmp_path / "file" / "spool")


def test_a_reader_is_told_of_every_record(spool):
    told = []
    spool.listener = lambda: told.append(spool.highest_seq)
    say(spool, "one", "two")
    assert told == [1, 2]


def test_a_lost_ledger_costs_no_number_that_stands_in_a_file(tmp_path):
    spool = Spool(tmp_path / "s", Caps(age=timedelta(days=1)))
    seqs = say(spool, "one", "two")
    spool.close()
    (tmp_path / "s" / "ledger").unlink()
    again = Spool(tmp_path / "s")
    assert words(again) == ["one", "two"]
    assert say(again, "three") > seqs
    again.close()
