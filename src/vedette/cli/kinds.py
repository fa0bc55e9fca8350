"""What kinds there are here, and kinds that bring commands of their own (`vedette.cli.plugins_interface`)."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from shutil import get_terminal_size
from textwrap import TextWrapper
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from vedette import plugins
from vedette.errors import VedetteError

GROUP = "vedette.kinds"
Verb = Literal["apply", "get"]
Words = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


@dataclass(frozen=True, slots=True)
class KindHere:
    """A kind that is installed here. commands: its class where it has commands of its own, else None."""

    name: str
    description: str
    commands: type[Any] | None = None


def kinds_here() -> Iterator[KindHere]:
    """Yield the kinds that are installed here, by name; one that cannot be loaded says why."""
    for name in plugins.names(GROUP):
        yield _loaded(name)


def _loaded(name: str) -> KindHere:
    try:
        found = plugins.load(GROUP, name)
    except (VedetteError, ImportError, AttributeError) as error:
        return KindHere(name, f"cannot be loaded: {error}")
    description = str(getattr(found, "description", "") or "")
    return KindHere(name, description, found if hasattr(found, "configure_get") else None)


def add_commands(app: App, verb: Verb) -> None:
    """Add the commands of kinds that bring their own; ours bring none, and are not imported for it."""
    for name in plugins.names(GROUP):
        if name in plugins.BUILT_IN[GROUP]:
            continue
        kind = _loaded(name)
        if kind.commands is not None:
            app.command(
                _command(kind.name, kind.commands, verb),
                name=kind.name,
                help=kind.description,
                help_flags=[],
                version_flags=[],
            )


def told() -> str:
    """Return what `-h` says of all kinds: names and descriptions."""
    found = list(kinds_here())
    width = max((len(kind.name) for kind in found), default=0)
    wrapped = TextWrapper(get_terminal_size().columns, subsequent_indent=" " * (width + 4))
    lines = (wrapped.fill(f"  {kind.name.ljust(width)}  {kind.description}") for kind in found)
    return "\n".join(("kinds:", *lines))


def _command(name: str, commands: type[Any], verb: Verb) -> Callable[..., None]:
    def run(*words: Words) -> None:
        kind = commands()
        parser = argparse.ArgumentParser(prog=f"vedette {verb} {name}")
        configured = getattr(kind, f"configure_{verb}")(parser) or parser
        getattr(kind, verb)(configured.parse_args(words))

    return run
