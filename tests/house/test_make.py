"""The words one types here: make's targets, the environment it makes, the locked dependencies."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
from tests.house.tree import ROOT

PROMISED = {
    "up", "dev", "install", "test", "check", "fmt", "bench", "soak", "proto", "schema", "docs", "pictures",
    "release", "lock", "clean",
}  # fmt: skip


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip


def test_make_alone_lists_what_there_is_to_make():
    said = run("make")
    assert said.returncode == 0, said.stderr
    listed = set(re.findall(r"^  make (\w+) +\S", said.stdout, re.MULTILINE))
    assert listed == PROMISED | {"help"}


@pytest.mark.parametrize("target", sorted(PROMISED))
def test_every_target_can_be_planned_where_nothing_is_installed(target, tmp_path):
    said = run("make", "--dry-run", target, f"VENV={tmp_path / 'none'}")
    assert said.returncode == 0, said.stderr


def test_a_machine_without_a_new_enough_python_is_told_so_in_one_line(tmp_path):
    # A PATH on which `python3` is an old one, and nothing else that the script needs is missing.
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for tool in ("sh", "rm"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    said = run("sh", "tools/venv.sh", str(tmp_path / "venv"), PATH=str(tmp_path))
    assert said.returncode == 1
    assert said.stderr.startswith("vedette: no Python 3.11 or newer was found (")
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_pins_every_package_by_hash_and_names_no_place(lock):
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    assert not re.search(r"https?:|file:|^-|index", text, re.MULTILINE)
    for line in text.splitlines():
        assert re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_the_lock_holds_every_dependency_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {_name(r) for r in project["project"]["dependencies"]}
    assert wanted - _pinned("requirements.lock") == set()
    wanted |= {_name(r) for group in project["dependency-groups"].values() for r in group}
    assert wanted - _pinned("requirements-dev.lock") == set()


def test_both_locks_agree():
    run_time, developers = (ROOT / n for n in ("requirements.lock", "requirements-dev.lock"))
    pins = set(re.findall(r"^[\w.-]+==\S+", developers.read_text(), re.MULTILINE))
    assert set(re.findall(r"^[\w.-]+==\S+", run_time.read_text(), re.MULTILINE)) - pins == set()


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def _pinned(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
