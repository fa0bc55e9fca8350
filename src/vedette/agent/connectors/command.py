"""Connector `command`: a check of this host's own list, as Nagios' plugins are."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.agent.connector import Description, Look, Measures, RefusedByHost, Setting
from vedette.agent.connectors.command_perfdata import Said, read_output
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, told
from vedette.agent.connectors.wire import within
from vedette.agent.sandbox import Limits, NotStarted, Ran, run
from vedette.agent.settings_schema import parse
from vedette.health.model import Measurement, Report, State

_WORDS = {
    0: ("", State.UP),
    1: ("unhealthy", State.DEGRADED),
    2: ("unhealthy", State.DOWN),
    3: ("no_verdict", State.UNKNOWN),
}
"""A plugin's exit code → class and state; every other code says nothing of the target."""


class Command:
    """Runs a program of the host's list anew each look; what it may run is not the server's to say."""

    description: ClassVar[Description] = Description(
        name="command",
        help="Runs a check that the host's agent.yaml names, and reads it as a Nagios plugin.",
        settings=(
            Setting(
                "command",
                "str",
                "Its name under `commands` in the agent.yaml there.",
                required=True,
            ),
            Setting("memory_bytes", "int", "How much memory it may ask for.", default=1 << 30),
        ),
        measures=(
            Measures("run_s", "seconds", "How long the command ran."),
            Measures(
                "time", "seconds", "Of performance data: a time, in ns, us, ms, s, m, h or d."
            ),
            Measures("share", "ratio", "Of performance data: a percentage, from 0 to 1."),
            Measures("size", "bytes", "Of performance data: bytes, with prefix (KB, MiB)."),
            Measures("bits", "bits", "Of performance data: bits, with prefix (Mb)."),
            Measures("counter", "count", "Of performance data: a counter (c)."),
            Measures("value", "number", "Of performance data: any other, in the plugin's unit."),
        ),
        entities=("perfdata",),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)

    async def probe(self, look: Look) -> Report:
        """Run once; a check that does not end in time is its target's silence."""
        name = self._settings["command"]
        command = look.commands.get(name)
        if not command:
            raise RefusedByHost(f"commands in agent.yaml does not name {name!r}")
        limits = Limits(seconds=look.timeout_s, memory_bytes=self._settings["memory_bytes"])
        try:
            async with within(look):
                ran = await run(command, limits)
        except NotStarted as error:
            words = f"{command[0]} cannot be run: {error}"
            return failed(Fault("no_verdict", words, State.UNKNOWN))
        except EXPECTED as error:
            return failed(error, name)
        return _report(ran, look)

    async def aclose(self) -> None:
        """Nothing runs between looks."""


def _report(ran: Ran, look: Look) -> Report:
    said = read_output(ran.output.decode(errors="replace"))
    error_class, state = _WORDS.get(ran.exit_code, ("no_verdict", State.UNKNOWN))
    return Report(
        state=state,
        error_class=error_class,
        message="" if state is State.UP else told(_words(ran, said), look, limit=900),
        rtt=timedelta(seconds=ran.took_s),
        measurements=(Measurement("run_s", ran.took_s), *said.measurements),
        facts=_facts(ran, said, look),
    )


def _words(ran: Ran, said: Said) -> str:
    if ran.killed_by:
        return f"{ran.killed_by} ended it, as a limit of memory or processor does"
    words = said.line or ran.errors.decode(errors="replace")
    odd = "" if ran.exit_code in _WORDS else f"exit code {ran.exit_code}: "
    return odd + (words or "it says nothing")


def _facts(ran: Ran, said: Said, look: Look) -> dict[str, str]:
    facts = {"output": told(said.line, look, limit=900), "exit_code": str(ran.exit_code)}
    if ran.cut:
        facts["cut"] = "there was more output than is read"
    if said.unread:
        facts["unread"] = f"{said.unread} performance values are none, or too many"
    return facts
