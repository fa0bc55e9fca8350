"""Which options a module has in one line: its own parameters, read off the struct that declares them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from msgspec import inspect

from vedette.actions.one_liner_names import FURTHER_SEARCH, NAMES

Kind = Literal["flag", "number", "text", "texts", "numbers", "json"]
LABEL = "\0label"
"""Stands in a path for the label of the search one is in."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option: where in the parameters it goes, and what it takes.

    value: what it sets without saying it. reads: it names a file with what it takes.
    choices: what it takes, where that is one of a few words.
    """

    path: tuple[str, ...]
    kind: Kind
    value: bool | str | None = None
    reads: Literal["", "text", "json"] = ""
    choices: tuple[str, ...] = ()


def options_of(module: str, struct: type[msgspec.Struct]) -> dict[str, Option]:
    """Return a module's options by name: its parameters', their singulars, and MIG's."""
    found: dict[str, Option] = {}
    names = NAMES.get(module, {})
    whole = {named.key for named in names.values() if named.reads == "json"}
    for name, option in _walk(inspect.type_info(struct), (), whole):
        found.setdefault(name, option)
    by_key = dict(found)
    for name, option in by_key.items():
        if option.kind in ("texts", "numbers"):
            found.setdefault(singular(name), option)
    for name, named in names.items():
        if named.key in by_key:
            found[name] = replace(by_key[named.key], value=named.value, reads=named.reads)
    return found


def told(module: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield a line for each thing one can ask the module in one line."""
    options = options_of(module, struct)
    those = {option: [n for n, o in options.items() if o == option] for option in options.values()}
    takes = {"flag": "", "number": " N", "numbers": " N", "json": " JSON|@FILE"}
    for option, names in those.items():
        takes_value = " FILE" if option.reads else takes.get(option.kind, " TEXT")
        takes_value = f" {'|'.join(option.choices)}" if option.choices else takes_value
        again = ", again for more" if option.kind in ("texts", "numbers") else ""
        shown = "" if option.value is not None else takes_value
        yield f"{', '.join(f'-{name}' for name in sorted(names, key=len))}{shown}{again}"
    if is_labelled(options):
        yield f"-{FURTHER_SEARCH} LABEL: what follows is a further search"


def is_labelled(options: Mapping[str, Option]) -> bool:
    """Whether the module's parameters are searches by label, of which a line may hold several."""
    return any(LABEL in option.path for option in options.values())


def singular(name: str) -> str:
    """Return what one of several is called: `path` of `paths`, `library` of `libraries`."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("shes", "ches", "sses")):
        return name[:-2]
    return name.removesuffix("s")


def _walk(
    kind: inspect.Type, path: tuple[str, ...], whole: Collection[str] = ()
) -> Iterator[tuple[str, Option]]:
    """Yield options, the outer ones first: where two have one name, the outer one has it.

    whole: parameters of the outermost object that are given as one document.
    """
    if not isinstance(kind, inspect.StructType):
        return
    deeper: list[tuple[inspect.Type, tuple[str, ...]]] = []
    for one in kind.fields:
        inner, place = _bare(one.type), (*path, one.encode_name)
        if isinstance(inner, inspect.StructType) and one.encode_name not in whole:
            deeper.append((inner, place))
        elif isinstance(inner, inspect.DictType) and LABEL not in path and _is_search(inner):
            deeper.append((_bare(inner.value_type), (*place, LABEL)))
        else:
            yield one.encode_name, Option(place, _kind(inner), choices=_choices(inner))
    for inner, place in deeper:
        yield from _walk(inner, place)


def _is_search(kind: inspect.DictType) -> bool:
    return isinstance(_bare(kind.value_type), inspect.StructType)


def _bare(kind: inspect.Type) -> inspect.Type:
    """Return the type without null and remarks."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        those = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _bare(those[0]) if len(those) == 1 else kind
    return kind


def _kind(kind: inspect.Type) -> Kind:
    match kind:
        case inspect.BoolType():
            return "flag"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.StrType() | inspect.LiteralType() | inspect.EnumType():
            return "text"
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            several: dict[Kind, Kind] = {"text": "texts", "number": "numbers"}
            return several.get(_kind(_bare(item)), "json")
        case inspect.UnionType(types=those) if any(isinstance(t, inspect.StrType) for t in those):
            return "text"
    return "json"


def _choices(kind: inspect.Type) -> tuple[str, ...]:
    match _bare(kind):
        case inspect.LiteralType(values=values):
            return tuple(str(one) for one in values if one != "")
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return _choices(item)
    return ()
