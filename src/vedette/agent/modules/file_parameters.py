"""What MIG's `file` module can be asked, key for key."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.agent.modules import Parameters

Check = Literal["name", "size", "mode", "mtime", "content", "md5", "sha1", "sha2", "sha3"]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Some = Annotated[tuple[Text, ...], Meta(max_length=1000)]
Count = Annotated[int, Meta(ge=0)]


class Options(Parameters, frozen=True, kw_only=True):
    """How a search is done.

    maxdepth: 1 is only the files that stand in a root itself; 0 is no limit. maxerrors, matchlimit:
    how many errors are told, how many hits are; 0 is all. matchall: every check must hold of the
    same file, otherwise each check answers for itself. macroal: content patterns must hold on every
    line. mismatch: checks that are turned round. remotefs: walk what other machines serve, too.
    decompress: contents and hashes are those of what gzip packed. debug: accepted, as MIG does.
    """

    maxdepth: Count = 0
    maxerrors: Count = 0
    matchall: bool = False
    macroal: bool = False
    mismatch: tuple[Check, ...] = ()
    matchlimit: Count = 0
    returnsha256: bool = False
    decompress: bool = False
    remotefs: bool = False
    debug: Literal["", "print"] = ""


class Search(Parameters, frozen=True, kw_only=True):
    """One search: below `paths`, the files of which the checks hold.

    names, contents, modes: RE2; `!` before a name or a content turns it round. sizes: `<1k`, `>2m`,
    `512`. mtimes: `<1h` changed within the hour, `>90d` longer ago. md5 … sha3: hexadecimal.
    """

    description: Annotated[str, Meta(max_length=65_536)] = ""
    paths: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=1000)]
    names: Some = ()
    contents: Some = ()
    sizes: Some = ()
    modes: Some = ()
    mtimes: Some = ()
    md5: Some = ()
    sha1: Some = ()
    sha2: Some = ()
    sha3: Some = ()
    options: Options = Options()


class FileParameters(Parameters, frozen=True, kw_only=True):
    """Searches by label; the label comes back with the answer."""

    searches: Annotated[dict[Label, Search], Meta(min_length=1, max_length=1000)]
