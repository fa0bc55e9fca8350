"""`vedette ask`: ask a target, through an agent that looks at it, what its connector can be asked."""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import Listing, show
from vedette.cli.spans import span
from vedette.cli.where import Asking
from vedette.errors import Conflict, Denied, Invalid, Kind, Missing, Unavailable, VedetteError

HERE = Asking()
COMMANDS = Listing("commands", ("name", "parameters", "scope", "help"), "name")
ERRORS: Mapping[Kind, type[VedetteError]] = {
    kind.kind: kind for kind in (Invalid, Denied, Missing, Conflict, Unavailable)
}

Output = Annotated[
    Literal["table", "json", "yaml", "csv"],
    Parameter(name=["--output", "-o"], help="How to print it."),
]


def ask(
    target: str,
    command: str | None = None,
    /,
    *parameters: str,
    within: str = "10s",
    agent: str = "",
    output: Output = "table",
    asking: Asking = HERE,
) -> None:
    """Ask a target what its connector can be asked; without COMMAND list what that is.

    Asking only reads, is written to the audit log, and needs a token of scope ask.

    Parameters
    ----------
    target
        Its name.
    command
        What to ask, as in locks.
    parameters
        As in limit=10.
    within
        How long the answer may take, up to 60s.
    agent
        The agent that is to answer; default any that looks at the target.
    """
    given = dict(_pair(word) for word in parameters)
    path = f"/api/v1/targets/{quote(target, safe='')}"
    with Client(asking) as client:
        if command is None:
            show([_listed(each) for each in client.get(f"{path}/commands")], COMMANDS, output)
            return
        body = {
            "command": command,
            "parameters": given,
            "within_s": span(within).total_seconds(),
            "agent": agent,
        }
        _show(client.lines(f"{path}/ask", body), command, output)


def _show(lines: Iterator[Any], command: str, output: str) -> None:
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = []
    for line in lines:
        match line.get("kind"):
            case "asked":
                columns = tuple(column["name"] for column in line["columns"])
            case "row":
                rows.append(line["row"])
            case "end":
                _check(line)
                show(rows, Listing(f"rows in the answer to {command}", columns, ""), output)
                if line["truncated"]:
                    sys.stderr.write(
                        f"vedette: the answer is cut off after {len(rows)} rows: "
                        f"as many {line['truncated']} as an answer may have\n"
                    )
                return
    raise Unavailable("the server broke off the answer", hint="ask again")


def _check(end: Mapping[str, Any]) -> None:
    if kind := end["error"]:
        raise ERRORS.get(kind, Unavailable)(end["message"], hint=end["hint"] or None)


def _pair(word: str) -> tuple[str, str]:
    name, separator, value = word.partition("=")
    if not separator or not name:
        raise Invalid(f"{word!r} is no parameter", hint="write name=value, as in limit=10")
    return name, value


def _listed(command: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": command["name"],
        "parameters": [_shown(each) for each in command["parameters"]],
        "scope": command["scope"],
        "help": command["help"],
    }


def _shown(parameter: Mapping[str, Any]) -> str:
    default = parameter["default"]
    return f"{parameter['name']}={'…' if default is None else default}"
