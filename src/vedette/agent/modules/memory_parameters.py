"""What MIG's `memory` module can be asked, key for key."""

from typing import Annotated

from msgspec import Meta

from vedette.agent.modules import Parameters

Label = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-zA-Z0-9_-]+$")]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Hexadecimal = Annotated[str, Meta(min_length=2, max_length=65_536, pattern="^([0-9a-fA-F]{2})+$")]
Some = Annotated[tuple[Text, ...], Meta(max_length=1000)]
Bytes = Annotated[int, Meta(ge=0)]


class Options(Parameters, frozen=True, kw_only=True):
    """How a search is done.

    offset: memory below this address is not looked at. maxlength: of each process so many bytes
    above it are, in order of addresses; 0 is all. matchall: every check must hold of the same
    process, otherwise each answers for itself. logfailures: what could not be read is named.
    """

    offset: Bytes = 0
    maxlength: Bytes = 0
    matchall: bool = False
    logfailures: bool = False


class Search(Parameters, frozen=True, kw_only=True):
    """One search among the processes.

    names: RE2 on the path of the program. libraries: RE2 on the paths of what is mapped.
    contents: RE2 on bytes: each is a character of its own. bytes: hexadecimal.
    """

    description: Annotated[str, Meta(max_length=65_536)] = ""
    names: Some = ()
    libraries: Some = ()
    contents: Some = ()
    bytes: Annotated[tuple[Hexadecimal, ...], Meta(max_length=1000)] = ()
    options: Options = Options()


class MemoryParameters(Parameters, frozen=True, kw_only=True):
    """Searches by label; the label comes back with the answer."""

    searches: Annotated[dict[Label, Search], Meta(min_length=1, max_length=1000)]
