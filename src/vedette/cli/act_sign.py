"""`vedette act sign`, `gather` and `text`: signatures under an action, and what they are over."""

import base64
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette import clock
from vedette.actions.document import Action, Limits, signed_text
from vedette.cli.act_build import check_operations
from vedette.cli.act_file import ActionFile, read_file, write_file
from vedette.cli.act_shown import sentences
from vedette.cli.act_sign_there import sign_there
from vedette.cli.act_signing import gathered, is_fixed, ready, signed_with, valid
from vedette.cli.spans import later, span
from vedette.cli.where import Asking
from vedette.errors import Invalid, Missing
from vedette.trust.one_line import armor, read_one_line
from vedette.trust.ssh_signature import ONE_LINE_START

HERE = Asking()
Plain = Parameter(negative="")
LENGTH = "1h"
"""How long an action counts when nobody says it."""
SSH_COLUMNS = 70


def sign(
    file: ActionFile,
    /,
    *,
    key: Annotated[
        str, Parameter(help="An SSH key's file (.pub: by ssh-agent), or a key of gpg's.")
    ],
    valid_for: str | None = None,
    valid_from: str | None = None,
    v2: Annotated[bool, Plain] = False,
    v3: Annotated[bool, Plain] = False,
    foreign: Annotated[bool, Plain] = False,
    out: Path | None = None,
    yes: Annotated[bool, Plain] = False,
    asking: Asking = HERE,
) -> None:
    """Sign an action with your own key; a second person signs the same bytes.

    A number is that of an action on the server, which gets the signature and launches the action
    when that is enough. A draft gets its validity and, in version 3, its nonce first. What it does is said on stderr.
    What no module can be asked is not signed.

    Parameters
    ----------
    file
        The action; - reads stdin and writes stdout. Or its number on the server.
    valid_for
        How long it counts; default what the draft says, else 1h.
    valid_from
        From when on, as in 2026-11-22T20:00:00Z, or 2h from now; default now.
    v2
        Sign a draft of either version as MIG's version 2.
    v3
        Sign a draft of either version as version 3.
    foreign
        Agents have its modules, this machine has not.
    out
        Where to write it; default the file itself.
    yes
        With a number: ask nobody whether those are the agents that are meant.
    """
    if str(file).isdecimal() and not file.exists():
        if valid_for or valid_from or v2 or v3 or out:
            raise Invalid(f"action {file} is sealed: its validity and its version stand fast")
        sign_there(asking, int(str(file)), key, is_foreign=foreign, is_sure=yes)
        return
    action = read_file(file)
    if is_fixed(action) and (valid_for or valid_from or v2 or v3):
        raise Invalid(
            "the action is signed, so its validity and its version stand fast",
            hint="sign the draft again to change them",
        )
    if not is_fixed(action):
        action = _timed(_as_version(action, v2=v2, v3=v3), valid_for, valid_from)
    check_operations(action, is_foreign=foreign)
    action = ready(action, now=clock.now())
    sys.stderr.writelines(f"{line}\n" for line in sentences(action, now=clock.now()))
    write_file(out or file, signed_with(action, key))


def gather(file: ActionFile, copies: list[Path], /) -> None:
    """Take the signatures from copies that others signed on their own machines.

    Parameters
    ----------
    file
        The action that gets them.
    copies
        The same action, signed by others.
    """
    action = gathered(read_file(file), [(str(path), read_file(path)) for path in copies])
    write_file(file, action)
    number = len(action.signatures)
    sys.stderr.write(f"vedette: {file} has {number} signature{'' if number == 1 else 's'}\n")


def text(file: ActionFile, /, *, signature: int | None = None) -> None:
    """Print the very bytes people sign, for `gpg --verify` and `ssh-keygen -Y verify`.

    Parameters
    ----------
    file
        The action.
    signature
        Print this signature instead, the first being 1, in the form that gpg or ssh-keygen reads.
    """
    action = read_file(file)
    if signature is None:
        sys.stdout.buffer.write(signed_text(action))
        sys.stdout.flush()
        return
    if not 1 <= signature <= len(action.signatures):
        raise Missing(f"there is no signature {signature}; it has {len(action.signatures)}")
    sys.stdout.write(_armoured(action.signatures[signature - 1]))


def _as_version(action: Action, *, v2: bool, v3: bool) -> Action:
    if v2 and v3:
        raise Invalid("either --v2 or --v3")
    if v2 and (action.reason or action.limits != Limits()):
        raise Invalid("version 2 signs neither a reason nor limits", hint="leave out --v2")
    version = 2 if v2 else 3 if v3 else action.syntax_version
    return replace(action, syntax_version=version)


def _timed(action: Action, valid_for: str | None, valid_from: str | None) -> Action:
    has_validity = action.valid_from is not None and action.expire_after is not None
    if has_validity and not valid_for and not valid_from:
        return action
    begins = datetime.fromisoformat(str(later(valid_from))) if valid_from else None
    return valid(action, span(valid_for or LENGTH), now=clock.now(), begins=begins)


def _armoured(signature: str) -> str:
    if signature.startswith("-----"):
        return signature
    if not signature.startswith(ONE_LINE_START):
        return armor("PGP SIGNATURE", read_one_line(signature))
    blob = base64.b64encode(base64.b64decode(signature)).decode()
    lines = [blob[at : at + SSH_COLUMNS] for at in range(0, len(blob), SSH_COLUMNS)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
