"""MIG's `agentdestroy` module: another agent of this host is retired.

The module only finds it and says so: an order, which the agent that asked carries out
(`agent/carry.py`) if the host's owner lets it. MIG ran whatever program the process was, as root,
to ask for its version; here nothing is run.
"""

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette.agent.ancestry import ancestors
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.ordering import ordered
from vedette.agent.running import Order, find_agent


class AgentDestroyParameters(Parameters, frozen=True, kw_only=True):
    """Which agent: its process, and its version, which must be this one."""

    pid: Annotated[int, Meta(ge=2, le=2**22)]
    version: Annotated[str, Meta(min_length=1, max_length=256)]


class AgentDestroy:
    """Retires another agent."""

    name: ClassVar[str] = "agentdestroy"
    description: ClassVar[str] = "Retires another agent of this host, by process and version."
    needs: ClassVar[Needs] = Needs(processes=True)
    parameters: ClassVar[type[Parameters]] = AgentDestroyParameters

    def run(self, parameters: AgentDestroyParameters, context: Context) -> Result:
        """Return the order to retire it, or why not; here nothing is ended yet."""
        proc, pid = Path(context.root, "proc"), parameters.pid
        if pid in ancestors(proc):
            return Result(errors=[f"PID {pid} is mine, and no agent retires itself"])
        if not proc.is_dir():
            return Result(errors=["this system has no /proc, by which agents are found"])
        if not (proc / str(pid)).is_dir():
            return Result(errors=[f"PID {pid} not found"])
        found = find_agent(proc, pid, context.opener)
        if found is None:
            return Result(errors=[f"PID {pid} is no agent that this one may see"])
        data_dir, running = found
        if running.version != parameters.version:
            words = f"Version mismatch. Expected {parameters.version!r}, found {running.version!r}"
            return Result(errors=[words])
        return ordered(
            Order(
                pid=pid,
                started=running.started,
                version=running.version,
                data_dir=str(data_dir),
            )
        )
