"""A scribe document, key for key: what is looked at (objects), and what should be so (tests).

Documents were written by programs in Go: a list of nothing may be null.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from vedette.agent.modules import Parameters

Id = Annotated[str, Meta(min_length=1, max_length=1024)]
Text = Annotated[str, Meta(max_length=65_536)]
Many = Meta(max_length=100_000)


class Variable(Parameters, frozen=True, kw_only=True):
    """`${key}` in paths, files and names of packages stands for the value."""

    key: Id
    value: Text


class FileContent(Parameters, frozen=True, kw_only=True):
    """What the groups of an expression hold in each line that matches, of the files below a path.

    file: RE2 on the name. concat: the values of a file are joined with it to one. import_chain:
    objects looked at beside each file that matched; their values are added as that file's.
    """

    path: Text = ""
    file: Text = ""
    expression: Text = ""
    concat: Text = ""
    import_chain: tuple[Id, ...] | None = field(default=(), name="import-chain")


class FileName(Parameters, frozen=True, kw_only=True):
    """What the first group of `file` (RE2) holds in the names of files below a path."""

    path: Text = ""
    file: Text = ""


class HasLine(Parameters, frozen=True, kw_only=True):
    """`true` or `false` for each file: whether the expression matches one of its lines."""

    path: Text = ""
    file: Text = ""
    expression: Text = ""


class Package(Parameters, frozen=True, kw_only=True):
    """The versions of a package, or of all whose names `collectmatch` (RE2) matches."""

    name: Text = ""
    collectmatch: Text = ""
    onlynewest: bool = False


class RawIdentifier(Parameters, frozen=True, kw_only=True):
    """A value that stands in the document."""

    identifier: Text = ""
    value: Text = ""


class Raw(Parameters, frozen=True, kw_only=True):
    """Values that stand in the document."""

    identifiers: Annotated[tuple[RawIdentifier, ...], Many] | None = ()


class Object(Parameters, frozen=True, kw_only=True):
    """Something to look at: the first of its kinds that says where."""

    object: Id
    filecontent: FileContent = FileContent()
    filename: FileName = FileName()
    hasline: HasLine = HasLine()
    package: Package = Package()
    raw: Raw = Raw()

    @property
    def source(self) -> Package | FileContent | FileName | HasLine | Raw | None:
        """What it looks at; None when it says nothing."""
        if self.package.name:
            return self.package
        files = (self.filecontent, self.filename, self.hasline)
        found = next((one for one in files if one.path), None)
        return found or (self.raw if self.raw.identifiers else None)

    @property
    def is_chained(self) -> bool:
        """Whether it can only be looked at beside a file that another object found."""
        return "${chain_root}" in getattr(self.source, "path", "")


class Evr(Parameters, frozen=True, kw_only=True):
    """The version is before, after or the same as a value (`epoch:version-release`)."""

    operation: Literal["", "<", ">", "="] = ""
    value: Text = ""


class Value(Parameters, frozen=True, kw_only=True):
    """RE2 that matches, or the text itself."""

    value: Text = ""


class Tag(Parameters, frozen=True, kw_only=True):
    """What whoever wrote the document says of a test."""

    key: Text = ""
    value: Text = ""


class Test(Parameters, frozen=True, kw_only=True):
    """One thing that should be so of an object's values; with none of the three, there are values.

    when: tests that must be true, too. expectedresult, expecterror: for those who test documents.
    """

    __test__ = False  # pytest

    test: Id
    name: Text = ""
    object: Id
    description: Text = ""
    evr: Evr = Evr()
    regexp: Value = Value()
    exactmatch: Value = Value()
    tags: Annotated[tuple[Tag, ...], Many] | None = ()
    when: Annotated[tuple[Id, ...], Many] | None = field(default=(), name="if")
    expectedresult: bool = False
    expecterror: bool = False


class Document(Parameters, frozen=True, kw_only=True):
    """Everything a check of a host is made of."""

    variables: Annotated[tuple[Variable, ...], Many] | None = ()
    objects: Annotated[tuple[Object, ...], Many] | None = ()
    tests: Annotated[tuple[Test, ...], Many] | None = ()


class ScribeParameters(Parameters, frozen=True, kw_only=True):
    """A document. onlytrue: only tests that are true are told.

    humanoutput, jsonoutput: how MIG's client writes it; they come back with the answer.
    """

    scribedoc: Document
    onlytrue: bool = False
    humanoutput: bool = False
    jsonoutput: bool = False
