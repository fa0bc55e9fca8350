"""Answers as MIG's compliance items: of each search of a `file` operation, where what it looks for is and where it is not.

Whoever collects these (`report=complianceitems`) compares hosts with a policy: the action's threat says which, the
search which check of it. What an agent answered is its word, so what has not the shape of an answer says nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vedette.actions.mig_wire import Json

CHECKS = (
    *(("names", "name"), ("sizes", "size"), ("modes", "mode"), ("mtimes", "mtime")),
    *(
        ("contents", "content"),
        ("md5", "md5"),
        ("sha1", "sha1"),
        ("sha2", "sha2"),
        ("sha3", "sha3"),
    ),
)
"""Lists of a search, and what each of their values is called in an item, in MIG's order."""


def items_of(command: Json, link: str) -> Iterator[Json]:
    """Yield the items of a command as MIG shows it; link: where the command stands."""
    action = command["action"]
    for operation, result in zip(action["operations"], command["results"], strict=False):
        if operation.get("module") != "file":
            continue
        for label, hit in _hits(result):
            yield _item(command, action, link, label, hit)


def _hits(result: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    elements = result.get("elements") if isinstance(result, dict) else None
    for label, hits in elements.items() if isinstance(elements, dict) else ():
        for hit in hits if isinstance(hits, list) else ():
            if isinstance(hit, dict) and isinstance(hit.get("search"), dict):
                yield label, hit


def _item(command: Json, action: Json, link: str, label: str, hit: Mapping[str, Any]) -> Json:
    file, search = str(hit.get("file") or ""), hit["search"]
    threat, operator = action["threat"], command["agent"]["tags"].get("operator")
    return {
        "utctimestamp": command["finishtime"],
        "target": command["agent"]["name"],
        "policy": {
            "name": threat.get("type") or "",
            "url": action["description"].get("url") or "",
            "level": threat.get("level") or "",
        },
        "check": {
            "ref": threat.get("ref") or "",
            "description": action["name"],
            "name": label,
            "location": file or ", ".join(_texts(search, "paths")),
            "test": {"type": "file", "value": _sought(search)},
        },
        "compliance": bool(file),
        "link": link,
        "tags": {"operator": operator} if isinstance(operator, str) else None,
    }


def _sought(search: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{word}='{text}'" for list_, word in CHECKS for text in _texts(search, list_)
    )


def _texts(search: Mapping[str, Any], name: str) -> list[str]:
    found = search.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
