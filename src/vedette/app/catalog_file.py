"""Reading a catalogue: the components of a status page, as a Status Dashboard's `catalog.yaml` has them.

Beside `components` it may hold `services`, written as in our own settings file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from vedette.app.settings import ServiceSettings, declared_service
from vedette.errors import Invalid, Missing
from vedette.fleet.catalog_rules import Entry
from vedette.fleet.model import Declaration
from vedette.fleet.resolve import resolve
from vedette.trust.names import checked_label, checked_tags
from vedette.yaml_file import Document, read_yaml

LIMIT = 20_000
"""Components of one catalogue."""

KEYS = {"components", "services"}
ENTRY_KEYS = {"name", "attributes", "was"}


def find_catalog(given: Path | None, data_dir: Path) -> Path:
    """Return the file that is meant: the one given, else one of the two usual places; raises Missing."""
    if given is not None:
        return given
    usual = (Path("instance", "catalog.yaml"), data_dir / "catalog.yaml")
    found = next((path for path in usual if path.is_file()), None)
    if found is None:
        raise Missing(
            "there is no catalogue: neither " + " nor ".join(map(str, usual)), hint="name the file"
        )
    return found


def read_catalog(path: Path) -> list[Entry]:
    """Return what the file names; raises Missing, or Invalid with the line of what is wrong."""
    document = read_yaml(path)
    value = document.value
    if not isinstance(value, dict) or not KEYS & set(value):
        raise Invalid(f"{path} is no catalogue: it holds no `components`")
    for key in set(value) - KEYS:
        raise _fault(document, (key,), f"unknown key {key!a}; known: components, services")
    entries = [*_components(document), *_services(document)]
    if len(entries) > LIMIT:
        raise Invalid(f"{path} holds {len(entries)} components, the limit is {LIMIT}")
    return entries


def _components(document: Document) -> Iterator[Entry]:
    for nth, item in enumerate(_listed(document, "components")):
        where = ("components", nth)
        if not isinstance(item, dict) or "name" not in item:
            raise _fault(document, where, "a component is a map with a name")
        for key in set(item) - ENTRY_KEYS:
            known = ", ".join(sorted(ENTRY_KEYS))
            raise _fault(document, (*where, key), f"unknown key {key!a}; known: {known}")
        try:
            yield Entry(
                name=checked_label(_text(item["name"]), field="name"),
                attributes=_attributes(item.get("attributes")),
                was=None if item.get("was") is None else checked_label(item["was"], field="was"),
            )
        except Invalid as error:
            raise _fault(document, where, error.message) from None


def _attributes(value: object) -> dict[str, str]:
    said = {} if value is None else value
    if isinstance(said, dict):
        said = {key: _text(word) for key, word in said.items() if word is not None}
    return checked_tags(said, field="attributes")


def _text(value: object) -> object:
    """Return what YAML took for a number or a truth as it is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _services(document: Document) -> Iterator[Entry]:
    services = _listed(document, "services")
    for nth, item in enumerate(services):
        try:
            said = msgspec.convert(item, ServiceSettings)
            rows = resolve(Declaration(services=(declared_service(said),)))
        except (msgspec.ValidationError, Invalid) as error:
            raise _fault(document, ("services", nth), str(error)) from None
        for row in rows.components:
            yield Entry(name=row.service, attributes=row.attributes)


def _listed(document: Document, key: str) -> list[Any]:
    value = document.value.get(key)
    if value is not None and not isinstance(value, list):
        raise _fault(document, (key,), f"{key} must be a list")
    return value or []


def _fault(document: Document, where: tuple[str | int, ...], message: str) -> Invalid:
    return Invalid(f"{document.source}:{document.line_of(where)}: {message}")
