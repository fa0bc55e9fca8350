"""`vedette act list` and `show`: the actions a server has."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette import clock
from vedette.actions.document import Action
from vedette.actions.document_read import read_action
from vedette.cli.act_follow import standing_of
from vedette.cli.act_shown import sentences
from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, plain, show
from vedette.cli.trust_shown import print_value
from vedette.cli.where import Asking
from vedette.errors import Invalid

HERE = Asking()
ACTIONS = Listing(
    "actions",
    ("id", "state", "name", "modules", "commands", "proposed_by", "proposed_at", "expire_after"),
    "id",
)


def list_actions(
    *,
    state: str | None = None,
    name: str | None = None,
    limit: int = 50,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List actions, the newest first.

    Parameters
    ----------
    state
        proposed (waits for signatures), new, inflight, done or invalid; several with commas.
    name
        A part of the name.
    limit
        How many at most.
    """
    if limit < 1:
        raise Invalid("--limit is 1 at least")
    with Client(asking) as client:
        found = client.listed(
            "/api/v1/actions",
            at_most=limit,
            limit=min(limit, 1000),
            state=state,
            name=name,
        )
    show(found, ACTIONS, output)


def show_action(
    action: int,
    /,
    *,
    output: Annotated[
        Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How to print it.")
    ] = "text",
    asking: Asking = HERE,
) -> None:
    """Say in plain words what an action does, read from what was signed; who signed; how it stands."""
    with Client(asking) as client:
        known = client.get(f"/api/v1/actions/{action}")
        document = document_of(client, action) if output == "text" else None
    if document is None:
        print_value(known, output)
        return
    sys.stdout.writelines(f"{line}\n" for line in _shown(document, known))


def document_of(client: Client, action_id: int) -> Action:
    """Return the action as it was signed, with the signatures it has; raises Invalid."""
    found = client.get(f"/api/v1/actions/{action_id}/document")
    return read_action(json.dumps(found, ensure_ascii=False).encode())


def _shown(action: Action, known: Mapping[str, Any]) -> Iterator[str]:
    yield f"Action {known['id']}, {known['state']}"
    yield from sentences(action, now=clock.now())
    yield f"Proposed by {plain(known['proposed_by'])} at {known['proposed_at']}"
    for one in known["signatures"]:
        stranger = "" if one["in_bundle"] else ", whom the trust bundle does not name"
        yield f"  signed by {plain(one['name'])} at {one['signed_at']}{stranger}"
    for one in known["weights"]:
        place = f"{plain(one['module'])} in {plain(one['group'])}"
        shares = zip(one["investigators"], one["shares"], strict=True)
        each = ", ".join(f"{plain(name)} {share}" for name, share in shares)
        yield f"  weighs {one['weight']} of {one['minimum']} for {place}" + (each and f" ({each})")
    if goes_out := _goes_out(known):
        yield f"  goes out: {goes_out}"
    for one in known["denials"]:
        yield f"  denied by {plain(one['by'])}: {plain(one['reason'])}"
    if known["cancelled_by"]:
        yield f"  cancelled by {plain(known['cancelled_by'])}"
    yield f"It stands: {standing_of(known)}"


def _goes_out(known: Mapping[str, Any]) -> str:
    told = (
        ("canary", "{} first, the others when somebody says so"),
        ("at_once", "{} at once"),
        ("rate", "{} a second"),
        ("most_agents", "{} in all"),
        ("most_failures", "pauses when more than {:.2%} failed"),
    )
    said = [words.format(known[key]) for key, words in told if known[key] is not None]
    return ", ".join(said if known["late"] else [*said, "not to those who come later"])
