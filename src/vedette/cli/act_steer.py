"""`vedette act deny`, `cancel`, `pause`, `resume`, `canary` and `again`: steer an action on its way."""

from typing import Annotated

from cyclopts import Parameter

from vedette.cli.act_send import Output, tell
from vedette.cli.client import Client
from vedette.cli.where import Asking

HERE = Asking()


def deny(
    action: int,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; whoever proposed it will ask.")],
    output: Output = "text",
    asking: Asking = HERE,
) -> None:
    """Say no to an action that waits for signatures; it is over."""
    _steer("deny", action, output, asking, reason=reason)


def cancel(action: int, /, *, output: Output = "text", asking: Asking = HERE) -> None:
    """End it: nobody further is asked, and who runs it is told to stop."""
    _steer("cancel", action, output, asking)


def pause(
    action: int, /, *, reason: str = "", output: Output = "text", asking: Asking = HERE
) -> None:
    """Ask nobody further until it is resumed; --reason says why."""
    _steer("pause", action, output, asking, reason=reason)


def resume(action: int, /, *, output: Output = "text", asking: Asking = HERE) -> None:
    """Go on with what was paused."""
    _steer("resume", action, output, asking)


def canary(action: int, /, *, output: Output = "text", asking: Asking = HERE) -> None:
    """Ask the others as well: those that were asked first did well."""
    _steer("canary", action, output, asking)


def again(action: int, /, *, output: Output = "text", asking: Asking = HERE) -> None:
    """Ask those again that refused, did not come, or were cancelled; nobody runs it twice."""
    _steer("again", action, output, asking)


def _steer(verb: str, action: int, output: str, asking: Asking, **body: str) -> None:
    with Client(asking) as client:
        tell(client.post(f"/api/v1/actions/{action}/{verb}", body), output)
