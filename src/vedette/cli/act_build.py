"""How an action comes to be, before anyone signs it: operations, a target, what it is about, limits."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import join
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from vedette import plugins
from vedette.actions.document import Action, Description, Limits, Operation, Threat, opened
from vedette.actions.document_json import ACTION_BYTES, read_json
from vedette.actions.document_legacy import modern
from vedette.actions.document_read import NAME_CHARACTERS, read_action
from vedette.actions.document_write import write_action
from vedette.actions.one_liners import checked, parameters_of
from vedette.actions.target_text import DEFAULT, read_target
from vedette.cli.spans import span
from vedette.cli.whole_file import read_whole
from vedette.errors import Invalid, Missing, Unavailable
from vedette.sizes import size_bytes

GROUP = "vedette.modules"
MIGS_OWN = {"-t": "target", "-n": "title", "-e": "valid_for", "-z": "compress"}
"""Options of MIG's client itself; as there, they stand before the module's."""


@Parameter(name="*")
@dataclass(frozen=True)
class About:
    """What an action tells those who read it; of this, version 2 signs the title alone."""

    title: Annotated[str, Parameter(help="The action's name; default what was typed.")] = ""
    reason: Annotated[str, Parameter(help="Why; some groups of agents ask for it.")] = ""
    author: Annotated[str, Parameter(help="Who wrote it.")] = ""
    email: Annotated[str, Parameter(help="Where they are reached.")] = ""
    url: Annotated[str, Parameter(help="Where it is told about.")] = ""
    threat_level: Annotated[str, Parameter(help="As in info, high or alert.")] = ""
    threat_family: Annotated[str, Parameter(help="As in malware or compliance.")] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Caps:
    """What an action may use at most; the limits of servers and hosts hold besides."""

    max_agents: Annotated[int | None, Parameter(help="Hosts in all.")] = None
    rate: Annotated[float | None, Parameter(help="Hosts a second.")] = None
    cpu: Annotated[str | None, Parameter(help="CPU time of an operation, as in 10s.")] = None
    memory: Annotated[str | None, Parameter(help="Of an operation, as in 256MB.")] = None
    answer: Annotated[str | None, Parameter(help="Size of an answer, as in 1MB.")] = None

    def limits(self) -> Limits:
        """Return the limits as actions hold them; raises Invalid."""
        return Limits(
            max_agents=self.max_agents,
            rate=self.rate,
            cpu_s=None if self.cpu is None else span(self.cpu).total_seconds(),
            memory_bytes=None if self.memory is None else size_bytes(self.memory),
            output_bytes=None if self.answer is None else size_bytes(self.answer),
        )


NOTHING_ABOUT = About()
NO_CAPS = Caps()


def migs_own(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return MIG's client's options from the front of the line by our names, and the module's words."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0] in MIGS_OWN:
        word = rest.pop(0)
        if word != "-z" and not rest:
            raise Invalid(f"{word} takes a value; write it after a space")
        found[MIGS_OWN[word]] = "" if word == "-z" else rest.pop(0)
    return found, rest


def struct_of(module: str) -> Any:  # noqa: ANN401 - a plugin's class, which only its door types
    """Return the parameters a module declares; raises Missing, and Unavailable if it cannot be loaded."""
    try:
        return plugins.load(GROUP, module).parameters
    except ImportError as error:
        raise Unavailable(
            f"the module {module} cannot be loaded here: {error}",
            hint="give its parameters as JSON: --parameters FILE",
        ) from None


def operation(
    module: str,
    words: Sequence[str],
    *,
    parameters: Path | None = None,
    is_foreign: bool = False,
    want_compressed: bool = False,
) -> Operation:
    """Return the operation that words in one line, or a file of parameters, ask for; raises Invalid.

    is_foreign: agents have the module and this machine has not, so that nothing can be checked.
    """
    asked: object
    if parameters is None:
        if is_foreign:
            raise Invalid(f"give the parameters of {module} as JSON: --parameters FILE")
        asked = parameters_of(module, struct_of(module), words, read=_read)
    elif words:
        raise Invalid(f"either --parameters or {words[0]!r}; take one out")
    else:
        asked = read_json(_read(str(parameters)))
    made = Operation(module, asked, want_compressed=want_compressed)
    check_operation(made, is_foreign=is_foreign)
    return made


def check_operation(one: Operation, *, is_foreign: bool = False) -> None:
    """Raise Invalid unless the module can read the parameters, Missing for a module not known here.

    is_foreign: a module that is not here, or cannot be loaded, is passed over.
    """
    try:
        struct = struct_of(one.module)
    except (Missing, Unavailable) as error:
        if is_foreign:
            return
        raise type(error)(
            error.message, hint=f"{error.hint}; --foreign if agents have it"
        ) from None
    read = checked(one.module, struct, {} if one.parameters is None else one.parameters)
    _check_sense(one.module, read)


def _check_sense(module: str, read: msgspec.Struct) -> None:
    """Raise Invalid for what the module would refuse on every host, as a pattern nobody can read."""
    check = getattr(plugins.load(GROUP, module)(), "check", None)
    if check is not None:
        with suppress(Unavailable):  # what it takes to tell is not installed here
            check(read)


def check_operations(action: Action, *, is_foreign: bool = False) -> None:
    """Raise Invalid with the place for what no module can be asked; MIG's old names are known."""
    for number, one in enumerate(modern(action)[0].operations):
        try:
            check_operation(opened(one), is_foreign=is_foreign)
        except Invalid as error:
            raise Invalid(f"operations[{number}]: {error.message}", hint=error.hint) from None


def draft(
    operations: Sequence[Operation],
    *,
    target: str = DEFAULT,
    version: int = 3,
    title: str,
    about: About = NOTHING_ABOUT,
    limits: Limits | None = None,
) -> Action:
    """Return an action nobody has signed; raises Invalid for a target or a part that cannot be meant."""
    read_target(target)
    limits = limits or Limits()
    if version == 2 and (about.reason or limits != Limits()):
        raise Invalid("version 2 signs neither a reason nor limits; leave out --v2")
    action = Action(
        syntax_version=version,
        name=title[:NAME_CHARACTERS],
        target=target,
        operations=tuple(operations),
        description=Description(about.author, about.email, about.url),
        threat=Threat(level=about.threat_level, family=about.threat_family),
        reason=about.reason,
        limits=limits,
    )
    return read_action(write_action(action))


def with_operation(action: Action, further: Operation) -> Action:
    """Return the draft with one operation more; raises Invalid for one that is signed."""
    if action.signatures or action.document:
        raise Invalid("the action is signed, and what it does stands fast; write another")
    longer = replace(action, operations=(*action.operations, further))
    return read_action(write_action(longer))


def typed(module: str, words: Sequence[str]) -> str:
    """Return what was typed, as the name of an action that was given none."""
    return join([module, *words])


def _read(path: str) -> bytes:
    return read_whole(Path(path), limit=ACTION_BYTES)
