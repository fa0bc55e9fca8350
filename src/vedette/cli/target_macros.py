"""Targets by a name of one's own: `targets.yaml` beside the sessions, and what `~/.migrc` has."""

import re
from pathlib import Path

from vedette.actions.target_text import expand
from vedette.cli import session_file
from vedette.cli.whole_file import read_whole
from vedette.errors import Invalid
from vedette.yaml_file import read_yaml

NAME = "targets.yaml"
MIGRC = ".migrc"
MIGRC_BYTES = 1 << 20

_SECTION = re.compile(r"\s*\[\s*([^\]\s]*)[^\]]*\]")
_MACRO = re.compile(r'\s*macro\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;#]*))', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")


def expanded(target: str) -> str:
    """Return the target, or what its name stands for on this machine; raises Invalid for no such name."""
    return expand(target, macros())


def macros() -> dict[str, str]:
    """Return the names this user gave to targets; ours win over MIG's. Raises Invalid."""
    return _migs(Path.home() / MIGRC) | _own(session_file.path().with_name(NAME))


def _own(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    found = read_yaml(path).value
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Invalid(f"{path} must give names to targets", hint="as in web: tag:role=web")
    return {str(name): target for name, target in found.items()}


def _migs(path: Path) -> dict[str, str]:
    """Return the macros of `[targets]`: lines `macro = name:expression`, quoted or not."""
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    section = ""
    for line in read_whole(path, limit=MIGRC_BYTES).decode(errors="replace").splitlines():
        if heading := _SECTION.match(line):
            section = heading[1].casefold()
        elif section == "targets" and (macro := _MACRO.match(line)):
            quoted, bare = macro.groups()
            text = bare.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
            name, separator, target = text.partition(":")
            if separator and name and target:
                found[name] = target
    return found
