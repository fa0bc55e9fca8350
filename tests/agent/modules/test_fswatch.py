"""What the tree of watched files says, by real inotify; how it is kept running stands in test_persist."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vedette.agent.modules import fswatch, fswatch_tree
from vedette.agent.modules.fswatch import Alerts
from vedette.agent.modules.fswatch_inotify import OVERFLOW, Happened, Inotify
from vedette.agent.modules.fswatch_tree import Severity, Tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


class World:
    """A tree over a folder, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[tuple[int, str]] = []
        self.inotify = Inotify()
        self.tree = Tree(self.inotify, lambda severity, words: self.said.append((severity, words)))

    def add(self, path: Path | None = None, *, recursive: bool = False) -> None:
        self.tree.add(os.fsencode(path or self.folder), recursive=recursive)

    def new(self) -> list[str]:
        """Take what has happened and return what is said of it."""
        self.said.clear()
        self.tree.happened(self.inotify.read())
        return [words.replace(f"{self.folder}/", "") for _, words in self.said]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.inotify.close()


def test_how_it_was_is_not_told(world: World) -> None:
    (world.folder / "old").write_text("x")
    world.add()
    assert world.new() == []
    (world.folder / "old").write_text("x")
    assert world.new() == [], "it was written, and holds the same"


def test_what_happens_many_times_at_once_is_looked_at_once(world: World) -> None:
    world.add()
    for number in range(100):
        (world.folder / "busy").write_text(str(number))
    (said,) = world.new()
    assert said.startswith("monitored path busy appeared: ")


def test_events_that_the_kernel_lost_are_made_up_for(world: World) -> None:
    changed, gone = world.folder / "changed", world.folder / "gone"
    changed.write_text("one")
    gone.write_text("x")
    world.add(recursive=True)
    changed.write_text("two")
    gone.unlink()
    (world.folder / "sub").mkdir()
    (world.folder / "sub/new").write_text("n")
    list(world.inotify.read())  # as if they had not come
    world.said.clear()
    world.tree.happened(iter([Happened(-1, OVERFLOW, b"")]))
    said = "\n".join(words for _, words in world.said)
    assert "events" in said
    assert "changed changed: " in said
    assert "gone disappeared" in said
    assert "sub/new appeared" in said
    (world.folder / "sub/new").write_text("m")
    assert any("sub/new changed" in words for words in world.new())


def test_a_folder_and_a_file_in_it_may_both_be_named(world: World) -> None:
    (world.folder / "file").write_text("x")
    world.add()
    world.add(world.folder / "file")
    (world.folder / "other").write_text("x")
    (world.folder / "file").write_text("y")
    assert len(world.new()) == 2


def test_two_files_of_a_folder_may_be_named(world: World) -> None:
    for name in ("a", "b", "c"):
        (world.folder / name).write_text("x")
    world.add(world.folder / "a")
    world.add(world.folder / "b")
    for name in ("a", "b", "c"):
        (world.folder / name).write_text("y")
    assert [words.split()[2] for words in world.new()] == ["a", "b"]


def test_a_folder_that_goes_is_told_and_watched_again_when_it_comes(world: World) -> None:
    folder = world.folder / "sub"
    folder.mkdir()
    world.add(folder)
    folder.rmdir()
    assert "monitored directory sub disappeared" in world.new()
    folder.mkdir()
    world.tree.look_again()
    (folder / "new").write_text("x")
    assert any("sub/new appeared" in words for words in world.new())


def test_a_pipe_is_nothing_to_look_into(world: World) -> None:
    world.add()
    os.mkfifo(world.folder / "pipe")
    begun = time.monotonic()
    assert world.new() == []
    assert time.monotonic() - begun < 1


def test_a_name_that_is_no_text_is_told_escaped(world: World) -> None:
    world.add()
    (world.folder / os.fsdecode(b"odd\xff\n")).write_text("x")
    (said,) = world.new()
    assert said.startswith("monitored path odd\\xff\n appeared")


def test_of_a_long_file_size_and_time_are_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fswatch_tree, "HASHED_BYTES", 10)
    (world.folder / "long").write_text("x" * 11)
    world.add()
    (world.folder / "long").write_text("x" * 12)
    (said,) = world.new()
    assert "11 bytes at" in said
    assert "12 bytes at" in said


def test_more_folders_than_are_watched_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fswatch_tree, "MOST_FOLDERS", 3)
    for number in range(5):
        (world.folder / str(number)).mkdir()
    world.add(recursive=True)
    (only,) = world.said
    assert only[0] == Severity.HIGH
    assert "more than 3 folders" in only[1]


def test_the_deepest_tree_is_watched(world: World) -> None:
    deep = os.open(world.folder, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=deep)
        deeper = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    world.add(recursive=True)
    subprocess.run(("rm", "-r", world.folder / "d"), check=True)  # Python's own goes down by calls
    assert not world.said


def test_the_same_alert_is_told_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    class Heard:
        def tell(self, event: Any) -> None:
            told.append(event)

    heard: Any = Heard()
    alerts = Alerts(heard)
    for _ in range(3):
        alerts(Severity.HIGH, "x changed")
    alerts(Severity.MEDIUM, "y changed")
    assert told == [{"severity": 2, "alert": "x changed"}, {"severity": 3, "alert": "y changed"}]
    monkeypatch.setattr(fswatch, "SAME_S", 0.0)
    alerts(Severity.HIGH, "x changed")
    assert len(told) == 3
