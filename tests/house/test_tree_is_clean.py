"""What must not stand in the tree: places of one machine, secrets, things that are made."""

import re
import tomllib
from importlib import import_module

import pytest
from tests.house.tree import ROOT, SRC, files, rooms, sources

from vedette import __version__, plugins

# Written so that this file does not find itself.
PLACES = re.compile(
    "|".join(
        [
            "/wo" + "rk/",
            # What a host's superuser and our made-up people keep is what modules look for.
            "/ro" + r"ot/(?!\.ssh/)",
            "/tmp/ve" + "nv",
            r"/home/(?!(ada|bob|eve|a)/)\w+/",
            r"https?://[\w.-]+\.(inter" + "nal|corp|lan|intra)\\b",
        ]
    )
)
# The mark alone is what a module knows a key by; a key has its letters after it.
KEYS = re.compile(
    "-----BEGIN (RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE" + r" KEY-----\s*(\\n)?[A-Za-z0-9+/=]{40}"
)
TEXT = {".py", ".sql", ".md", ".toml", ".sh", ".yaml", ".yml", ".json", ".html", ".css", ".svg",
        ".proto", ".ini", ".txt", ".lock", "", ".service", ".pyi"}  # fmt: skip


def texts():
    for path in files():
        if path.suffix in TEXT:
            yield path, path.read_text(errors="replace")


def test_no_place_of_one_machine_stands_in_the_tree():
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in texts()
        if (match := PLACES.search(text))
    ]
    assert found == []


def test_no_private_key_stands_in_the_tree():
    assert [str(p.relative_to(ROOT)) for p, text in texts() if KEYS.search(text)] == []


def test_no_large_file_stands_in_the_tree():
    assert [str(p.relative_to(ROOT)) for p in files() if p.stat().st_size > 1_000_000] == []


def test_every_folder_of_code_is_a_package_with_a_word_about_itself():
    silent = [
        str(path.relative_to(SRC))
        for path in sources()
        if path.name == "__init__.py" and len(path.read_text().strip().strip('"').strip()) < 20
    ]
    assert silent == []
    folders = {path.parent for path in sources() if "versions" not in path.parts}
    assert [
        str(f) for f in folders if not (f / "__init__.py").exists() and f.name != "migrations"
    ] == []


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for group, table in plugins.BUILT_IN.items() for name in table],
)
def test_every_built_in_plugin_can_be_loaded(group, name):
    assert plugins.load(group, name) is not None


def test_every_program_of_the_package_can_be_loaded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project["scripts"].values():
        module, _, attribute = target.partition(":")
        assert callable(getattr(import_module(module), attribute))


def test_the_changelog_begins_with_the_version():
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading is not None
    assert heading.group(1) == __version__


def test_every_room_has_tests():
    tested = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in files()
        if path.match("tests/**/test_*.py")
    }
    # automation is empty until incidents come.
    assert [room for room in rooms() if room not in tested | {"automation"}] == []
