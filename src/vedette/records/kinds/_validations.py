"""Several failures of one check of one object are one validation."""

from collections.abc import Iterable

import msgspec

from vedette.records.model import Validation


def merged(validations: Iterable[Validation]) -> tuple[Validation, ...]:
    """Return one validation for each object and check: the failing ones' messages, if any fails."""
    grouped: dict[tuple[str, str, str, str], list[Validation]] = {}
    for one in validations:
        key = (one.check, one.namespace, one.object_kind, one.object_name)
        grouped.setdefault(key, []).append(one)
    return tuple(_one(group) for group in grouped.values())


def _one(group: list[Validation]) -> Validation:
    if len(group) == 1:
        return group[0]
    chosen = [one for one in group if not one.passed] or group
    message = "\n".join(dict.fromkeys(one.message for one in chosen if one.message))
    return msgspec.structs.replace(chosen[0], message=message[:200_000])
