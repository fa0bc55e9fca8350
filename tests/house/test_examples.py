"""Every example of the pages holds: settings are accepted, commands exist, JSON and YAML are read.

A block says what it is in its first line: `yaml settings` is a whole settings file. Every `vedette …`
line of a `sh` block names a command, and flags, that there are.
"""

import json
import re
import shlex

import pytest
import yaml
from tests.house.tree import ROOT, files

from vedette import plugins
from vedette.app.tree import run

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [p for p in files() if p.suffix == ".md" and "decisions" not in p.parts]


def blocks(language: str, mark: str = "") -> list[object]:
    """The blocks of a language, each named by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.finditer(text):
            if block.group(1) == language and mark in block.group(2):
                line = text.count("\n", 0, block.start()) + 1
                found.append(pytest.param(block.group(3), id=f"{page.relative_to(ROOT)}:{line}"))
    return found


@pytest.mark.parametrize("text", blocks("yaml", "settings"))
def test_a_settings_example_is_accepted(text, tmp_path, capsys):
    (tmp_path / "vedette.yaml").write_text(text)
    code = run(["config", "check", str(tmp_path / "vedette.yaml")])
    assert (code, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_yaml_example_can_be_read(text):
    assert yaml.safe_load(text) is not None


@pytest.mark.parametrize("text", blocks("json"))
def test_a_json_example_can_be_read(text):
    json.loads(text)


RUN = {"add-a-kind.md"}
"""Pages whose commands are run to the letter: some are those of the plugin that the page builds."""


def commands() -> dict[str, str]:
    """`vedette …` line → the page that shows it."""
    shown: dict[str, str] = {}
    for page in PAGES:
        if page.name in RUN:
            continue
        for block in BLOCK.finditer(page.read_text()):
            if block.group(1) in {"sh", "console"}:
                joined = block.group(3).replace("\\\n", " ")
                for line in re.findall(r"^(?:\$ )?(vedette .+)$", joined, re.MULTILINE):
                    shown.setdefault(line, str(page.relative_to(ROOT)))
    return shown


ONE_LINERS = (["act", "write"], ["act", "run"], ["agent", "query"])


@pytest.mark.parametrize(("line", "page"), commands().items())
def test_a_command_of_the_pages_exists_with_its_flags(line, page, capsys):
    words = shlex.split(re.split(r"\s[|>]\s", line)[0], comments=True)[1:]
    path = [word for word in words if re.fullmatch(r"[a-z]+", word)][:2]
    flags = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    if run([*path, "--help"]) != 0:  # the second word was an argument, not a command
        capsys.readouterr()
        assert run([*path[:1], "--help"]) == 0
    if path in ONE_LINERS and words[2] in plugins.names("vedette.modules"):
        run([*path, words[2], "help"])  # the module's own flags
    said = capsys.readouterr().out
    missing = {f for f in flags if not re.search(rf"(?<![\w-]){re.escape(f)}(?![\w-])", said)}
    assert missing == set(), f"{page}: {line}"
