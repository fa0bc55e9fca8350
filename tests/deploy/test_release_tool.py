"""`make release`: what it packs is a release that an agent's host takes, and the same whoever packs it."""

import hashlib
import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from vedette.agent.release import Releases, release_of

TOOL = Path(__file__).parents[2] / "tools/release.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("release_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lib(tmp_path):
    """The libraries of an agent that says where it was started from."""
    folder = tmp_path / "build/lib/vedette/app/commands"
    folder.mkdir(parents=True)
    (folder / "agent.py").write_text("import sys\ndef main():\n    print(sys.argv[1], __file__)\n")
    return tmp_path / "build/lib"


def test_what_is_packed_is_taken_and_starts_from_its_own_libraries(
    tool, lib, tmp_path, monkeypatch
):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / tool.PYTHON).symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    made = tool.archive(17, "1.4.2", lib)
    digest = hashlib.sha256(made).hexdigest()
    placed = Releases(tmp_path / "releases").place(made, digest)
    assert (placed.release.number, placed.release.version) == (17, "1.4.2")
    program = tmp_path / "releases/current/bin/vedette-agent"
    (tmp_path / "vedette").mkdir()  # of the folder it is started in, which it must not import
    monkeypatch.chdir(tmp_path)
    said = os.popen(f"{program} hello").read().split()
    assert said == ["hello", f"{placed.folder}/lib/vedette/app/commands/agent.py"]


def test_the_same_libraries_are_packed_to_the_same_bytes_whenever(tool, lib, monkeypatch):
    made = tool.archive(17, "1.4.2", lib)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    for path in lib.rglob("*.py"):
        path.touch()
    assert tool.archive(17, "1.4.2", lib) == made
    assert release_of(made).number == 17


def test_the_lock_names_what_modules_need_by_hash(tool):
    lines = tool.locked(*tool.MODULES)
    assert all(f"{name}==" in lines for name in tool.MODULES)
    assert lines.count("==") == len(tool.MODULES)
