"""The door every module passes, ours and yours: say what you need, read your parameters, run.

A module investigates the host it runs on. It is made without arguments, run once in a process of its
own, and forgotten. It prints nothing, starts nothing that outlives it and asks nobody; what it may
do beyond reading files stands in `needs`, and what stands not there is taken from it before it runs.

Nouns are msgspec's structs here and beside, and paths are text: to import dataclasses costs a run as much
as to start Python, and pathlib a third of that.
"""

import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from vedette.actions.unknown_keys import is_all_of, refuse_unknown
from vedette.agent.opener import DIRECT, Opener
from vedette.errors import Invalid

GROUP = "vedette.modules"
"""The entry point group; built-ins stand in `vedette.plugins`."""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operation says to its module; every module's parameters are a struct of this kind."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a module answers, in MIG's shape and order.

    foundanything: whether what was asked for is on this host; its meaning is the module's.
    success: whether the question was answered. False is "could not tell", never "nothing found".
    elements: the answer, shaped by the module.
    statistics: how much was looked at.
    errors: what could not be looked at, in words; with `success` the answer stands beside them.
    """

    foundanything: bool = False
    success: bool = False
    elements: Any = None
    statistics: Any = None
    errors: list[str] = []


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a module must be allowed beyond reading files; each is taken away unless said here.

    network: to open sockets, this host's own addresses as well; unix sockets only with `root`, pairs
    are free.
    write: to change files.
    memory: to look into other processes: their memory, and what the kernel guards like it, which
    is their `exe`, `cwd`, `fd`, `ns`, `maps` and `environ` below /proc; their `stat`, `cmdline`,
    `status` and `net` are free.
    processes: to look into other processes through a helper (`Context.opener`) that opens their `maps`,
    `mem`, `pagemap` and `exe`, and says where `exe`, `ns/net` and what stands in `fd` lead; unlike
    `memory`, that leaves Landlock in place.
    netlink: to ask the kernel which addresses, routes and neighbours it knows; nobody else hears of it.
    programs: to start programs and processes of its own; threads are free.
    root: to have all the superuser's powers, where the agent has them; without it, of these, those of
    reading what is asked for.
    """

    network: bool = False
    write: bool = False
    memory: bool = False
    processes: bool = False
    netlink: bool = False
    programs: bool = False
    root: bool = False


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a run may take; the process's own limits stand behind these.

    elements: hits a run gives before it stops and says so. output_bytes: of its result as JSON.
    """

    elements: int = 25_000
    output_bytes: int = 16 * 1024 * 1024


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where and for how long a module runs.

    deadline: on `time.monotonic`, in seconds; a module that is not done stops and says so.
    privacy: names of files, users and other people's addresses are masked in the answer.
    root: the path of what stands for `/`; another folder in tests and when looking into an image.
    opener: what opens the files of other processes; for who needs `processes`, a helper.
    """

    deadline: float = float("inf")
    privacy: bool = False
    limits: Limits = Limits()
    root: str | os.PathLike[str] = "/"
    opener: Opener = DIRECT

    @property
    def expired(self) -> bool:
        """Whether the module's time is over."""
        return time.monotonic() >= self.deadline

    @property
    def this_host(self) -> bool:
        """Whether it is this host that is looked at, not another root."""
        return os.fspath(self.root) == "/"


@runtime_checkable
class Module(Protocol):
    """What `vedette.modules` entry points lead to: a class that fits this, made without arguments."""

    name: ClassVar[str]
    description: ClassVar[str]
    needs: ClassVar[Needs]
    parameters: ClassVar[type[Parameters]]

    def run(self, parameters: Any, context: Context) -> Result:  # noqa: ANN401 - of its own kind
        """Answer. parameters: an instance of `self.parameters`; `Invalid` when it makes no sense.

        What it cannot look at goes into `errors`; any other exception is a bug and ends the run.
        """
        ...


@runtime_checkable
class Checking(Protocol):
    """A module that knows without a host which parameters make no sense: whoever writes an action is told."""

    def check(self, parameters: Any) -> None:  # noqa: ANN401 - of its own kind
        """Raise `Invalid` for what `run` would refuse on every host, `Unavailable` where that cannot be told."""
        ...


@runtime_checkable
class Sparing(Protocol):
    """A module that for some questions needs less than `needs`, which then is the most."""

    def needs_for(self, parameters: Any) -> Needs:  # noqa: ANN401 - of its own kind
        """Return what this question needs."""
        ...


def needs_of(module: Module, parameters: Parameters) -> Needs:
    """Return what must be allowed for this question."""
    return module.needs_for(parameters) if isinstance(module, Sparing) else module.needs


def read_parameters(module: Module | type[Module], given: Mapping[str, Any]) -> Parameters:
    """Return the module's parameters from JSON; raise `Invalid` naming the key and the known ones."""
    what = f"module {module.name}"
    try:
        read = msgspec.convert(given, module.parameters)
    except msgspec.ValidationError as fault:
        refuse_unknown(module.parameters, given, what=what)
        raise Invalid(f"{what}: {fault}") from None
    if not is_all_of(read, given):
        refuse_unknown(module.parameters, given, what=what)
    return read
