"""`vedette maintenance now`: one call of a backup job, or the job itself run within a maintenance."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Annotated, Any

from cyclopts import Parameter

from vedette import clock
from vedette.cli.client import Client
from vedette.cli.incidents_shown import Whom, written
from vedette.cli.spans import span
from vedette.cli.where import Asking
from vedette.errors import Invalid, Missing, VedetteError

HERE, NOBODY = Asking(), Whom()
PATH = "/api/v1/maintenances"
EXTENDED_AT = 0.8
"""When so much of the time people were told has passed and the command still runs, they are told more."""


def now(
    *command: str,
    whom: Whom = NOBODY,
    lasts: Annotated[str, Parameter(name="--for")],
    title: str = "Maintenance",
    description: str = "",
    until_exit: Annotated[bool, Parameter(negative="")] = False,
    key: str | None = None,
    asking: Asking = HERE,
) -> int:
    """Begin a maintenance at once and print its id, alone on stdout.

    Parameters
    ----------
    command
        With --until-exit: what to run, after --.
    lasts
        How long it lasts, as in 30m.
    title
        What is done, in a line.
    description
        What people should know, in Markdown; - reads it from stdin.
    until_exit
        Run the command, finish when it ends, and exit as it does; while it runs on, the end is moved.
    key
        Sent again with the same key within a day, it is not begun again.
    """
    _check(command, until_exit)
    span(lasts)
    wish = {"title": title, "description": written(description), "lasts": lasts, **whom.body()}
    with Client(asking) as client:
        made = client.send("POST", PATH, wish, key=key)
        print(made["id"], flush=True)  # noqa: T201
        return _run_within(client, made, command, span(lasts)) if until_exit else 0


def _check(command: Sequence[str], until_exit: bool) -> None:
    if until_exit != bool(command):
        raise Invalid(
            "--until-exit and a command go together",
            hint="vedette maintenance now --for 1h --until-exit -- backup.sh",
        )
    # Looked for first: nobody should read of a maintenance that was never begun.
    if command and shutil.which(command[0]) is None:
        raise Missing(f"there is no command {command[0]!r}")


def _run_within(
    client: Client, made: dict[str, Any], command: Sequence[str], lasts: timedelta
) -> int:
    child = subprocess.Popen(command)  # noqa: S603 - the operator's own command
    try:
        with _handed_on(child):
            _wait(client, made, child, lasts)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        _tried(client, "finish", "POST", f"{PATH}/{made['id']}/finish", {})
    # A signal's end as shells tell it.
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _wait(
    client: Client, made: dict[str, Any], child: "subprocess.Popen[bytes]", lasts: timedelta
) -> None:
    ends_at = datetime.fromisoformat(made["ends_at"])
    while True:
        patience = (ends_at - clock.now()) - lasts * (1 - EXTENDED_AT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(1.0, patience.total_seconds()))
            return
        ends_at += lasts
        body = {"ends_at": ends_at.isoformat()}
        _tried(client, "extend", "PATCH", f"{PATH}/{made['id']}", body)


def _tried(client: Client, verb: str, method: str, path: str, body: object) -> None:
    """Ask for it; the command's own outcome matters more than whether people could be told."""
    try:
        client.send(method, path, body)
    except VedetteError as error:
        sys.stderr.write(f"vedette: could not {verb} the maintenance: {error}\n")


@contextmanager
def _handed_on(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Hand SIGTERM on to the command, so that we outlive it and can say that it ended."""
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
