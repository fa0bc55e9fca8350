"""The JSON Schema of the settings file: made from the code and shipped beside it."""

from typing import Any

import msgspec

from vedette.app.settings import Settings

NAME = "urn:vedette:settings"


def settings_schema() -> dict[str, Any]:
    """Return JSON Schema 2020-12 of the whole file; every key carries its help."""
    (root,), components = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    defs = {name: _plain(part) for name, part in sorted(components.items())}
    top = defs.pop(root["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": NAME,
        **top,
        "title": "Vedette settings",
        "$defs": defs,
    }


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    # msgspec titles every object with its class, which is our word and not the operator's.
    part = {key: value for key, value in part.items() if key != "title"}
    part["description"] = part.get("description", "").partition("\n")[0]
    return part


def settings_schema_json() -> str:
    """Return the schema as the text of `settings.schema.json`."""
    return msgspec.json.format(msgspec.json.encode(settings_schema()), indent=2).decode() + "\n"
