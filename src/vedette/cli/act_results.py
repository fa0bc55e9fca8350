"""`vedette act results`: what hosts answered, and whether their agents signed it."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.actions.document import digest_of
from vedette.cli.act_answer import hold_answer, told
from vedette.cli.act_follow import PAGE
from vedette.cli.act_looks import document_of
from vedette.cli.client import Client
from vedette.cli.output import Listing, show
from vedette.cli.where import Asking
from vedette.errors import Denied

HERE = Asking()
COLUMNS = ("agent", "outcome", "found", "took_s", "answer")
EXIT_WRONG = 5

Output = Annotated[
    Literal["table", "json", "yaml", "csv", "jsonl"],
    Parameter(name=["--output", "-o"], help="How to print them; jsonl as they come, whole."),
]


def results(
    action: int,
    /,
    *,
    found: bool | None = None,
    verify: Annotated[bool, Parameter(negative="")] = False,
    output: Output = "table",
    asking: Asking = HERE,
) -> int:
    """Show what hosts answered, in the order in which it came.

    Parameters
    ----------
    action
        Its number.
    found
        Only those who found something, or (--no-found) nothing.
    verify
        Check each answer against the agent's key, and that it answers what people signed; ends with
        5 when one does not hold. Whose key it is, the server says: compare agent_key with the trust
        bundle where that matters.
    """
    with Client(asking) as client:
        digest = digest_of(document_of(client, action)) if verify else None
        wrong = 0
        kept: list[dict[str, Any]] = []
        for result in _all(client, action, found):
            if digest is not None:
                result["verified"] = _verified(result, digest)
                wrong += result["verified"] != "yes"
            if output == "jsonl":
                sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
            else:
                kept.append(result)
    if output != "jsonl":
        _show(kept, output, is_verified=verify)
    return EXIT_WRONG if wrong else 0


def _all(client: Client, action_id: int, found: bool | None) -> Iterator[dict[str, Any]]:
    only = "" if found is None else f"&found={str(found).lower()}"
    following: str | None = f"/api/v1/actions/{action_id}/results?limit={PAGE}{only}"
    while following is not None:
        page, following = client.page(following)
        yield from page
        if not page:
            return


def _verified(result: dict[str, Any], digest: str) -> str:
    try:
        hold_answer(result, digest=digest)
    except Denied as wrong:
        return f"NO: {wrong.message}"
    except (ValueError, KeyError, AttributeError) as broken:
        return f"NO: it cannot be read: {type(broken).__name__}"
    return "yes"


def _show(kept: list[dict[str, Any]], output: str, *, is_verified: bool) -> None:
    listing = Listing("answers", (*COLUMNS, *["verified"] * is_verified), "agent")
    if output in {"table", "csv"}:
        show([{**one, "answer": told(one)} for one in kept], listing, output)
    else:
        show(kept, listing, output)
