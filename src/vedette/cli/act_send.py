"""`vedette act send`: hand a signed action to a server."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.actions.document import Action
from vedette.actions.document_write import write_action
from vedette.cli.act_file import ActionFile, read_file
from vedette.cli.act_follow import followed
from vedette.cli.client import Client
from vedette.cli.output import plain
from vedette.cli.trust_shown import print_value
from vedette.cli.where import Asking

HERE = Asking()
AGAIN = "it was handed in before, and no agent runs it twice; to ask again, write and sign another"
Plain = Parameter(negative="")

Output = Annotated[
    Literal["text", "json", "yaml"],
    Parameter(name=["--output", "-o"], help="text: its number alone; how it stands on stderr."),
]


@Parameter(name="*", group="Launch")
@dataclass(frozen=True, kw_only=True)
class Launch:
    """How it goes out, never wider than what was signed."""

    rate: Annotated[float | None, Parameter(help="Agents a second.")] = None
    at_once: Annotated[int | None, Parameter(help="Agents under way together.")] = None
    most_agents: Annotated[int | None, Parameter(help="Agents in all.")] = None
    canary: Annotated[
        int | None, Parameter(help="So many first; the others after vedette act canary ID.")
    ] = None
    most_failures: Annotated[
        float | None, Parameter(help="Pause when this share of the answers failed, as in 0.01.")
    ] = None
    late: Annotated[
        bool, Parameter(help="Ask agents, too, that come before it expires.", negative="--no-late")
    ] = True

    def asked(self) -> dict[str, object]:
        """Return what the server is told."""
        return {name: value for name, value in asdict(self).items() if value is not None}


AT_ONCE = Launch()


def send(
    file: ActionFile,
    /,
    *,
    launch: Launch = AT_ONCE,
    for_incident: int | None = None,
    follow: Annotated[bool, Plain] = False,
    output: Output = "text",
    asking: Asking = HERE,
) -> int:
    """Hand an action in; it is launched once enough weight stands behind it.

    Its number stands on stdout. The same action again is the same number, and brings the signatures
    it has got meanwhile.

    Parameters
    ----------
    file
        The signed action, or a draft that others are to sign with `vedette act sign NUMBER`.
    for_incident
        The number of an incident whose notes are to tell of it.
    follow
        Show the answers as they come, as `vedette act follow` does.
    """
    action = read_file(file)
    with Client(asking) as client:
        standing = handed_in(client, action, launch, for_incident)
        tell(standing, output)
        if standing.get("launched_before"):
            sys.stderr.write(f"vedette: {AGAIN}\n")
        return followed(client, standing["id"], output="text") if follow else 0


def handed_in(
    client: Client, action: Action, launch: Launch, incident: int | None = None
) -> dict[str, Any]:
    """Hand the action in and return how it stands. incident: whose notes tell of it."""
    return dict(client.post("/api/v1/actions", {**in_body(action, launch), **_for(incident)}))


def in_body(action: Action, launch: Launch) -> dict[str, object]:
    """Return what is handed in: the file, with its signatures, and how it goes out."""
    return {"document": write_action(action).decode(), "launch": launch.asked()}


def _for(incident: int | None) -> dict[str, object]:
    return {} if incident is None else {"incident": incident}


def tell(standing: Mapping[str, Any], output: str) -> None:
    """Print an action's number, or all of how it stands; and in words what it waits for."""
    if output == "text":
        sys.stdout.write(f"{standing['id']}\n")
        sys.stdout.flush()
    else:
        print_value(dict(standing), output)
    sys.stderr.write(f"vedette: {words_of(standing)}\n")


def words_of(standing: Mapping[str, Any]) -> str:
    """Return in words how an action stands, and what to do next."""
    number, agents = standing["id"], standing["agents"]
    on = f"{agents} agent{'s' * (agents != 1)}"
    if standing["missing"]:
        missing = "; ".join(map(plain, standing["missing"]))
        way_out = f" (another person: vedette act sign {number} --key …)"
        return f"action {number} means {on} and waits: {missing}" + way_out * _lacks_people(
            standing
        )
    if standing["state"] in {"proposed", "new"}:
        return f"action {number} means {on} and counts from {standing['valid_from']}"
    if standing["state"] == "inflight":
        return f"action {number} is with {on}: vedette act follow {number}"
    return f"action {number} is {standing['state']}: vedette act show {number}"


def _lacks_people(standing: Mapping[str, Any]) -> bool:
    """Say whether a further signature helps: not where roots withdrew it, or no group allows a module."""
    is_light = any(one["weight"] < one["minimum"] for one in standing["weights"])
    return is_light or any("two people" in one for one in standing["missing"])
