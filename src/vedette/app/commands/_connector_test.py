"""How `vedette connectors test` reads its settings and shows what a look saw."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vedette.agent.try_once import Tried
from vedette.cli.output import Listing, paint, plain, show
from vedette.errors import Invalid
from vedette.yaml_file import parse_yaml, read_yaml

WANTED = ("settings", "requests", "keep", "drop", "thresholds")
_LISTING = Listing("measurements", ("name", "entity", "value", "unit", "help"), "name")


def target_of(pairs: Sequence[str], file: Path | None) -> Mapping[str, Any]:
    """Return a target from `key=value` pairs and a YAML file of settings, or of a whole target."""
    said: Any = read_yaml(file).value if file else {}
    if not isinstance(said, dict):
        raise Invalid(f"{file} holds no map of settings")
    # A file with `settings:` in it is a target as the settings file has it.
    target = dict(said) if "settings" in said else {"settings": said}
    settings = dict(target.get("settings") or {})
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid(f"{pair!r} is no setting", hint="write key=value")
        settings[key] = parse_yaml(value).value
    return {**{key: target[key] for key in WANTED if key in target}, "settings": settings}


def say_tried(tried: Tried, output: str) -> str:
    """Return everything the look saw."""
    said = tried.as_json()
    if output == "json":
        return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    if output == "yaml":
        import yaml

        return str(yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
    return _table(said)


def _table(said: Mapping[str, Any]) -> str:
    import io

    out = io.StringIO()
    out.write(f"state    {paint(said['state']) if _coloured() else said['state']}\n")
    if said["error_class"]:
        out.write(f"class    {said['error_class']}\n")
        out.write(f"message  {plain(said['message'])}\n")
    if said["rtt_s"] is not None:
        out.write(f"rtt      {said['rtt_s'] * 1000:.3g} ms\n")
    if said["measurements"]:
        out.write("\n")
        rows = [{**m, "value": f"{m['value']:.6g}"} for m in said["measurements"]]
        show(rows, _LISTING, "table", out=out)
    if said["facts"]:
        out.write("\n")
        out.writelines(f"{plain(name)}: {plain(text)}\n" for name, text in said["facts"].items())
    return out.getvalue()


def _coloured() -> bool:
    import sys

    from vedette.cli.output import is_coloured

    return is_coloured(sys.stdout)
