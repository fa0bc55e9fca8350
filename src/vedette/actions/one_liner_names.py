"""MIG's own names of options where they are not the parameters' names, and what MIG's clients preset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Named:
    """An option of MIG's: the parameter it gives, and what it says of it.

    value: what the option sets without saying it; None: what is said. reads: the option names a
    file, whose text or JSON is the parameter.
    """

    key: str
    value: bool | str | None = None
    reads: Literal["", "text", "json"] = ""


FIRST_LABEL = "s1"
"""The label of the first search, as MIG's clients give it."""
FURTHER_SEARCH = "search"
"""Our option that begins a further search, with the label after it."""

NAMES: Mapping[str, Mapping[str, Named]] = {
    "file": {
        "matchany": Named("matchall", value=False),
        "verbose": Named("debug", value="print"),
    },
    "memory": {
        "lib": Named("libraries"),
        "maxdepth": Named("offset"),
        "matchlimit": Named("maxlength"),
        "matchany": Named("matchall", value=False),
    },
    "netstat": {
        "lm": Named("localmac"),
        "nm": Named("neighbormac"),
        "li": Named("localip"),
        "ni": Named("neighborip"),
        "ci": Named("connectedip"),
        "lp": Named("listeningport"),
    },
    "ping": {
        "d": Named("destination"),
        "dp": Named("destinationport"),
        "p": Named("protocol"),
        "c": Named("count"),
        "t": Named("timeout"),
    },
    "pkg": {"name": Named("matches"), "version": Named("vermatch")},
    "scribe": {
        "path": Named("scribedoc", reads="json"),
        "human": Named("humanoutput"),
        "json": Named("jsonoutput"),
    },
    "yara": {"rules": Named("yara", reads="text"), "files": Named("filesearch")},
}
"""Module → option → parameter. A module that is not here has its parameters' names."""

PRESET: Mapping[str, Mapping[str, bool | int]] = {
    "file": {"matchall": True, "maxdepth": 1000, "maxerrors": 30, "matchlimit": 1000},
    "memory": {"matchall": True},
}
"""What every search of the module has unless its options say otherwise, as with MIG's clients."""
