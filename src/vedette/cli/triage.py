"""`vedette triage`: decide that a vulnerability need not be mended, until when, and why."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.spans import later
from vedette.cli.where import Asking

HERE = Asking()
PATH = "/api/v1/triage"
DECISIONS = Listing(
    "decisions",
    (
        "number",
        "name",
        "decision",
        "until",
        "package",
        "service",
        "cluster",
        "namespace",
        "image",
        "reason",
        "made_by",
    ),
    "number",
)

app = App(name="triage", help="Decide which vulnerabilities need not be mended, and why.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """Where a decision holds; everywhere where nothing is said.

    Parameters
    ----------
    package
        For that package alone.
    service
        For that service alone.
    cluster
        In that cluster alone.
    namespace
        In that namespace alone.
    image
        For that image alone.
    """

    package: str | None = None
    service: str | None = None
    cluster: Annotated[str | None, Parameter(name=["--cluster", "-c"])] = None
    namespace: Annotated[str | None, Parameter(name=["--namespace", "-n"])] = None
    image: str | None = None


EVERYWHERE = Whereabouts()
Reason = Annotated[str, Parameter(help="Why, for whoever asks later.")]


@app.command
def accept(
    name: str,
    /,
    *,
    until: str,
    reason: Reason,
    whom: Whereabouts = EVERYWHERE,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Accept the risk of a vulnerability until a day.

    Parameters
    ----------
    name
        As in CVE-2021-44228.
    until
        As in 90d (from now) or 2027-01-31T00:00:00Z.
    """
    _decide(asking, output, whom, name=name, decision="accepted", until=later(until), reason=reason)


@app.command
def reject(
    name: str,
    /,
    *,
    reason: Reason,
    until: str | None = None,
    whom: Whereabouts = EVERYWHERE,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Reject a finding: the scanner is wrong, it is a false positive.

    Parameters
    ----------
    name
        As in CVE-2021-44228.
    until
        As in 90d (from now) or 2027-01-31T00:00:00Z; default for good.
    """
    said = {"decision": "false_positive", "until": later(until), "reason": reason}
    _decide(asking, output, whom, name=name, **said)


@app.command(name="not-affected")
def not_affected(
    name: str,
    /,
    *,
    reason: Reason,
    justification: str | None = None,
    until: str | None = None,
    whom: Whereabouts = EVERYWHERE,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that it is there and does no harm, as VEX has it.

    Parameters
    ----------
    name
        As in CVE-2021-44228.
    justification
        VEX's word, as in vulnerable_code_not_in_execute_path.
    until
        As in 90d (from now) or 2027-01-31T00:00:00Z; default for good.
    """
    said = {"decision": "not_affected", "until": later(until), "reason": reason}
    _decide(asking, output, whom, name=name, justification=justification, **said)


@app.command
def confirm(
    name: str,
    /,
    *,
    reason: Reason,
    whom: Whereabouts = EVERYWHERE,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that it does harm here, whatever a supplier states.

    Parameters
    ----------
    name
        As in CVE-2021-44228.
    """
    _decide(asking, output, whom, name=name, decision="affected", reason=reason)


@app.command
def investigate(
    name: str,
    /,
    *,
    reason: Reason,
    whom: Whereabouts = EVERYWHERE,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that somebody looks into it.

    Parameters
    ----------
    name
        As in CVE-2021-44228.
    """
    _decide(asking, output, whom, name=name, decision="under_investigation", reason=reason)


@app.command(name="list")
def list_decisions(
    *,
    name: str | None = None,
    state: Literal["active", "ended", "all"] = "active",
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List what was decided.

    Parameters
    ----------
    name
        Of that vulnerability.
    state
        active, ended or all.
    """
    with Client(asking) as client:
        show(client.listed(PATH, name=name, state=state, limit=1000), DECISIONS, output)


@app.command
def end(number: int, /, *, asking: Asking = HERE) -> None:
    """Take a decision back; it counts again."""
    with Client(asking) as client:
        client.delete(f"{PATH}/{number}")


def _decide(
    asking: Asking,
    output: str,
    whom: Whereabouts,
    **said: Any,  # noqa: ANN401 - JSON
) -> None:
    place = {
        "package": whom.package,
        "service": whom.service,
        "cluster": whom.cluster,
        "namespace": whom.namespace,
        "image": whom.image,
    }
    body = {key: value for key, value in (said | place).items() if value is not None}
    with Client(asking) as client:
        show([client.post(PATH, body)], DECISIONS, output)
