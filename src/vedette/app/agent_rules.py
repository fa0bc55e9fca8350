"""What the local agent of `up` may read: exactly what the settings file it was given names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vedette.app.data_dir import write_private
from vedette.app.settings import LOCAL_AGENT, Settings

AGENT_YAML = "agent.yaml"
HEADER = """\
# `vedette up` writes `env` and `secret_files` from its settings file at every start.
# Every other key is yours and is kept: trust, actions, limits, commands, secrets_dir, reach, spool, tags, metrics.
"""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def keep_agent_rules(directory: Path, settings: Settings) -> bool:
    """Write the agent's `agent.yaml`; return whether it changed."""
    import yaml

    path = directory / AGENT_YAML
    before = path.read_text("utf-8") if path.exists() else ""
    rules = yaml.safe_load(before) or {}
    env, files = secrets_named(settings)
    rules |= {"env": sorted(env), "secret_files": sorted(files)}
    after = HEADER + yaml.safe_dump(rules, sort_keys=False, allow_unicode=True)
    if after == before:
        return False
    write_private(path, after)
    return True


def secrets_named(settings: Settings) -> tuple[set[str], set[str]]:
    """Return the variables and files that targets of the local agent name."""
    env: set[str] = set()
    files: set[str] = set()
    for target in settings.targets:
        if not any(who in {LOCAL_AGENT, "*"} or who.startswith("tag:") for who in target.agents):
            continue
        for key, value in target.settings.items():
            if key.endswith("_file") and isinstance(value, str):
                files.add(value)
            env.update(match for text in _texts(value) for match in _VARIABLE.findall(text))
    return env, files


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - as YAML has it
    if isinstance(value, str):
        yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(part)
