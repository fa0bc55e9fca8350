"""Write the reference of settings, command line and REST from the code itself.

`python tools/generate_reference.py` writes the pages and the settings' JSON Schema, `--check` says
which are stale and ends with 1.
"""

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
from cyclopts import App

from vedette.app.http import openapi, rooms_routes
from vedette.app.settings_schema import settings_schema, settings_schema_json
from vedette.app.tree import EPILOGUE, tree
from vedette.app.urls import URLS

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
SCHEMA = ROOT / "src" / "vedette" / "app" / "settings.schema.json"
NOTE = "This page is generated from the code by `make docs`."

ABOUT_REST = (
    "Every URL with the scope its token needs; `admin` holds every scope. `/openapi.json` of a "
    "running server tells the shapes. Errors are RFC 9457 problems; lists come in pages, the next "
    'in `Link: <…>; rel="next"`; an unknown query parameter is an error.'
)


def settings_page() -> str:
    """Return the page of the settings file: every key, its kind, default and meaning."""
    schema = settings_schema()
    parts = [
        "# Settings",
        NOTE,
        "`vedette config check FILE` checks a file, `vedette config schema` prints its schema.",
    ]
    parts += _mapping("The file", schema)
    for key, value in schema["properties"].items():
        reference = value.get("$ref") or value["items"]["$ref"]
        parts += _mapping(f"`{key}`", schema["$defs"][reference.rpartition("/")[2]])
    parts += _mapping("`targets[].component`", schema["$defs"]["ComponentSettings"])
    parts += _mapping("`incidents.policy`", schema["$defs"]["PolicySettings"])
    return "\n\n".join(parts) + "\n"


def _mapping(title: str, part: dict[str, Any]) -> list[str]:
    rows = ["| key | kind | default | meaning |", "| --- | --- | --- | --- |"]
    for key, value in part["properties"].items():
        default = "required" if key in part.get("required", ()) else _default(value)
        rows.append(f"| `{key}` | {_kind(value)} | {default} | {value.get('description', '')} |")
    return [f"## {title}", part["description"], "\n".join(rows)]


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    return "" if default in (None, [], {}) else f"`{default}`"


def _kind(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        value = next(each for each in value["anyOf"] if each.get("type") != "null")
    if "$ref" in value:
        return "mapping"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}"
    if "ms)?$" in value.get("pattern", ""):
        return "duration"
    if "enum" in value:
        return " or ".join(f"`{word}`" for word in value["enum"])
    kinds = {
        "string": "text",
        "integer": "whole number",
        "object": "mapping",
        "boolean": "true or false",
    }
    return "HOST:PORT" if "pattern" in value else kinds.get(value.get("type", ""), "anything")


def cli_page() -> str:
    """Return the page of the command line: every command with its arguments."""
    parts = ["# Command line", NOTE, EPILOGUE]
    for path, app in _commands(tree(), ()):
        parts.append(f"## vedette {' '.join(path)}")
        parts.append(cleandoc(app.help or "").partition("\n\nParameters\n")[0])
        rows = []
        for argument in app.assemble_argument_collection(parse_docstring=True):
            if not argument.show:
                continue
            names = ", ".join(f"`{name}`" for name in argument.names)
            env = ", ".join(f"`{name}`" for name in argument.parameter.env_var or ())
            meaning = (argument.parameter.help or "").replace("|", "\\|").replace("\n", " ")
            rows.append(
                f"| {names or f'`{argument.field_info.name.upper()}`'} | {env} | {meaning} |"
            )
        if rows:
            parts.append(
                "\n".join(["| argument | environment | meaning |", "| --- | --- | --- |", *rows])
            )
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(app: App, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    if app.default_command is not None:
        yield path, app
    for name in sorted(app):
        if not name.startswith("-"):
            yield from _commands(app[name], (*path, name))


def rest_page() -> str:
    """Return the page of URLs, each with the scope its token needs."""
    document = msgspec.json.decode(openapi(rooms_routes()))
    rows = ["| method | path | permission | what it does |", "| --- | --- | --- | --- |"]
    for url in URLS:
        operation = document["paths"].get(url.path, {}).get(url.method.lower(), {})
        meaning = operation.get("description", "").partition("\n")[0]
        rows.append(f"| {url.method} | `{url.path}` | {url.permission} | {meaning} |")
    return (
        "\n\n".join(
            [
                "# REST and pages",
                NOTE,
                ABOUT_REST,
                "\n".join(rows),
            ]
        )
        + "\n"
    )


def pages() -> dict[Path, str]:
    """Return every generated file and what it should say."""
    return {
        PAGES / "settings.md": settings_page(),
        PAGES / "command-line.md": cli_page(),
        PAGES / "rest.md": rest_page(),
        SCHEMA: settings_schema_json(),
    }


def main() -> int:
    """Write or check; return 1 when something is stale."""
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: make docs writes it anew")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages()[path], "utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
