"""`vedette agents`: let agents in, send them away."""

import sys
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from vedette.cli.agents_match import match
from vedette.cli.client import Client
from vedette.cli.get import AGENTS
from vedette.cli.output import Format, Listing, plain, show
from vedette.cli.spans import span
from vedette.cli.where import Asking, data_dir, endpoints
from vedette.errors import Invalid

HERE = Asking()

OFFLINE = Listing(
    "agents", ("name", "heartbeat_at", "version", "os", "hostname", "queueloc"), "name"
)
DOUBLES = Listing(
    "agents", ("queueloc", "name", "version", "pid", "started_at", "heartbeat_at", "key"), "name"
)

app = App(name="agents", help="Let agents in, send them away, see whom a target means.")
app.command(match)


@app.command
def token(
    *,
    name: str | None = None,
    tag: Annotated[list[str] | None, Parameter(negative="")] = None,
    expires: str | None = None,
    via: str | None = None,
    collector: Annotated[bool, Parameter(negative="")] = False,
    asking: Asking = HERE,
) -> None:
    """Make a join token: one agent, once, soon. It stands alone on stdout.

    Parameters
    ----------
    name
        The agent's name; default what the agent wishes.
    tag
        key=value, our label for it, which `agents: [tag:key=value]` of a target chooses by.
    expires
        How long it is good, as in 1h (the default) or 2d.
    via
        The collector the bearer is bound to: it comes through that one and no other way.
    collector
        It is for a collector (`vedette collector`), not for an agent.
    """
    body: dict[str, object] = {"tags": dict(_label(word) for word in tag or [])}
    if via is not None:
        body["via"] = via
    if collector:
        body["kind"] = "collector"
    if name is not None:
        body["agent_name"] = name
    if expires is not None:
        body["ttl"] = f"{span(expires) // timedelta(seconds=60)}m"
    with Client(asking) as client:
        made = client.post("/api/v1/agents/join-tokens", body)
    sys.stdout.write(f"{made['secret']}\n")
    _tell_how(asking, "collector" if collector else "agent", via)


def _label(word: str) -> tuple[str, str]:
    key, separator, value = word.partition("=")
    if not separator or not key:
        raise Invalid(f"{word!r} is no tag", hint="write --tag key=value")
    return key, value


def _tell_how(asking: Asking, command: str, via: str | None) -> None:
    known = endpoints(data_dir(asking.data_dir)) if asking.url is None else {}
    server = f"ENROL-ADDRESS-OF-{via}" if via else known.get("grpc_clients", "HOST:PORT")
    fingerprint = known.get("ca_fingerprint", "sha256:…")
    sys.stderr.write(
        "use it once, on the machine it is for:\n"
        f"  vedette {command} --server {server} --ca-fingerprint {fingerprint} --join TOKEN\n"
    )


@app.command
def revoke(name: str, /, *, asking: Asking = HERE) -> None:
    """Send an agent away at once: its stream is closed, its certificate is worth nothing."""
    with Client(asking) as client:
        client.post(f"/api/v1/agents/{quote(name, safe='')}/revoke", {})
    _tell(f"{name} is sent away; its host can only be enrolled anew")


@app.command
def retire(name: str, /, *, asking: Asking = HERE) -> None:
    """Send an agent away and take it from the lists; its history stays, its name is free."""
    with Client(asking) as client:
        client.post(f"/api/v1/agents/{quote(name, safe='')}/retire", {})
    _tell(f"{name} is sent away and no longer listed; its history stays")


@app.command
def release(name: str, /, *, asking: Asking = HERE) -> None:
    """Let an agent out of quarantine: it gets orders again.

    One that answered twenty times within an hour what nobody had asked it, or what was no answer, gets
    none until somebody looked at it. `vedette agents list` shows who that is.
    """
    with Client(asking) as client:
        client.post(f"/api/v1/agents/{quote(name, safe='')}/release", {})
    _tell(f"{name} is in no quarantine")


def _tell(words: str) -> None:
    sys.stderr.write(f"vedette: {plain(words)}\n")


@app.command(name="list")
def list_agents(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List those who look: connected or not, since when silent."""
    with Client(asking) as client:
        found = client.listed("/api/v1/agents")
    show(found, AGENTS, output)


@app.command
def offline(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List agents that fell silent: heard within 30 days, and not within 5 minutes."""
    with Client(asking) as client:
        show(client.listed("/api/v1/agents/offline"), OFFLINE, output)


@app.command
def double(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List hosts with two agents: different keys that spoke for one endpoint within 10 minutes."""
    with Client(asking) as client:
        show(client.listed("/api/v1/agents/doubles"), DOUBLES, output)
