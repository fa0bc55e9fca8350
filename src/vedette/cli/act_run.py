"""`vedette act run`: write, sign, send and follow in one line."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette import clock
from vedette.actions.document import Limits
from vedette.cli.act_build import About, draft, migs_own, operation, typed
from vedette.cli.act_follow import Output, followed
from vedette.cli.act_send import AT_ONCE, Launch, handed_in, words_of
from vedette.cli.act_shown import sentences
from vedette.cli.act_sign import LENGTH
from vedette.cli.act_signing import ready, signed_with, valid
from vedette.cli.client import Client
from vedette.cli.spans import span
from vedette.cli.target_meant import NOTHING, Under, agents_meant, hold_meant, target_of
from vedette.cli.where import Asking
from vedette.errors import Missing

HERE = Asking()
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
Plain = Parameter(negative="")


def run(
    module: str,
    /,
    *words: Words,
    key: Annotated[
        str, Parameter(help="An SSH key's file (.pub: by ssh-agent), or a key of gpg's.")
    ],
    target: str | None = None,
    under: Under = NOTHING,
    parameters: Path | None = None,
    title: str = "",
    reason: str = "",
    valid_for: str | None = None,
    v2: Annotated[bool, Plain] = False,
    foreign: Annotated[bool, Plain] = False,
    yes: Annotated[bool, Plain] = False,
    for_incident: int | None = None,
    follow: bool = True,
    launch: Launch = AT_ONCE,
    output: Output = "text",
    asking: Asking = HERE,
) -> int:
    """Ask hosts in one line: the action is written, signed by you, sent and followed.

    As in `vedette act run file -path /etc -name '^passwd$' --target tag:role=db --key ~/.ssh/id_ed25519`.
    Where your weight is not enough it waits for another person's `vedette act sign NUMBER`.
    Ends as `vedette act follow` does.

    Parameters
    ----------
    module
        As in file, netstat or pkg.
    words
        What it is asked, in MIG's words; MIG's own -t, -n, -e and -z are known before them.
    target
        Which agents: SQL as MIG's, labels, or a name from targets.yaml or ~/.migrc; default those
        that are online.
    parameters
        The module's parameters from a file of JSON, instead of words.
    title
        The action's name; default what was typed.
    reason
        Why; some groups of agents ask for it.
    valid_for
        How long it counts; default 1h.
    v2
        As MIG's version 2.
    foreign
        Agents have the module, this machine has not.
    yes
        Ask nobody whether those are the agents that are meant.
    for_incident
        The number of an incident whose notes are to tell of it; default that of --incident.
    follow
        Show answers as they come, or end when it is sent.
    """
    own, asked = migs_own(words)
    one = operation(
        module,
        asked,
        parameters=parameters,
        is_foreign=foreign,
        want_compressed="compress" in own,
    )
    with Client(asking) as client:
        action = draft(
            [one],
            target=target_of(client, target or own.get("target"), under),
            version=2 if v2 else 3,
            title=title or own.get("title") or typed(module, asked),
            about=About(reason=reason),
            limits=Limits() if v2 else Limits(max_agents=launch.most_agents, rate=launch.rate),
        )
        now = clock.now()
        length = span(valid_for or own.get("valid_for") or LENGTH)
        action = ready(valid(action, length, now=now), now=now)
        sys.stderr.writelines(f"{line}\n" for line in sentences(action, now=now))
        meant = agents_meant(client, action.target)
        if not meant:
            raise Missing(
                "the target means no agent now",
                hint="see vedette agents match; vedette act write, sign, send waits for those that come",
            )
        hold_meant(meant, is_sure=yes)
        standing = handed_in(
            client, signed_with(action, key), launch, for_incident or under.incident
        )
        sys.stderr.write(f"vedette: {words_of(standing)}\n")
        if follow:
            return followed(client, standing["id"], output=output)
    sys.stdout.write(f"{standing['id']}\n")
    return 0
