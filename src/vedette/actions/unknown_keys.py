"""A key nobody knows is refused with the ones that are known: a typo must not mean "nothing found"."""

from __future__ import annotations  # `inspect` is not imported for them

from typing import Any

from msgspec import Struct, inspect

from vedette.errors import Invalid


def refuse_unknown(struct: type, given: object, *, what: str) -> None:
    """Raise `Invalid` for the first key of `given`, at any depth, that the struct does not have."""
    _walk(inspect.type_info(struct), given, what)


def is_all_of(read: object, given: object) -> bool:
    """Return whether every key of `given`, at any depth, is a field of what was read from it.

    To ask msgspec what it knows of a struct, as `refuse_unknown` does, costs a hundred times as much.
    """
    if isinstance(read, Struct) and isinstance(given, dict):
        named = dict(zip(read.__struct_encode_fields__, read.__struct_fields__, strict=True))
        return all(
            key in named and is_all_of(getattr(read, named[key]), value)
            for key, value in given.items()
        )
    if isinstance(read, dict) and isinstance(given, dict):
        return all(map(is_all_of, read.values(), given.values()))
    if isinstance(read, list | tuple) and isinstance(given, list):
        return all(map(is_all_of, read, given))
    return True


def _walk(kind: inspect.Type, given: object, where: str) -> None:
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            _walk(one, given, where)
    elif isinstance(kind, inspect.StructType) and isinstance(given, dict):
        _fields(kind, given, where)
    elif isinstance(kind, inspect.DictType) and isinstance(given, dict):
        for key, value in given.items():
            _walk(kind.value_type, value, f"{where}, {str(key)[:64]!r}")
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and isinstance(given, list):
        for value in given:
            _walk(kind.item_type, value, where)


def _fields(kind: inspect.StructType, given: dict[Any, Any], where: str) -> None:
    known = {one.encode_name: one.type for one in kind.fields}
    for key, value in given.items():
        if key not in known:
            raise Invalid(f"{where}: there is no {str(key)[:64]!r}", hint=_way_out(str(key), known))
        _walk(known[key], value, where if isinstance(value, str) else f"{where}, {key}")


def _way_out(key: str, known: dict[str, Any]) -> str:
    from difflib import get_close_matches  # of no use where all is known

    near = get_close_matches(key, known, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{meant}known: {', '.join(sorted(known)) or 'none'}"
