"""Write docs/reference/connectors.md from what the connectors say of themselves.

`generate_connectors.py` writes the page; with `--check` it only says whether the page is stale.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from vedette import plugins
from vedette.actions.model import Command
from vedette.agent.connector import Description, Setting
from vedette.agent.connectors.errors import CLASSES
from vedette.agent.packs import shown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "connectors.md"

HEAD = """# Connectors

*Generated from the code by `make docs`.*

A connector looks at a target and brings home a report: a state (`up`, `unknown`, `initialising`,
`draining`, `degraded`, `down`), an error class when it is not up, the round-trip time, measurements,
and texts such as the version. The settings below stand under `settings:` of a target. A setting of
type `str` may also be given as `NAME_file`, a file on the agent's host, or hold `${NAME}`, a variable
of the agent's environment; the host's `agent.yaml` says which of them may be read. A `duration` is
written `500ms`, `5s`, `1m30s`, `2h`, `14d`.

What is our own fault (credentials refused, no route from here, no file handles) is `unknown`, never
`down`. A threshold on a measurement turns `up` into `degraded` once the measurement is past it;
[`thresholds`](../how-to/thresholds.md) of a target move, add and lift them.
"""


def page() -> str:
    """Return the whole page."""
    builtin = sorted(plugins.BUILT_IN["vedette.connectors"])
    parts = [HEAD]
    parts += [_connector(plugins.load("vedette.connectors", name).description) for name in builtin]
    parts.append("## Error classes\n")
    parts.append(_table(("class", "meaning"), ((f"`{c}`", words) for c, words in CLASSES.items())))
    return "\n".join(parts)


def _connector(said: Description) -> str:
    entities = ", ".join(f"`{kind}:…`" for kind in said.entities)
    return "\n".join(
        [
            f"## {said.name}\n",
            said.help + (f" Entities: {entities}." if entities else "") + "\n",
            _table(
                ("setting", "type", "default", "meaning"),
                ((f"`{s.name}`", s.type, _default(s), s.help) for s in said.settings),
            ),
            _table(
                ("measurement", "unit", "degraded", "meaning"),
                ((f"`{m.name}`", m.unit, _threshold(said, m.name), m.help) for m in said.measures),
            ),
            _table(
                ("command", "parameters", "scope", "answers"),
                ((f"`{c.name}`", _parameters(c), f"`{c.scope}`", c.help) for c in said.commands),
            )
            if said.commands
            else "",
        ]
    )


def _parameters(command: Command) -> str:
    return ", ".join(
        f"`{each.name}={'…' if each.default is None else each.default}`"
        for each in command.parameters
    )


def _threshold(said: Description, name: str) -> str:
    if name not in said.pack:
        return ""
    words = shown(said.pack[name])
    return words if words.startswith("below") else f"above {words}"


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    if setting.secret:
        return "secret"
    if setting.default is None:
        return ""
    if setting.type == "duration":
        return f"`{_spell(setting.default)}`"
    return f"`{str(setting.default).lower() if setting.type == 'bool' else setting.default}`"


def _spell(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *(list(row) for row in rows)]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |".replace("|  |", "| |") for line in cells) + "\n"


def main() -> int:
    """Write, or check."""
    text = page()
    if "--check" in sys.argv[1:]:
        fresh = PAGE.exists() and PAGE.read_text() == text
        print(f"{PAGE.name} is {'fresh' if fresh else 'stale: run make docs'}")
        return 0 if fresh else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
