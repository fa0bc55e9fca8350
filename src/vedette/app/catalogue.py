"""What targets can be asked, by their connector: from the connectors installed beside the server."""

from collections.abc import Sequence

from vedette import plugins
from vedette.actions.model import Command
from vedette.agent.connector import Description
from vedette.agent.generic import commands_of

GROUP = "vedette.connectors"


def commands_of_connector(connector: str) -> Sequence[Command]:
    """Return its commands; raise `Missing` for a connector that is not installed on the server."""
    description: Description = plugins.load(GROUP, connector).description
    return commands_of(description)
