"""A connector's own command, asked of a target that this host's agent looks at: its locks, its queues.

The module reaches nothing: it has neither the target's secrets nor the host's rules. Its answer is
an order, and the agent carries it out under the same checks as an ask (`agent/obey.py`).
"""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from vedette.actions.model import TEXT_CHARACTERS
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.ordering import ordered

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS)]


class CommandParameters(Parameters, frozen=True, kw_only=True):
    """A target's name, one of its connector's commands, and that command's parameters."""

    target: Name
    command: Name
    parameters: Annotated[dict[Name, bool | int | float | Text], Meta(max_length=100)] = field(
        default_factory=dict
    )


class Command:
    """Asks a target one of its connector's commands."""

    name: ClassVar[str] = "command"
    description: ClassVar[str] = "Asks a target of this host's agent a command of its connector."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = CommandParameters

    def run(self, parameters: CommandParameters, context: Context) -> Result:
        """Return the order to ask it."""
        return ordered(parameters)
