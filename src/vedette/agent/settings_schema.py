"""A target's `settings`, checked and parsed by what its connector says; also as JSON Schema."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from vedette import durations
from vedette.agent.connector import Description, Setting
from vedette.errors import Invalid

_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")

_JSON_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": ["integer", "string"]},
    "float": {"type": ["number", "string"]},
    "bool": {"type": ["boolean", "string"]},
    "duration": {"type": ["string", "number"]},
    "list": {"type": ["array", "string"]},
    "map": {"type": "object"},
}


def parse(
    description: Description, settings: Mapping[str, Any], *, references: bool = False
) -> dict[str, Any]:
    """Return every setting the connector knows with its type and default; durations as seconds.

    references: let `NAME_file` and `${NAME}` stand, for whoever may not read what they name
    (the server); a required setting that is only referred to then counts as given.
    Parsing what was parsed changes nothing. Raises `Invalid`, naming the key and the way out.
    """
    known = {setting.name: setting for setting in description.settings}
    for key in settings:
        if key not in known and not (references and _refers(key, known)):
            raise _unknown(description, key)
    parsed: dict[str, Any] = {}
    for name, setting in known.items():
        value = settings.get(name)
        if value is None:
            if setting.required and not (references and f"{name}_file" in settings):
                raise Invalid(f"{description.name} needs the setting {name!r}", hint=setting.help)
            parsed[name] = setting.default
        elif references and isinstance(value, str) and _REFERENCE.search(value):
            parsed[name] = value
        else:
            parsed[name] = _PARSERS[setting.type](setting, value)
    return parsed


def json_schema(description: Description) -> dict[str, Any]:
    """Return JSON Schema 2020-12 of the connector's settings, references included."""
    properties: dict[str, Any] = {}
    for setting in description.settings:
        properties[setting.name] = {**_JSON_TYPES[setting.type], "description": setting.help}
        if setting.default is not None:
            properties[setting.name]["default"] = setting.default
        if setting.type == "str":
            properties[f"{setting.name}_file"] = {
                "type": "string",
                "description": f"A file on the agent's host that holds {setting.name!r}.",
            }
    needs: dict[str, Any] = {
        "allOf": [
            {"anyOf": [{"required": [setting.name]}, {"required": [f"{setting.name}_file"]}]}
            for setting in description.settings
            if setting.required
        ]
    }
    return {
        "type": "object",
        "description": description.help,
        "properties": properties,
        "additionalProperties": False,
        **(needs if needs["allOf"] else {}),
    }


def _refers(key: str, known: Mapping[str, Setting]) -> bool:
    setting = known.get(key.removesuffix("_file"))
    return setting is not None and setting.type == "str"


def _unknown(description: Description, key: str) -> Invalid:
    names = [setting.name for setting in description.settings]
    near = get_close_matches(str(key), names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"it knows: {', '.join(names)}"
    return Invalid(f"{description.name} has no setting {key!r}", hint=hint)


def _wrong(setting: Setting, value: object, wanted: str) -> Invalid:
    given = "what was given" if setting.secret else repr(value)
    return Invalid(f"the setting {setting.name!r} must be {wanted}, not {given}", hint=setting.help)


def _text(setting: Setting, value: object) -> str:
    # YAML reads an unquoted 1234 as a number; a name or password may well be one.
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise _wrong(setting, value, "a text")


def _whole(setting: Setting, value: object) -> int:
    try:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise _wrong(setting, value, "a whole number")
        return int(value)
    except ValueError:
        raise _wrong(setting, value, "a whole number") from None


def _number(setting: Setting, value: object) -> float:
    try:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise _wrong(setting, value, "a number")
        return float(value)
    except ValueError:
        raise _wrong(setting, value, "a number") from None


def _truth(setting: Setting, value: object) -> bool:
    # `${VERIFY}` always yields a text.
    words = {"true": True, "yes": True, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise _wrong(setting, value, "true or false")


def _duration(setting: Setting, value: object) -> float:
    try:
        return durations.seconds(value)
    except Invalid:
        raise _wrong(setting, value, "a duration such as 5s") from None


def _list(setting: Setting, value: object) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str | int):
        return [value]
    raise _wrong(setting, value, "a list")


def _map(setting: Setting, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    raise _wrong(setting, value, "a map of names to values")


_PARSERS: dict[str, Callable[[Setting, Any], Any]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "duration": _duration,
    "list": _list,
    "map": _map,
}
