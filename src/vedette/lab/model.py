"""The nouns of the lab: what runs, and what a recipe says to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from signal import SIGTERM
from typing import Any


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a lab; `began` (seconds since 1970) tells it from a later one of that number.

    farewell: the signal that asks it to end.
    """

    pid: int
    began: float
    farewell: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A throw-away target that was started.

    program: what runs, in a few words. address: `HOST:PORT` where it answers. since: when it was
    started, ISO 8601 in UTC. connector, settings: how Vedette looks at it; secrets stand in files.
    """

    name: str
    kind: str
    program: str
    address: str
    since: str
    folder: str
    connector: str
    settings: dict[str, Any]
    processes: list[Process]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start and leave running. farewell: the signal that asks it to end."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    farewell: int = SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a recipe makes of its kind.

    program: what runs, in a few words. port: where it answers. afterwards: run once to its end when
    all commands run, and tried again until it ends well.
    """

    program: str
    port: int
    connector: str
    settings: dict[str, Any]
    commands: Sequence[Command]
    afterwards: Sequence[str] = ()
