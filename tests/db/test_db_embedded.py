import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from vedette.db.embedded import embedded
from vedette.db.migrate import upgrade
from vedette.db.place import LONGEST_SOCKET_FOLDER, prepare
from vedette.db.pool import connect
from vedette.errors import Conflict, Denied, Invalid, Unavailable

DEBIAN = Path("/usr/lib/postgresql/15/bin")
PROGRAM = Path(__file__).with_name("user_of_the_database.py")


class User:
    """A process that uses the database."""

    def __init__(self, data_dir, *more, **popen):
        self.child = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(data_dir), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **popen,
        )
        self.first = self.child.stdout.readline().strip()

    def ask(self, word):
        self.child.stdin.write(f"{word}\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def leave(self):
        self.child.communicate("leave\n", timeout=60)
        return self.child.returncode

    def kill(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture
def data_dir(tmp_path):
    # A killed process loses nothing that the kernel has; only a killed machine needs fsync.
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "postgresql.conf").write_text("fsync = off\n")
    yield tmp_path / "data"
    # Nothing of ours may outlive the test that started it.
    until(lambda: not processes(tmp_path / "data"))


@pytest.fixture
def start(data_dir):
    users = []

    def start(*arguments, **popen):
        users.append(User(*arguments, **popen))
        return users[-1]

    yield start
    for user in users:
        if user.child.poll() is None:
            user.kill()


def processes(data_dir):
    """Keeper and postmaster of that directory, as (kind, process)."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        with suppress(psutil.NoSuchProcess):  # it may end while we look
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if "vedette.db.keeper" in line and str(data_dir) in " ".join(line):
                found.append(("keeper", process))
            elif line[-2:] == ["-D", str(data_dir / "pg")]:
                found.append(("postmaster", process))
    return found


def the(kind, data_dir):
    return next(process for name, process in processes(data_dir) if name == kind)


def until(claim, timeout_s=60):
    give_up = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)


def test_the_first_starts_it_and_the_last_stops_it(start, data_dir):
    first, second = start(data_dir), start(data_dir)
    postmaster = the("postmaster", data_dir)
    assert first.ask("write") == "1"
    assert first.leave() == 0
    assert postmaster.is_running()
    assert second.ask("write") == "2"
    assert second.leave() == 0
    assert not postmaster.is_running()
    assert not processes(data_dir)


def test_what_was_written_is_there_at_the_next_start(start, data_dir):
    first = start(data_dir)
    first.ask("write")
    first.leave()
    assert start(data_dir).ask("count") == "1"


def test_five_that_start_at_once_share_one_server(data_dir, start):
    children = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    assert [child.stdout.readline().split()[0] for child in children] == ["ready"] * 5
    assert sorted(name for name, _ in processes(data_dir)) == ["keeper", "postmaster"]
    for child in children:
        child.communicate("leave\n")
        assert child.returncode == 0


def test_postgresql_killed_comes_back_for_whoever_uses_it(start, data_dir):
    user = start(data_dir)
    user.ask("write")
    killed = the("postmaster", data_dir)
    killed.kill()
    assert user.ask("write") == "2"
    assert the("postmaster", data_dir).pid != killed.pid
    assert user.leave() == 0


def test_postgresql_killed_while_it_starts_is_started_again(start, data_dir):
    start(data_dir).leave()

    def kill_the_first():
        until(lambda: any(kind == "postmaster" for kind, _ in processes(data_dir)))
        # One that is ready is another matter: whoever was told so is connecting.
        told = data_dir / "pg" / "postmaster.pid"
        with suppress(StopIteration, psutil.NoSuchProcess):
            postmaster = the("postmaster", data_dir)
            postmaster.suspend()  # else it may become ready between a look and the blow
            if told.exists() and "ready" in told.read_text():
                postmaster.resume()
            else:
                postmaster.kill()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    user = start(data_dir)
    killer.join()
    assert user.first.startswith("ready")
    assert user.ask("write") == "1"
    assert user.leave() == 0


def test_a_keeper_killed_takes_postgresql_along_and_gets_a_successor(start, data_dir):
    first, second = start(data_dir), start(data_dir)
    first.ask("write")
    keeper, postmaster = the("keeper", data_dir), the("postmaster", data_dir)
    keeper.kill()
    until(lambda: not postmaster.is_running())
    assert second.ask("write") == "2"
    assert first.ask("write") == "3"
    assert sorted(name for name, _ in processes(data_dir)) == ["keeper", "postmaster"]


def test_a_user_killed_leaves_the_others_alone(start, data_dir):
    first, second = start(data_dir), start(data_dir)
    postmaster = the("postmaster", data_dir)
    first.kill()
    assert second.ask("write") == "1"
    assert postmaster.is_running()


def test_the_last_user_killed_stops_the_server_clean(start, data_dir):
    user = start(data_dir)
    user.ask("write")
    user.kill()
    until(lambda: not processes(data_dir))
    log = (data_dir / "logs" / "postgresql.log").read_text()
    assert "database system is shut down" in log


def test_after_everything_was_killed_at_once_it_recovers(start, data_dir):
    user = start(data_dir)
    user.ask("write")
    keeper, postmaster = the("keeper", data_dir), the("postmaster", data_dir)
    for process in (postmaster, *postmaster.children(), keeper):
        with contextlib.suppress(psutil.NoSuchProcess):  # the children follow by themselves
            process.kill()
    user.kill()
    until(lambda: not processes(data_dir))
    assert start(data_dir).ask("write") == "2"
    assert "redo" in (data_dir / "logs" / "postgresql.log").read_text()


def test_ctrl_c_in_the_terminal_stops_it_clean_and_fast(start, data_dir):
    user = start(data_dir, start_new_session=True)
    user.ask("write")
    began = time.monotonic()
    interrupt(user)
    until(lambda: not processes(data_dir))
    assert time.monotonic() - began < 30
    log = (data_dir / "logs" / "postgresql.log").read_text()
    assert "database system is shut down" in log
    assert "unexpected postmaster exit" not in log


def test_ctrl_c_in_one_terminal_cuts_off_nobody_in_another(start, data_dir):
    # The first started keeper and PostgreSQL: theirs is the terminal whose Ctrl-C must not reach them.
    first = start(data_dir, start_new_session=True)
    second = start(data_dir, start_new_session=True)
    second.ask("write")
    postmaster = the("postmaster", data_dir)
    interrupt(first)
    assert second.ask("write") == "2"
    assert the("postmaster", data_dir) == postmaster
    log = (data_dir / "logs" / "postgresql.log").read_text()
    for sign in ("terminating connection", "canceling statement", "shutdown request"):
        assert sign not in log
    assert second.leave() == 0


def interrupt(user):
    """Ctrl-C: a signal to every process of the terminal."""
    os.killpg(user.child.pid, signal.SIGINT)
    user.child.stdin.close()
    assert user.child.wait(timeout=30) != 0


@pytest.mark.parametrize("whose", ["strangers", "ours"])
def test_a_pid_file_that_misleads_is_seen_through(start, data_dir, whose):
    start(data_dir).leave()
    stranger = subprocess.Popen(["sleep", "60"])
    pid = stranger.pid if whose == "strangers" else os.getpid()
    run = prepare(data_dir).run  # elsewhere where the directory's own path is too long for a socket
    left = f"{pid}\n{data_dir}/pg\n1700000000\n5432\n{run}\n\n  1 1\nready   \n"
    (data_dir / "pg" / "postmaster.pid").write_text(left)
    (run / ".s.PGSQL.5432.lock").write_text(left)
    try:
        assert start(data_dir).ask("write") == "1"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_counts_as_not_running(start, data_dir):
    start(data_dir).leave()
    zombie = subprocess.Popen(["true"])
    until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    (data_dir / "pg" / "postmaster.pid").write_text(f"{zombie.pid}\n{data_dir}/pg\n1\n5432\n")
    try:
        assert start(data_dir).ask("write") == "1"
    finally:
        zombie.wait()


def test_an_initdb_that_was_interrupted_is_thrown_away(start, data_dir):
    half = data_dir / "pg.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    assert start(data_dir).ask("write") == "1"
    assert not half.exists()


async def test_it_keeps_its_passwords_and_its_socket_to_itself(data_dir):
    data_dir.chmod(0o755)
    async with embedded(data_dir) as running:
        for private in (running.place.passwords, running.place.lock):
            assert stat.S_IMODE(private.stat().st_mode) == 0o600
        assert stat.S_IMODE(running.place.run.stat().st_mode) == 0o700
        assert stat.S_IMODE(running.place.pgdata.stat().st_mode) == 0o700
        assert running.password("vedette_app") not in running.dsn("vedette_app")
        assert not list(data_dir.glob("pg.word*"))
        (_, postmaster), *_ = [p for p in processes(data_dir) if p[0] == "postmaster"]
        assert [c for c in postmaster.net_connections() if c.status == "LISTEN"] == []
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o755, "nobody's folder is changed"


async def test_the_password_is_asked_even_at_the_private_socket(data_dir):
    async with embedded(data_dir) as running:
        wrong = running.dsn("vedette_owner").partition("&passfile")[0] + "&password=guess"
        with pytest.raises(Denied, match="refused the password of vedette_owner"):
            await connect(wrong)


async def test_a_long_path_gets_a_short_private_folder_for_its_socket(tmp_path):
    deep = tmp_path / ("d" * LONGEST_SOCKET_FOLDER) / "data"
    async with embedded(deep) as running:
        assert len(os.fsencode(running.place.run)) < LONGEST_SOCKET_FOLDER
        assert stat.S_IMODE(running.place.run.stat().st_mode) == 0o700
        await (await connect(running.dsn())).close()
    running.place.run.rmdir()


async def test_a_foreign_folder_in_the_place_of_the_short_one_is_refused(tmp_path):
    deep = tmp_path / ("e" * LONGEST_SOCKET_FOLDER) / "data"
    async with embedded(deep) as running:
        run = running.place.run
    run.chmod(0o777)
    try:
        with pytest.raises(Denied, match="not a private folder"):
            async with embedded(deep):
                pass
    finally:
        run.rmdir()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_it_listens_for_grafana_with_scram_when_told_to(data_dir):
    listen = f"127.0.0.1:{free_port()}"
    async with embedded(data_dir, listen=listen) as running:
        async with await connect(running.network_dsn("vedette_grafana")) as conn:
            user = await (await conn.execute("SELECT current_user")).fetchone()
        assert user == ("vedette_grafana",)
        with pytest.raises(Denied, match="refused the password"):
            await connect(f"postgresql://vedette_grafana:guess@{listen}/vedette")
        with pytest.raises(Denied, match="does not let postgres in"):
            await connect(f"postgresql://postgres:{running.password('postgres')}@{listen}/vedette")


async def test_the_socket_has_one_name_whatever_port_it_listens_on(data_dir):
    async with embedded(data_dir) as quiet:
        dsn = quiet.dsn()
    async with embedded(data_dir, listen=f"127.0.0.1:{free_port()}") as running:
        assert running.dsn() == dsn
        await (await connect(dsn)).close()


async def test_a_second_command_cannot_open_what_the_first_keeps_closed(data_dir):
    async with embedded(data_dir):
        with pytest.raises(Conflict, match="without --db-listen"):
            async with embedded(data_dir, listen=f"127.0.0.1:{free_port()}"):
                pass


async def test_a_port_that_is_taken_is_named(data_dir):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(Conflict, match=f"cannot listen on 127.0.0.1:{port}: Address already"):
            async with embedded(data_dir, listen=f"127.0.0.1:{port}"):
                pass


async def test_an_address_that_is_none_is_refused(data_dir):
    with pytest.raises(Invalid, match="is not HOST:PORT"):
        async with embedded(data_dir, listen="5433"):
            pass


async def test_the_operators_settings_win_and_a_wrong_one_is_named(data_dir):
    settings = data_dir / "postgresql.conf"
    settings.write_text("work_mem = 7MB\nfsync = off\n")
    async with embedded(data_dir) as running, await connect(running.dsn()) as conn:
        assert await (await conn.execute("SHOW work_mem")).fetchone() == ("7MB",)
        assert await (await conn.execute("SHOW synchronous_commit")).fetchone() == ("on",)
    settings.write_text("work_mem = lots\n")
    with pytest.raises(Unavailable, match="does not start"):
        async with embedded(data_dir):
            pass


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's PostgreSQL 15")
async def test_programs_of_another_postgresql_can_be_named(data_dir):
    async with embedded(data_dir, pg_bin=DEBIAN) as running, await connect(running.dsn()) as conn:
        assert conn.info.server_version // 10000 == 15


async def test_a_folder_without_programs_is_named(data_dir, tmp_path):
    with pytest.raises(Exception, match=f"no postgres in {tmp_path}"):
        async with embedded(data_dir, pg_bin=tmp_path):
            pass


async def test_a_database_older_than_a_role_gets_it_at_the_next_start(data_dir):
    async with embedded(data_dir) as running:
        await upgrade(running.dsn("vedette_owner"))
        async with await connect(running.dsn("postgres")) as admin:
            await admin.execute("DROP OWNED BY vedette_mig")
            await admin.execute("DROP ROLE vedette_mig")
        words = running.place.read_passwords()
        del words["vedette_mig"]
        running.place.write_passwords(words)
    async with embedded(data_dir) as running:
        assert running.place.read_passwords()["vedette_mig"]
        async with await connect(running.dsn("vedette_mig")) as conn:
            found = await conn.execute("SELECT count(*) FROM agents")
            assert await found.fetchone() == (0,)
