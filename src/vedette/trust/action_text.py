"""The bytes an investigator signs: MIG's one line for version 2, tagged canonical JSON for 3."""

from collections.abc import Mapping, Sequence

from vedette.errors import Invalid
from vedette.trust.canonical_json import canonical_json
from vedette.trust.go_json import go_json, go_string

V3_TAG = b"vedette action v3\n"
"""Before the document, so that no signature of an action is ever one of something else."""

OPERATION_KEYS = ("module", "parameters", "is_compressed", "want_compressed")


def v2_text(
    *,
    name: str,
    target: str,
    valid_from_s: int,
    expire_after_s: int,
    operations: Sequence[Mapping[str, object]] | None,
) -> bytes:
    """Return MIG's string of an action, times in Unix seconds cut off.

    `%!s(int64=…)` is meant: a wrong format verb of MIG's first version that became the format.
    Raises Invalid when an operation holds what MIG would not have signed.
    """
    signed = (
        f"name={name};target={target};validfrom={valid_from_s};"
        f"expireafter=%!s(int64={expire_after_s});operations={_operations(operations)};"
    )
    try:
        return signed.encode()
    except UnicodeEncodeError:
        raise Invalid("name or target holds half a character (a lone surrogate)") from None


def _operations(operations: Sequence[Mapping[str, object]] | None) -> str:
    if operations is None:
        return "null"
    return f"[{','.join(_operation(one) for one in operations)}]"


def _operation(operation: Mapping[str, object]) -> str:
    unknown = sorted(operation.keys() - set(OPERATION_KEYS))
    if unknown:
        raise Invalid(f"an operation has no {unknown[0]!r}; it has {', '.join(OPERATION_KEYS)}")
    module = go_string(str(operation.get("module", "")))
    text = f'{{"module":{module},"parameters":{go_json(operation.get("parameters"))}'
    flags = [f',"{flag}":true' for flag in OPERATION_KEYS[2:] if operation.get(flag) is True]
    return f"{text}{''.join(flags)}}}"


def v3_text(document: bytes) -> bytes:
    """Return what is signed of a version 3 document: the tag, then its bytes as they are kept."""
    return V3_TAG + document


def v3_document(fields: Mapping[str, object]) -> bytes:
    """Return the canonical bytes of a version 3 action."""
    return canonical_json(dict(fields))
