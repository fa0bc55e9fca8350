"""What the `process` module can be asked."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.agent.modules import Parameters

Check = Literal["name", "cmdline", "exe", "user", "listening", "sha256", "deleted"]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Some = Annotated[tuple[Text, ...], Meta(max_length=1000)]
Port = Annotated[str, Meta(pattern=r"^(any|[1-9][0-9]{0,4})$")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$")]


class Options(Parameters, frozen=True, kw_only=True):
    """How a search is done and what it gives.

    matchlimit: how many processes are told; 0 is all. mismatch: checks that are turned round.
    returncmdline: tell the arguments, which may hold secrets. returnlistening, returnsha256: tell
    the ports, and the hash of the program.
    """

    matchlimit: Annotated[int, Meta(ge=0)] = 0
    mismatch: tuple[Check, ...] = ()
    returncmdline: bool = False
    returnlistening: bool = False
    returnsha256: bool = False


class Search(Parameters, frozen=True, kw_only=True):
    """The processes of which every check holds; of a check's values any.

    names: RE2 on the process's name and on the base name of its program. cmdlines: RE2 on its
    arguments. exes: RE2 on the path of its program. users: names or numbers. listening: ports, in
    quotes, or `any`. sha256: of its program. deleted: whether its program is no longer where it was.
    """

    description: Annotated[str, Meta(max_length=65_536)] = ""
    names: Some = ()
    cmdlines: Some = ()
    exes: Some = ()
    users: Some = ()
    listening: Annotated[tuple[Port, ...], Meta(max_length=1000)] = ()
    sha256: Annotated[tuple[Digest, ...], Meta(max_length=10_000)] = ()
    deleted: bool | None = None
    options: Options = Options()


class ProcessParameters(Parameters, frozen=True, kw_only=True):
    """Searches by label; the label comes back with the answer."""

    searches: Annotated[dict[Label, Search], Meta(min_length=1, max_length=1000)]
