"""`vedette act write`: an action from options in one line."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette import clock
from vedette.actions.one_liner_options import told
from vedette.actions.target_text import DEFAULT
from vedette.cli.act_build import (
    NO_CAPS,
    NOTHING_ABOUT,
    About,
    Caps,
    draft,
    migs_own,
    operation,
    struct_of,
    typed,
    with_operation,
)
from vedette.cli.act_file import read_file, write_draft, write_file
from vedette.cli.act_signing import valid
from vedette.cli.client import Client
from vedette.cli.spans import span
from vedette.cli.target_macros import expanded
from vedette.cli.target_meant import NOTHING, Under, target_of
from vedette.cli.where import asking_here
from vedette.cli.whole_file import STANDARD
from vedette.errors import Invalid

Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
Plain = Parameter(negative="")


def write(
    module: str,
    /,
    *words: Words,
    target: str | None = None,
    parameters: Path | None = None,
    v2: Annotated[bool, Plain] = False,
    valid_for: str | None = None,
    compress: Annotated[bool, Plain] = False,
    foreign: Annotated[bool, Plain] = False,
    add_to: Path | None = None,
    out: Path = STANDARD,
    about: About = NOTHING_ABOUT,
    caps: Caps = NO_CAPS,
    under: Under = NOTHING,
) -> None:
    """Write an action: what a module is asked, as in `file -path /etc -name '^passwd$'`.

    `vedette act write MODULE help` lists what a module can be asked in one line.

    Parameters
    ----------
    module
        As in file, netstat or pkg.
    words
        What it is asked, in MIG's words. MIG's own -t TARGET, -n NAME, -e DURATION and -z are known
        before them.
    target
        Which agents: SQL as MIG's, labels, or a name from targets.yaml or ~/.migrc; default those
        that are online. Those beneath an incident and its like are asked of the server that
        VEDETTE_URL or the data directory names, and written down by their keys.
    parameters
        The module's parameters from a file of JSON, instead of words.
    v2
        As MIG's version 2, which signs neither a reason nor limits.
    valid_for
        From now on so long; else that is said when it is signed.
    compress
        Let the parameters be packed before they are signed.
    foreign
        Agents have the module, this machine has not; nothing is checked.
    add_to
        A draft to which this is added as a further operation.
    out
        Where to write it; default stdout, or the draft it is added to. A draft there is replaced.
    """
    if words == ("help",):
        sys.stdout.writelines(f"{line}\n" for line in told(module, struct_of(module)))
        return
    own, asked = migs_own(words)
    packed = compress or "compress" in own
    one = operation(
        module, asked, parameters=parameters, is_foreign=foreign, want_compressed=packed
    )
    if add_to is not None:
        if (
            own
            or target
            or under != NOTHING
            or v2
            or about != NOTHING_ABOUT
            or caps != NO_CAPS
            or valid_for
        ):
            raise Invalid("the draft says target, version, validity and what it is about already")
        write_file(add_to if out == STANDARD else out, with_operation(read_file(add_to), one))
        return
    action = draft(
        [one],
        target=_target(target or own.get("target"), under),
        version=2 if v2 else 3,
        title=about.title or own.get("title") or typed(module, asked),
        about=about,
        limits=caps.limits(),
    )
    length = valid_for or own.get("valid_for")
    write_draft(out, valid(action, span(length), now=clock.now()) if length else action)


def _target(typed_target: str | None, under: Under) -> str:
    """Return the target as it is signed; a server is asked only for what stands beneath something."""
    if under == NOTHING:
        return expanded(typed_target or DEFAULT)
    with Client(asking_here()) as client:
        return target_of(client, typed_target, under)
