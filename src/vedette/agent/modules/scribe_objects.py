"""What the objects of a scribe document come to on this host: values, each of something."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import msgspec

from vedette.agent.modules.file_walk import OutOfTime
from vedette.agent.modules.package_versions import compare
from vedette.agent.modules.packages import Package as Installed
from vedette.agent.modules.patterns import on_text
from vedette.agent.modules.scribe_files import Files
from vedette.agent.modules.scribe_parameters import (
    FileContent,
    FileName,
    HasLine,
    Object,
    Package,
    Raw,
)
from vedette.errors import Invalid

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_EXPANDED = ("path", "file", "name")


class Criterion(NamedTuple):
    """A value and what it is one of: a file's path, a package's name. kind: of that package."""

    identifier: str
    value: str
    kind: str = ""


class Missing(Exception):  # noqa: N818 - what happened to a test
    """An object has no values to test; the message says why."""


class Objects:
    """The objects of one document, looked at when they are needed, each once."""

    def __init__(
        self,
        objects: Iterable[Object],
        variables: Mapping[str, str],
        files: Files,
        installed: Callable[[], list[Installed]],
    ) -> None:
        self._objects = {one.object: one for one in objects}
        self._variables = variables
        self._files = files
        self._installed = installed
        self._values: dict[str, list[Criterion]] = {}
        self._packages: list[Installed] | None = None
        files.locate(
            (source.path, source.file)
            for one in self._objects.values()
            if not one.is_chained
            and isinstance(source := self._expanded(one), FileContent | FileName | HasLine)
        )

    def values(self, name: str) -> list[Criterion]:
        """Return an object's values; raise `Missing` where it cannot have any."""
        if name not in self._values:
            one = self._objects.get(name)
            if one is None:
                raise Missing(f"there is no object {name!r}")
            if one.is_chained:
                raise Missing(f"the object {name!r} is only looked at beside what another found")
            self._values[name] = self._look(one, self._variables)
        return self._values[name]

    def _look(self, one: Object, variables: Mapping[str, str]) -> list[Criterion]:
        if self._files.context.expired:
            raise OutOfTime
        source = self._expanded(one, variables)
        if isinstance(source, Package):
            return self._of_packages(source)
        if isinstance(source, FileContent):
            return self._of_content(source, variables)
        if isinstance(source, FileName):
            return self._of_names(source)
        if isinstance(source, HasLine):
            return [
                Criterion(file[0], "true" if any(self._lines(file, source)) else "false")
                for file in self._files.at((source.path, source.file))
            ]
        if isinstance(source, Raw):
            return [Criterion(each.identifier, each.value) for each in source.identifiers or ()]
        raise Missing(f"the object {one.object!r} does not say what to look at")

    def _of_content(self, source: FileContent, variables: Mapping[str, str]) -> list[Criterion]:
        found = [
            Criterion(file[0], value)
            for file in self._files.at((source.path, source.file))
            for groups in self._files.lines(file, source.expression)
            for value in groups
        ]
        if source.import_chain:
            found += self._chained(
                source, dict.fromkeys(one.identifier for one in found), variables
            )
        return _joined(found, source.concat) if source.concat else found

    def _chained(
        self, source: FileContent, paths: Iterable[str], variables: Mapping[str, str]
    ) -> list[Criterion]:
        """Return what the chain's objects find beside each file, as that file's."""
        return [
            Criterion(path, criterion.value)
            for path in paths
            for name in source.import_chain or ()
            for criterion in self._look(
                self._objects[name], {**variables, "chain_root": path.rpartition("/")[0] + "/"}
            )
        ]

    def _of_names(self, source: FileName) -> list[Criterion]:
        search = on_text(source.file).search
        found = []
        for told, _ in self._files.at((source.path, source.file)):
            hit = search(told) or search(told.rpartition("/")[2])
            if hit and hit.groups():
                found.append(Criterion(told, hit.group(1) or ""))
        return found

    def _of_packages(self, source: Package) -> list[Criterion]:
        if self._packages is None:
            self._packages = self._installed()
        found = [
            Criterion(name, one.version, one.type)
            for one in self._packages
            if (name := _named(one, source))
        ]
        if source.onlynewest and found:
            newest = cmp_to_key(_by_version)
            return [max(found, key=newest)]
        return found

    def _lines(self, file: tuple[str, bytes], source: HasLine) -> Iterable[bool]:
        return (True for _ in self._files.lines(file, source.expression))

    def _expanded(
        self, one: Object, variables: Mapping[str, str] | None = None
    ) -> msgspec.Struct | None:
        source = one.source
        if source is None:
            return None
        values = self._variables if variables is None else variables
        changed = {
            name: _VARIABLE.sub(lambda hit: values.get(hit[1], hit[0]), getattr(source, name))
            for name in _EXPANDED
            if hasattr(source, name)
        }
        return msgspec.structs.replace(source, **changed)


def check_objects(objects: Iterable[Object]) -> None:
    """Raise `Invalid` for an object that cannot be looked at, or a chain that never ends."""
    known: dict[str, Object] = {}
    for one in objects:
        if one.object in known:
            raise Invalid(f"two objects are called {one.object!r}")
        known[one.object] = one
        source = one.source
        for name in ("file", "expression"):
            if getattr(source, name, None) == "":
                raise Invalid(f"the object {one.object!r} has a path and no {name}")
        for name in ("file", "expression", "collectmatch"):
            if text := getattr(source, name, ""):
                on_text(text)
    _check_chains(known)


def _check_chains(known: Mapping[str, Object]) -> None:
    chains = {
        name: (isinstance(source := one.source, FileContent) and source.import_chain) or ()
        for name, one in known.items()
    }
    for name, chain in chains.items():
        for other in chain:
            if other not in known:
                raise Invalid(f"the import-chain of {name!r} names {other!r}, which is no object")
    lengths: dict[str, int] = {}
    try:
        for name in TopologicalSorter(chains).static_order():
            lengths[name] = 1 + max((lengths[other] for other in chains[name]), default=0)
    except CycleError as fault:
        raise Invalid(f"an import-chain never ends: {' → '.join(fault.args[1])}") from None
    for name, length in lengths.items():
        if length > _LONGEST_CHAIN:
            raise Invalid(
                f"the import-chain of {name!r} is {length} objects long, {_LONGEST_CHAIN} is most"
            )


_LONGEST_CHAIN = 16


def _named(one: Installed, source: Package) -> str:
    """Return what a package is called where it is asked for, with or without architecture; or ""."""
    whole = f"{one.name}:{one.arch}"
    if source.collectmatch:
        search = on_text(source.collectmatch).search
        return one.name if search(one.name) or search(whole) else ""
    return source.name if source.name in (one.name, whole) else ""


def _joined(found: Iterable[Criterion], between: str) -> list[Criterion]:
    """Return one criterion for each identifier: its values, joined in their order."""
    values: dict[str, list[str]] = {}
    for one in found:
        values.setdefault(one.identifier, []).append(one.value)
    return [Criterion(name, between.join(each)) for name, each in values.items()]


def _by_version(left: Criterion, right: Criterion) -> int:
    return compare(left.value, right.value, kind=left.kind)
