"""MIG's spool: files dropped in become actions, once; the tree says what the rows say; nothing hostile is followed."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions_world import NOW, action, agents, signed_by, trusting
from signing_world import needs_ssh
from vedette.actions.command import DOCUMENT_BYTES
from vedette.actions.launch import propose
from vedette.actions.spool import Spool
from vedette.actions.spool_rules import FOLDERS, Place, Spooling, found_in, plan
from vedette.db.create import APP
from vedette.db.pool import connect

WORLD = Path(__file__).with_name("spool_world.py")


def lies(top):
    """Everything in the tree, by its path, without what begins with a dot."""
    return sorted(
        f"{folder}/{name}"
        for folder in FOLDERS
        if (top / folder).is_dir()
        for name in os.listdir(top / folder)
        if not name.startswith(".")
    )


def drop(top, name, data):
    """As it should be done: written elsewhere and renamed in."""
    beside = top / "action" / f".{name}"
    beside.write_bytes(data)
    beside.rename(top / "action/new" / name)


async def rows(conn, query, *given):
    return await (await conn.execute(query, given or None)).fetchall()


@pytest.fixture
def top(tmp_path):
    return tmp_path / "mig"


@pytest.fixture
async def spool(top, conn):
    """A spool that was served once, in a fleet of two that trusts Ada and Bob."""
    await trusting(conn)
    await agents(conn)
    spool = Spool(Spooling(top))
    await spool.run_once(conn, now=NOW)
    yield spool
    spool.close()


async def states(conn):
    return [state for (state,) in await rows(conn, "SELECT state FROM actions.action ORDER BY id")]


async def test_the_tree_is_migs_and_nobody_elses_to_read(top, spool):
    for folder in FOLDERS:
        assert (top / folder).stat().st_mode & 0o777 == 0o750 & ~_umask()


def _umask():
    held = os.umask(0)
    os.umask(held)
    return held


@needs_ssh
async def test_a_signed_action_that_is_dropped_is_launched_and_mirrored(top, spool, conn):
    drop(top, "look.json", signed_by(action(), "ada", "bob"))
    await spool.run_once(conn, now=NOW)
    ((action_id, origin, by),) = await rows(
        conn, "SELECT id, origin, proposed_by FROM actions.action"
    )
    assert (origin, by[:6]) == ("spool", "spool:")
    commands = [n for (n,) in await rows(conn, "SELECT id FROM actions.command ORDER BY id")]
    assert lies(top) == sorted(
        [
            f"action/inflight/{action_id}.json",
            *(f"command/ready/{action_id}-{command}.json" for command in commands),
        ]
    )
    file = json.loads((top / f"action/inflight/{action_id}.json").read_text())
    assert (file["id"], file["status"], file["counters"]) == (
        action_id,
        "inflight",
        {"sent": 2, "inflight": 2},
    )
    assert [one["name"] for one in file["investigators"]] == ["ada", "bob"]
    command = json.loads((top / f"command/ready/{action_id}-{commands[0]}.json").read_text())
    assert (command["status"], command["agent"]["name"]) == ("sent", "linux-1")
    assert command["action"]["name"] == "look"
    nothing = dict.fromkeys(("elements", "statistics", "errors"))
    assert command["results"] == [{"foundanything": False, "success": False, **nothing}]


@needs_ssh
async def test_files_move_with_their_rows(top, spool, conn):
    drop(top, "a", signed_by(action(), "ada", "bob"))
    await spool.run_once(conn, now=NOW)
    await conn.execute("UPDATE actions.command SET state = 'inflight', epoch = 1, sent_at = now()")
    await spool.run_once(conn, now=NOW)
    assert [path.split("/")[1] for path in lies(top)] == ["inflight"] * 3
    await conn.execute(
        "UPDATE actions.command SET state = 'returned', outcome = 'success', returned_at = now()"
    )
    await spool.run_once(conn, now=NOW)
    assert [path.split("/")[1] for path in lies(top)] == ["inflight", "returned", "returned"]
    await conn.execute("UPDATE actions.command SET state = 'done', done_at = %s", [NOW])
    await conn.execute(
        "UPDATE actions.action SET state = 'done', finished_at = %s, updated_at = %s", [NOW, NOW]
    )
    await spool.run_once(conn, now=NOW)
    assert [path.split("/")[1] for path in lies(top)] == ["done"] * 3
    file = json.loads((top / lies(top)[0]).read_text())
    assert (file["status"], file["counters"]) == ("completed", {"sent": 2, "done": 2, "success": 2})


@needs_ssh
async def test_what_waits_for_signatures_lies_in_new_and_is_not_taken_again(top, spool, conn):
    drop(top, "look.json", signed_by(action(), "ada"))
    for _ in range(3):
        await spool.run_once(conn, now=NOW)
    assert await states(conn) == ["proposed"]
    assert len(lies(top)) == 1


@needs_ssh
async def test_a_file_that_is_read_again_while_its_action_runs_is_not_thrown_out(top, spool, conn):
    document = signed_by(action(), "ada", "bob")
    for _ in range(3):
        drop(top, "look.json", document)
        await spool.run_once(conn, now=NOW)
    assert await states(conn) == ["inflight"]
    assert [path.rsplit("/", 1)[0] for path in lies(top)] == [
        *("action/inflight", "command/ready", "command/ready")
    ]


@needs_ssh
async def test_a_second_signature_dropped_in_launches_it(top, spool, conn):
    made = action()
    drop(top, "one.json", signed_by(made, "ada"))
    await spool.run_once(conn, now=NOW)
    drop(top, "two.json", signed_by(made, "ada", "bob"))
    await spool.run_once(conn, now=NOW)
    assert await states(conn) == ["inflight"]
    assert [path.split("/")[1] for path in lies(top)] == ["inflight", "ready", "ready"]


@needs_ssh
async def test_a_file_named_as_one_of_ours_is_taken_as_well(top, spool, conn):
    drop(top, "one.json", signed_by(action("one"), "ada"))
    await spool.run_once(conn, now=NOW)
    ((action_id,),) = await rows(conn, "SELECT id FROM actions.action")
    drop(top, f"{action_id}.json", signed_by(action("two"), "ada"))
    await spool.run_once(conn, now=NOW)
    await spool.run_once(conn, now=NOW)
    assert await states(conn) == ["proposed", "proposed"]
    assert len(lies(top)) == 2


@needs_ssh
async def test_a_server_that_starts_again_finds_the_tree_as_it_left_it(top, spool, conn):
    drop(top, "one", signed_by(action("one"), "ada"))
    drop(top, "two", signed_by(action("two"), "ada", "bob"))
    await spool.run_once(conn, now=NOW)
    before = lies(top)
    spool.close()
    again = Spool(Spooling(top))
    await again.run_once(conn, now=NOW)
    again.close()
    assert lies(top) == before
    assert await states(conn) == ["proposed", "inflight"]


@needs_ssh
async def test_what_could_not_be_handed_in_as_a_file_stays_mirrored_over_a_restart(
    top, spool, conn
):
    drop(top, "one", signed_by(action("one"), "ada"))
    await spool.run_once(conn, now=NOW)
    await conn.execute("UPDATE actions.action SET document = 'a run of a mandate'")
    spool.close()
    (top / lies(top)[0]).unlink()
    for _ in range(2):
        again = Spool(Spooling(top))
        for after in (0, 3):
            await again.run_once(conn, now=NOW + timedelta(seconds=after))
        again.close()
    assert [path.split("/")[1] for path in lies(top)] == ["new"]


async def test_a_second_server_on_the_folder_stands_by(top, spool, conn):
    other = Spool(Spooling(top))
    (top / "action/new/x").write_text("{")
    assert await other.run_once(conn, now=NOW + timedelta(minutes=1)) == 0
    assert lies(top) == ["action/new/x"]


@needs_ssh
async def test_what_was_launched_elsewhere_is_mirrored_too(top, spool, conn):
    stands = await propose(conn, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    await spool.run_once(conn, now=NOW)
    assert f"action/inflight/{stands.id}.json" in lies(top)


@needs_ssh
async def test_a_file_that_was_taken_away_or_spoilt_is_made_again(top, spool, conn):
    stands = await propose(conn, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    await spool.run_once(conn, now=NOW)
    before = lies(top)
    (top / f"action/inflight/{stands.id}.json").unlink()
    (top / "action/done/777.json").write_text("a lie")
    (top / "action/done/notes.txt").write_text("somebody's own")
    await spool.run_once(conn, now=NOW + timedelta(minutes=11))
    assert lies(top) == sorted([*before, "action/done/notes.txt"])


@needs_ssh
async def test_what_is_over_goes_after_three_days(top, spool, conn):
    drop(top, "bad", b"no action")
    drop(top, "good", signed_by(action(), "ada", "bob"))
    for after in (0, 3):
        await spool.run_once(conn, now=NOW + timedelta(seconds=after))
    for path in (top / "action/invalid").iterdir():
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    await conn.execute(
        "UPDATE actions.command SET state = 'done', outcome = 'success', done_at = %s", [NOW]
    )
    await conn.execute("UPDATE actions.action SET state = 'done', finished_at = %s", [NOW])
    await spool.run_once(conn, now=NOW + timedelta(hours=71))
    assert len(lies(top)) == 5
    await spool.run_once(conn, now=NOW + timedelta(hours=73))
    assert lies(top) == []


@needs_ssh
async def test_a_file_that_is_still_written_waits(top, spool, conn):
    whole = signed_by(action(), "ada", "bob")
    half = top / "action/new/slow.json"
    half.write_bytes(whole[:100])
    await spool.run_once(conn, now=NOW)
    half.write_bytes(whole[:200])
    await spool.run_once(conn, now=NOW + timedelta(seconds=3))
    assert lies(top) == ["action/new/slow.json"]
    half.write_bytes(whole)
    await spool.run_once(conn, now=NOW + timedelta(seconds=6))
    assert await states(conn) == ["inflight"]


async def test_a_file_that_stays_half_is_refused_with_its_reason(top, spool, conn):
    (top / "action/new/half.json").write_text('{"name": "a"')
    for after in (0, 1, 3):
        await spool.run_once(conn, now=NOW + timedelta(seconds=after))
    assert lies(top) == ["action/invalid/half.json", "action/invalid/half.json.reason"]
    assert "no JSON" in (top / "action/invalid/half.json.reason").read_text()


@needs_ssh
async def test_an_action_by_a_stranger_is_refused_at_once(top, spool, conn):
    drop(top, "zoe.json", signed_by(action(), "zoe"))
    await spool.run_once(conn, now=NOW)
    assert lies(top) == ["action/invalid/zoe.json", "action/invalid/zoe.json.reason"]
    assert await states(conn) == []


@needs_ssh
async def test_until_there_is_a_trust_bundle_an_action_waits(top, conn):
    spool = Spool(Spooling(top))
    await spool.run_once(conn, now=NOW)
    drop(top, "look.json", signed_by(action(), "ada", "bob"))
    for _ in range(2):
        await spool.run_once(conn, now=NOW)
    assert lies(top) == []
    await trusting(conn)
    await agents(conn)
    await spool.run_once(conn, now=NOW)
    spool.close()
    assert await states(conn) == ["inflight"]


async def test_two_refused_of_one_name_both_stay(top, spool, conn):
    for text in ("one", "two"):
        (top / "action/new/x").write_text(text)
        for after in (0, 3):
            await spool.run_once(conn, now=NOW + timedelta(seconds=after))
    assert len([path for path in lies(top) if path.endswith(".reason")]) == 2
    texts = [(top / path).read_text() for path in lies(top) if not path.endswith(".reason")]
    assert sorted(texts) == ["one", "two"]


HOSTILE = {
    "a folder": lambda path: path.mkdir(),
    "a full folder": lambda path: (path.mkdir(), (path / "x").touch()),
    "a FIFO": os.mkfifo,
    "a link to a secret": lambda path: path.symlink_to("/etc/passwd"),
    "a link to nothing": lambda path: path.symlink_to("/nowhere"),
    "a link to a folder": lambda path: path.symlink_to("/etc"),
    "a huge file": lambda path: _huge(path),
    "an empty file": lambda path: path.touch(),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "no UTF-8": lambda path: path.write_bytes(b'{"name": "\xff"}'),
    "deep": lambda path: path.write_text("[" * 100_000),
    "not for us": lambda path: (path.touch(), path.chmod(0)),
}


def _huge(path):
    with path.open("wb") as file:
        file.truncate(DOCUMENT_BYTES + 1)


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("name", ["x.json", "5.json", "new\nline", "-rf", "a" * 255])
async def test_whatever_lies_there_is_set_aside_and_nothing_is_followed(
    top, spool, conn, what, name
):
    HOSTILE[what](top / "action/new" / name)
    for after in (0, 3):
        await spool.run_once(conn, now=NOW + timedelta(seconds=after))
    folder = top / "action/invalid"
    kept = [n for n in os.listdir(folder) if not n.endswith(".reason")]
    assert len(kept) == 1
    assert (folder / f"{kept[0]}.reason").is_file()
    assert "root:" not in (folder / f"{kept[0]}.reason").read_text()
    assert os.listdir(top / "action/new") == []


async def test_a_name_that_is_no_text_is_set_aside(top, spool, conn):
    os.mkdir(os.fsencode(top / "action/new") + b"/\xff\xfe")
    await spool.run_once(conn, now=NOW)
    assert len(lies(top)) == 2


async def test_a_hard_link_to_another_file_is_not_read(top, spool, conn, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.link(secret, top / "action/new/x")
    await spool.run_once(conn, now=NOW)
    assert lies(top) == ["action/invalid/x", "action/invalid/x.reason"]
    assert "secret" not in (top / "action/invalid/x.reason").read_text()


@needs_ssh
async def test_a_folder_that_became_a_link_is_not_written_to(top, spool, conn, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (top / "action/inflight").rmdir()
    (top / "action/inflight").symlink_to(elsewhere)
    await propose(conn, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    with pytest.raises(Exception, match="no folder to be used"):
        await spool.run_once(conn, now=NOW)
    assert list(elsewhere.iterdir()) == []


@needs_ssh
@pytest.mark.parametrize("nth", [9, 10, 14])
async def test_killed_between_any_two_steps_nothing_is_lost_and_nothing_doubled(
    nth, top, cluster, fresh_database, fresh_app_url
):
    """9: before the file is put aside; 10: after the row, before the file is removed; 14: amid the mirror."""
    async with await connect(cluster.url(fresh_database, APP)) as conn:
        await trusting(conn)
        await agents(conn)
        for folder in FOLDERS:
            (top / folder).mkdir(parents=True)
        drop(top, "look.json", signed_by(action(), "ada", "bob"))
        await kill_and_serve(top, fresh_app_url, nth)
        assert await states(conn) == ["inflight"]
        ((action_id,),) = await rows(conn, "SELECT id FROM actions.action")
        commands = await rows(conn, "SELECT id FROM actions.command")
        assert lies(top) == sorted(
            [
                f"action/inflight/{action_id}.json",
                *(f"command/ready/{action_id}-{command}.json" for (command,) in commands),
            ]
        )
        assert [path for path in top.rglob(".*") if path.name != ".lock"] == []


async def kill_and_serve(top, dsn, nth):
    ended = _serve(top, dsn, nth)
    assert ended == -9
    assert _serve(top, dsn, 0) == 0


def _serve(top, dsn, nth):
    words = [dsn, str(top), NOW.isoformat(), str(nth)]
    return subprocess.run([sys.executable, str(WORLD), *words], check=False).returncode


PLACES = st.sampled_from(FOLDERS[:4])
MARKS = st.one_of(st.none(), st.just(NOW), st.just(NOW + timedelta(seconds=1)))
TREES = st.dictionaries(
    st.sampled_from([f"{n}.json" for n in range(1, 6)]), st.builds(Place, PLACES, MARKS)
)


@given(
    lie=st.sets(st.tuples(PLACES, st.sampled_from([f"{n}.json" for n in range(1, 6)]))),
    wanted=TREES,
)
def test_from_any_tree_one_plan_leads_to_what_the_rows_say(lie, wanted):
    held, twice = found_in(lie)
    on_disk = set(lie) - set(twice)
    found = plan(held, wanted)
    on_disk |= {(place.folder, name) for name, place in found.write.items()}
    on_disk -= set(found.remove)
    assert on_disk == {(place.folder, name) for name, place in wanted.items()}


@given(wanted=TREES)
def test_where_the_tree_agrees_nothing_is_done(wanted):
    found = plan(wanted, wanted)
    assert (found.write, found.remove) == ({}, [])
