"""`vedette act schedule`, `schedules` and `unschedule`: sign once, run again and again."""

import sys
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from vedette import clock
from vedette.actions.document import Action
from vedette.actions.mandate import Mandate, windows
from vedette.cli.act_build import check_operations
from vedette.cli.act_file import ActionFile, read_file, write_file
from vedette.cli.act_send import AT_ONCE, Launch, Output, in_body
from vedette.cli.act_shown import sentences
from vedette.cli.act_signing import is_fixed, ready, signed_with
from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, plain, show
from vedette.cli.spans import later, span
from vedette.cli.target_meant import agents_meant, hold_meant
from vedette.cli.trust_shown import print_value
from vedette.cli.where import Asking
from vedette.errors import Invalid
from vedette.trust.validity import LONGEST_VALIDITY

HERE = Asking()
PATH = "/api/v1/mandates"
MANDATES = Listing(
    "mandates",
    ("id", "state", "name", "schedule", "runs", "most_runs", "next_at", "last_action", "trouble"),
    "id",
)


def schedule(
    file: ActionFile,
    /,
    *,
    key: Annotated[
        str | None,
        Parameter(help="Sign it: an SSH key's file (.pub: by ssh-agent), or a key of gpg's."),
    ] = None,
    every: str | None = None,
    cron: str | None = None,
    runs: int | None = None,
    each: str | None = None,
    start: str | None = None,
    foreign: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    launch: Launch = AT_ONCE,
    output: Output = "text",
    asking: Asking = HERE,
) -> None:
    """Let an action run by itself: a draft becomes a mandate, is signed and handed in.

    How often and how many times stands in the signed bytes; agents take each run in its own window,
    once. Where one signature is not enough, another person signs the file (`vedette act sign FILE`)
    and it is handed in again (`vedette act schedule FILE`).

    Parameters
    ----------
    file
        A draft, to which the schedule is added; or a mandate that is signed.
    every
        Between two starts, as in 1h; the first at once.
    cron
        Instead: five fields in UTC, as in '0 3 * * *'.
    runs
        How many times at most.
    each
        How long each run counts, as in 10m; default until the next begins.
    start
        When the first may begin, as in 2026-11-23T03:00:00Z, or 2h from now; default now.
    foreign
        Agents have its modules, this machine has not.
    yes
        Ask nobody whether those are the agents that are meant.
    """
    action = read_file(file)
    if every or cron or runs or each or start:
        action = _mandated(action, every=every, cron=cron, runs=runs, each=each, start=start)
    elif action.mandate is None:
        raise Invalid("how often does it run?", hint="--every 1h --runs 24, or --cron '0 3 * * *'")
    check_operations(action, is_foreign=foreign)
    now = clock.now()
    action = ready(action, now=now)
    sys.stderr.writelines(f"{line}\n" for line in sentences(action, now=now))
    with Client(asking) as client:
        if key is not None:
            hold_meant(agents_meant(client, action.target), is_sure=yes)
            action = signed_with(action, key)
            write_file(file, action)
        if not action.signatures:
            raise Invalid("nobody signed the mandate", hint="--key KEY")
        _tell(client.post(PATH, in_body(action, launch)), str(file), output)


def schedules(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List what runs by itself, the newest first, and what kept the last run of each from going out."""
    with Client(asking) as client:
        show(client.listed(PATH), MANDATES, output)


def unschedule(mandate: int, /, *, output: Output = "text", asking: Asking = HERE) -> None:
    """Launch no further run of it, and cancel the one that is under way.

    What is left of it stays signed: to be sure of a server that was stolen, let the roots withdraw it
    (`vedette trust withdraw FILE`).
    """
    with Client(asking) as client:
        _tell(client.post(f"{PATH}/{mandate}/stop", {}), "FILE", output)


def _mandated(
    action: Action,
    *,
    every: str | None,
    cron: str | None,
    runs: int | None,
    each: str | None,
    start: str | None,
) -> Action:
    if is_fixed(action):
        raise Invalid("the action is signed: what it does and when stands fast; begin with a draft")
    mandate = Mandate(
        runs=runs or 0,
        every=span(every) if every else None,
        cron=cron or "",
        each=span(each) if each else None,
    )
    begins = datetime.fromisoformat(str(later(start))) if start else clock.now()
    begins = begins.replace(microsecond=0)
    found = list(windows(mandate, begins, begins + LONGEST_VALIDITY))
    if len(found) < mandate.runs:
        raise Invalid(
            f"of {mandate.runs} runs, {len(found)} begin within {LONGEST_VALIDITY.days} days"
        )
    return replace(
        action,
        syntax_version=3,
        mandate=mandate,
        valid_from=begins,
        expire_after=found[-1].ends,
    )


def _tell(found: dict[str, Any], file: str, output: str) -> None:
    if output == "text":
        sys.stdout.write(f"{found['id']}\n")
    else:
        print_value(found, output)
    number, state = found["id"], found["state"]
    following = f"; the next run is at {found['next_at']}" if found["next_at"] else ""
    words = f"mandate {number} is {state}: {found['schedule']}{following}"
    if found["missing"]:
        missing = "; ".join(map(plain, found["missing"]))
        again = f"another person: vedette act sign {file} --key …, then vedette act schedule {file}"
        words = f"{words}; its runs would wait: {missing} ({again})"
    sys.stderr.write(f"vedette: {words}\n")
