"""How a host's files are read: never outside its root, never for ever."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.agent.modules.asking import plant

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import exists, linked, names, place, read, read_text

PLACES = ("x", "y", "d/x", "d/y", "d/e/x")
paths = some.lists(some.sampled_from(("d", "e", "x", "y", "..")), min_size=1, max_size=6).map(
    "/".join
)
targets = some.one_of(paths, paths.map("/{}".format), paths.map("../../../../{}".format))


@settings(max_examples=60, deadline=None)
@given(links=some.dictionaries(some.sampled_from(PLACES), targets), asked=targets)
def test_whatever_the_links_nothing_outside_a_root_is_reached(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], asked: str
) -> None:
    root = tmp_path_factory.mktemp("outside") / "root"
    (root / "d/e").mkdir(parents=True)
    for name, to in links.items():
        (root / name).symlink_to(to)
    try:
        reached = place(Context(root=root), asked)
    except OSError:
        return
    assert ".." not in reached.parts
    assert reached.resolve() == reached  # no link is left on the way
    assert reached.is_relative_to(root)


def test_links_are_followed_as_they_would_be_there(tmp_path: Path) -> None:
    context = plant(tmp_path, {"usr/lib/os-release": "ID=x"})
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to("../usr/lib/os-release")
    (tmp_path / "lib").symlink_to("/usr/lib")
    assert read(context, "/etc/os-release") == b"ID=x"
    assert read_text(context, "/lib/os-release") == "ID=x"
    assert linked(context, "/etc/os-release") == "../usr/lib/os-release"
    assert linked(context, "/usr/lib/os-release") is None


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("/a")
    context = Context(root=tmp_path)
    assert not exists(context, "/a")
    assert names(context, "/a") == []
    with pytest.raises(OSError, match="symbolic links"):
        read(context, "/a")


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in ("/pipe", "/folder"):
        with pytest.raises(OSError):
            read(Context(root=tmp_path), path)
    with pytest.raises(OSError, match="no regular file"):
        read(Context(), "/dev/zero")


def test_a_file_is_read_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    context = plant(tmp_path, {"file": b"x" * 200_000})
    assert len(read(context, "/file", limit=200_000)) == 200_000
    with pytest.raises(OSError, match="longer than 199999 bytes"):
        read(context, "/file", limit=199_999)


def test_what_is_no_utf8_is_told_all_the_same(tmp_path: Path) -> None:
    assert read_text(plant(tmp_path, {"file": b"a\xffb"}), "/file") == "a\\xffb"
