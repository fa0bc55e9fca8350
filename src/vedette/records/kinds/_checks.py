"""Checks of objects: one check of one object is one thing, however many lines a scanner wrote of it."""

from collections.abc import Iterable

import msgspec

from vedette.records.model import Validation

MAX_MESSAGE = 4_000
"""Characters of the messages of one check together."""


def merged(checks: Iterable[Validation]) -> tuple[Validation, ...]:
    """Return each check of each object once: failed when any of its lines is, with the messages of all."""
    found: dict[tuple[str, str, str, str], Validation] = {}
    for check in checks:
        key = (check.check, check.namespace, check.object_kind, check.object_name)
        earlier = found.get(key)
        found[key] = _joined(earlier, check) if earlier else check
    return tuple(found.values())


def _joined(one: Validation, other: Validation) -> Validation:
    failed = other if one.passed and not other.passed else one
    return msgspec.structs.replace(
        failed,
        passed=one.passed and other.passed,
        message=joined_messages((one.message, other.message)),
    )


def joined_messages(messages: Iterable[str]) -> str:
    """Return the different messages of a check, each its line."""
    return "\n".join(dict.fromkeys(filter(None, messages)))[:MAX_MESSAGE]
