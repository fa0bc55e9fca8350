"""Old names in MIG's public action files (2014–2015), turned into today's, each change listed.

MIG itself ignored what it did not know, so that an old file said "nothing found" and had searched
for nothing. Signatures are held over what was signed; this is for what is run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vedette.actions.document import Action, Operation, opened
from vedette.errors import Invalid

MODULES = {"filechecker": "file", "connected": "netstat"}
FILE_KEYS = {
    "regexes": "contents",
    "regex": "contents",
    "filenames": "names",
    "filename": "names",
    "sha256": "sha2",
    "sha384": "sha2",
    "sha512": "sha2",
    "sha3_224": "sha3",
    "sha3_256": "sha3",
    "sha3_384": "sha3",
    "sha3_512": "sha3",
}
FILE_TEXTS = ("filedescriptions",)
"""Keys of a search that only told people something."""
NETSTAT_KEYS = {
    "cidrlocal": "localip",
    "maclocal": "localmac",
    "cidrpeer": "neighborip",
    "macpeer": "neighbormac",
    "tcplisten": "listeningport",
    "udplisten": "listeningport",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A name that was read as another: where it stood, what it was, what it became."""

    place: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.place}: {self.was} is read as {self.becomes}"


def modern(action: Action) -> tuple[Action, tuple[Change, ...]]:
    """Return the action as modules understand it today, and what was changed for that.

    An action without old names comes back as it is. Raises Invalid when an old form is damaged.
    """
    changes: list[Change] = []
    operations = []
    for number, operation in enumerate(action.operations):
        operations.append(_operation(operation, f"operations[{number}]", changes))
    if not changes:
        return action, ()
    return replace(action, operations=tuple(operations)), tuple(changes)


def _operation(operation: Operation, place: str, changes: list[Change]) -> Operation:
    mapped = _MAPPED.get(operation.module)
    if mapped is None:
        return operation
    before = len(changes)
    module = MODULES.get(operation.module, operation.module)
    if module != operation.module:
        changes.append(Change(f"{place}.module", operation.module, module))
    parameters = opened(operation).parameters
    if not isinstance(parameters, dict):
        return operation  # the module says what is wrong with it
    becomes = mapped(parameters, f"{place}.parameters", changes)
    return operation if len(changes) == before else Operation(module, becomes)


def _file(found: Mapping[str, object], place: str, changes: list[Change]) -> dict[str, object]:
    if "searches" in found or not found:
        labels = found.get("searches")
        if not isinstance(labels, dict):
            return dict(found)
        place = f"{place}.searches"
        searches = {name: _search(one, f"{place}.{name}", changes) for name, one in labels.items()}
        return {**found, "searches": searches}
    if all(key.startswith("/") for key in found):
        changes.append(Change(place, "{path: {check: {label: values}}}", "searches with paths"))
        return {"searches": _by_path(found, place)}
    changes.append(Change(place, "labels", "searches"))
    return {
        "searches": {name: _search(one, f"{place}.{name}", changes) for name, one in found.items()}
    }


def _search(search: object, place: str, changes: list[Change]) -> object:
    if not isinstance(search, dict):
        return search
    becomes: dict[str, object] = {}
    for key, value in search.items():
        if key in FILE_TEXTS:
            changes.append(Change(f"{place}.{key}", key, "a remark"))
        elif key in FILE_KEYS:
            changes.append(Change(f"{place}.{key}", key, FILE_KEYS[key]))
            _append(becomes, FILE_KEYS[key], value, f"{place}.{key}")
        elif key in becomes:
            _append(becomes, key, value, f"{place}.{key}")
        else:
            becomes[key] = value
    return becomes


def _by_path(found: Mapping[str, object], place: str) -> dict[str, object]:
    """Return one search a label; the same label under several paths gets numbers."""
    searches: dict[str, object] = {}
    for path, checks in found.items():
        for check, labels in _items(checks, f"{place}.{path}"):
            for label, values in _items(labels, f"{place}.{path}.{check}"):
                search: dict[str, object] = {"paths": [path]}
                _append(
                    search, FILE_KEYS.get(check, check), values, f"{place}.{path}.{check}.{label}"
                )
                searches[_free(label, searches)] = search
    return searches


def _connected(found: Mapping[str, object], place: str, changes: list[Change]) -> dict[str, object]:
    becomes: dict[str, object] = {}
    for label, values in found.items():
        changes.append(Change(f"{place}.{label}", label, "connectedip"))
        _append(becomes, "connectedip", values, f"{place}.{label}")
    return becomes


def _netstat(found: Mapping[str, object], place: str, changes: list[Change]) -> dict[str, object]:
    becomes: dict[str, object] = {}
    for key, value in found.items():
        if key in NETSTAT_KEYS:
            changes.append(Change(f"{place}.{key}", key, NETSTAT_KEYS[key]))
            labelled = value if isinstance(value, dict) else {"": value}
            for values in labelled.values():
                _append(becomes, NETSTAT_KEYS[key], values, f"{place}.{key}")
        elif key in becomes:
            _append(becomes, key, value, f"{place}.{key}")
        else:
            becomes[key] = value
    return becomes


def _append(to: dict[str, object], key: str, value: object, place: str) -> None:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in values):
        raise Invalid(f"{place} must be a list of texts")
    before = to.get(key, [])
    old = before if isinstance(before, list) else [before]
    to[key] = list(dict.fromkeys([*old, *(str(one) for one in values)]))


def _items(value: object, place: str) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        raise Invalid(f"{place} must be an object")
    return list(value.items())


def _free(label: str, taken: Mapping[str, object]) -> str:
    number = 1
    name = label
    while name in taken:
        number += 1
        name = f"{label} {number}"
    return name


_Mapped = Callable[[Mapping[str, object], str, list[Change]], dict[str, object]]
_MAPPED: dict[str, _Mapped] = {
    "filechecker": _file,
    "file": _file,
    "connected": _connected,
    "netstat": _netstat,
}
