"""`vedette triage`: decide that a vulnerability need not be mended, until when, and why."""

from dataclasses import dataclass
from typing import Annotated, Literal

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


Name = Annotated[str, Parameter(help="As in CVE-2021-44228.")]
Until = Annotated[str, Parameter(help="As in 90d (from now) or 2027-01-31T00:00:00Z.")]
UntilOrForGood = Annotated[
    str | None,
    Parameter(help="As in 90d (from now) or 2027-01-31T00:00:00Z; default for good."),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Saying:
    """What every decision says: why, and where it holds; everywhere where nothing is said.

    Parameters
    ----------
    reason
        Why, for whoever asks later.
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

    reason: str
    package: str | None = None
    service: str | None = None
    cluster: Annotated[str | None, Parameter(name=["--cluster", "-c"])] = None
    namespace: Annotated[str | None, Parameter(name=["--namespace", "-n"])] = None
    image: str | None = None
    output: Format = "table"
    asking: Asking = HERE

    def decide(self, name: str, decision: str, **more: str | None) -> None:
        """Make the decision and show it."""
        said = {
            "name": name,
            "decision": decision,
            "reason": self.reason,
            "package": self.package,
            "service": self.service,
            "cluster": self.cluster,
            "namespace": self.namespace,
            "image": self.image,
            **more,
        }
        body = {key: value for key, value in said.items() if value is not None}
        with Client(self.asking) as client:
            show([client.post(PATH, body)], DECISIONS, self.output)


@app.command
def accept(name: Name, /, *, until: Until, saying: Saying) -> None:
    """Accept the risk of a vulnerability until a day."""
    saying.decide(name, "accepted", until=later(until))


@app.command
def reject(name: Name, /, *, until: UntilOrForGood = None, saying: Saying) -> None:
    """Reject a finding: the scanner is wrong, it is a false positive."""
    saying.decide(name, "false_positive", until=later(until))


@app.command(name="not-affected")
def not_affected(
    name: Name,
    /,
    *,
    justification: str | None = None,
    until: UntilOrForGood = None,
    saying: Saying,
) -> None:
    """Say that it is there and does no harm, as VEX has it.

    Parameters
    ----------
    justification
        VEX's word, as in vulnerable_code_not_in_execute_path.
    """
    saying.decide(name, "not_affected", justification=justification, until=later(until))


@app.command
def confirm(name: Name, /, *, saying: Saying) -> None:
    """Say that it does harm here, whatever a supplier states."""
    saying.decide(name, "affected")


@app.command
def investigate(name: Name, /, *, saying: Saying) -> None:
    """Say that somebody looks into it."""
    saying.decide(name, "under_investigation")


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
