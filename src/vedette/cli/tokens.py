"""`vedette tokens`: who may use the REST interface and the clients' door."""

from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.spans import from_now
from vedette.cli.where import Asking

HERE = Asking()
TOKENS = Listing(
    "tokens", ("name", "scopes", "made_at", "made_by", "expires_at", "last_used_at"), "name"
)

app = App(name="tokens", help="Make, list and revoke API tokens.")


@app.command
def create(
    name: str,
    /,
    *,
    scope: Annotated[list[str], Parameter(negative="")],
    expires: str | None = None,
    asking: Asking = HERE,
) -> None:
    """Make a token and print its secret, alone on stdout; it is never shown again.

    Parameters
    ----------
    scope
        What it may do, as in read,records:write; may stand several times.
    expires
        How long it lives, as in 90d or 12h; default for ever.
    """
    scopes = [word.strip() for words in scope for word in words.split(",") if word.strip()]
    body = {"name": name, "scopes": scopes}
    if expires is not None:
        body["expires_at"] = from_now(expires)
    with Client(asking) as client:
        print(client.post("/api/v1/tokens", body)["secret"])  # noqa: T201


@app.command(name="list")
def list_tokens(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List the tokens that stand; their secrets are kept nowhere."""
    with Client(asking) as client:
        show(client.listed("/api/v1/tokens"), TOKENS, output)


@app.command
def revoke(name: str, /, *, asking: Asking = HERE) -> None:
    """End a token at once, on every server."""
    with Client(asking) as client:
        client.delete(f"/api/v1/tokens/{quote(name, safe='')}")
