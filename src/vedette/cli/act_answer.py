"""What a host answered, in a line; and whether its agent really said so."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from vedette.cli.output import plain
from vedette.errors import Denied
from vedette.trust.result_signature import hold_result

LINE_CHARACTERS = 200
SPEAKING = ("file", "path", "name", "package", "address", "localmac", "ip", "id")
"""Of an element's keys the first that is there stands for it in a line."""


def told(result: Mapping[str, Any]) -> str:
    """Return the answer in a line: why there is none, or what was found first."""
    if result["outcome"] != "success":
        words = ": ".join(filter(None, (result["reason"], result["message"])))
        return _cut(words or next(_errors(result), "") or str(result["outcome"]))
    words = "; ".join(filter(None, map(_found, result["results"] or ())))
    return _cut(words) or ("found" if result["found"] else "found nothing")


def hold_answer(result: Mapping[str, Any], *, digest: str) -> None:
    """Raise Denied unless the agent's key signed this very answer, to the action of that digest.

    digest: hex SHA-256 of what people signed of the action, read from the document itself.
    """
    public_key, answer = bytes.fromhex(result["public_key"]), str(result["answer"]).encode()
    if f"sha256:{hashlib.sha256(public_key).hexdigest()}" != result["agent_key"]:
        raise Denied("the key beside the answer is not the agent's")
    hold_result(public_key, answer, bytes.fromhex(result["signature"]))
    said = json.loads(answer)
    if said.get("command") != result["id"] or said.get("digest") != digest:
        raise Denied("the agent signed the answer to another action")
    if said.get("results") != result["results"]:
        raise Denied("what is shown is not what the agent signed")


def _found(one: Any) -> str:  # noqa: ANN401 - an operation's result, whatever its module made
    if not isinstance(one, Mapping) or not one.get("foundanything"):
        return ""
    return ", ".join(_elements(one.get("elements")))


def _errors(result: Mapping[str, Any]) -> Iterator[str]:
    for one in result["results"] or ():
        if isinstance(one, Mapping):
            yield from map(str, one.get("errors") or ())


def _elements(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if isinstance(value, Mapping):
        for key in SPEAKING:
            if isinstance(value.get(key), str):
                if value[key]:
                    yield value[key] + _version(value)
                return
        for key, part in value.items():
            parts = list(_elements(part))
            if parts:
                yield f"{key}: {', '.join(parts)}"
    elif isinstance(value, list):
        for part in value:
            yield from _elements(part)
    elif value is not None and value != "":
        yield str(value)


def _version(value: Mapping[str, Any]) -> str:
    version = value.get("version")
    return f" {version}" if isinstance(version, str) and version else ""


def _cut(words: str) -> str:
    words = plain(words) if words else ""
    return words if len(words) <= LINE_CHARACTERS else f"{words[: LINE_CHARACTERS - 1]}…"
