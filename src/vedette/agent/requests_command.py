"""Requests to the host's own list: a query is a command's name, performance data the columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from vedette.agent.connector import Look, RefusedByHost
from vedette.agent.connectors.command import Command
from vedette.agent.connectors.command_perfdata import read_output
from vedette.agent.connectors.errors import Fault
from vedette.agent.requests import Row
from vedette.agent.sandbox import Limits, NotStarted, run
from vedette.agent.settings_schema import parse
from vedette.health.model import State


class CommandReader:
    """Runs another program of the host's list, in the same sandbox as the check itself."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(Command.description, settings)

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Run the command; its exit code and run time are columns too."""
        name = query.strip()
        command = look.commands.get(name)
        if not command:
            raise RefusedByHost(f"commands in agent.yaml does not name {name[:80]!r}")
        limits = Limits(seconds=look.timeout_s, memory_bytes=self._settings["memory_bytes"])
        try:
            ran = await run(command, limits)
        except NotStarted as error:
            raise Fault("no_verdict", f"it cannot be run: {error}", State.UNKNOWN) from None
        said = read_output(ran.output.decode(errors="replace"))
        values = {m.entity.partition(":")[2] or m.name: m.value for m in said.measurements}
        return [{"exit_code": ran.exit_code, "run_s": ran.took_s, **values}]

    async def aclose(self) -> None:
        """Nothing runs between requests."""
