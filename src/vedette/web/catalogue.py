"""What the server's own connectors say of a target: what it can be asked, and where trouble begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vedette.actions.model import Command


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold at work in a target.

    enter: past it is trouble, above or `below` it. leave: trouble lasts until the value is back on
    this side. is_own: said for this target, where else it comes from the connector's pack.
    unit, help: of the measurement, "" where the connector does not say.
    """

    name: str
    enter: float
    leave: float
    below: bool = False
    is_own: bool = False
    unit: str = ""
    help: str = ""


def _nothing(*_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Two questions by a connector's name; where it is not installed, there are no commands.

    limits_of: also takes the target's `thresholds`.
    """

    commands_of: Callable[[str], Sequence[Command]] = _nothing
    limits_of: Callable[[str, Mapping[str, Any]], Sequence[Limit]] = _nothing
