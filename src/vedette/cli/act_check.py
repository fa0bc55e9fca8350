"""`vedette act check` and `verify`: what an action does, and whose signatures stand under it."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette import clock
from vedette.actions.document import Action, signed_text
from vedette.actions.document_legacy import modern
from vedette.cli.act_build import check_operations
from vedette.cli.act_file import ActionFile, read_file
from vedette.cli.act_shown import as_value, sentences
from vedette.cli.key_files import keys_below
from vedette.cli.output import plain
from vedette.cli.spans import when
from vedette.cli.trust_file import read_file as read_bundle_file
from vedette.cli.trust_shown import print_value
from vedette.cli.trust_signatures import signatures_of
from vedette.errors import Invalid
from vedette.trust.accept import hold_bundle_time
from vedette.trust.bundle import Bundle
from vedette.trust.openpgp import Verified
from vedette.trust.validity import hold_validity
from vedette.trust.verify import ACTION, key_fingerprint, verify_all
from vedette.trust.weigh import Weighed, hold_not_withdrawn, people_of, weigh, weights

Output = Annotated[
    Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How to print it.")
]


def check(
    file: ActionFile,
    /,
    *,
    foreign: Annotated[bool, Parameter(negative="")] = False,
    output: Output = "text",
) -> None:
    """Say in plain words what an action does; refuse what no module could have been asked.

    MIG's files are read as they are, with the names of 2014, too; nothing is verified here.

    Parameters
    ----------
    file
        The action; - reads stdin.
    foreign
        Agents have its modules, this machine has not.
    """
    action = read_file(file)
    check_operations(action, is_foreign=foreign)
    if output != "text":
        print_value(as_value(action, now=clock.now()), output)
        return
    sys.stdout.writelines(f"{line}\n" for line in sentences(action, now=clock.now()))


def verify(
    file: ActionFile,
    /,
    *,
    keys: Annotated[list[Path] | None, Parameter(negative="")] = None,
    bundle: Path | None = None,
    agent: str | None = None,
    at: str | None = None,
    accept_sha1_key: Annotated[list[str] | None, Parameter(negative="")] = None,
    output: Output = "text",
) -> None:
    """Verify every signature under an action and its validity, as an agent does.

    Parameters
    ----------
    file
        The action; - reads stdin.
    keys
        Files of public keys, or folders of them.
    bundle
        Take the keys from this trust bundle, and say what the signers weigh by it.
    agent
        The fingerprint of an agent's key: would it obey, by the bundle?
    at
        Judge as of then, as in 2026-11-22T09:00:00Z, or 2h ago; default now.
    accept_sha1_key
        Let this old OpenPGP key count though it vouches for itself by SHA-1.
    """
    now = datetime.fromisoformat(when(at) or clock.now().isoformat())
    held = _bundle(bundle, now) if bundle else None
    known = [key for path in keys or [] for key in keys_below(path)]
    known += held.public_keys() if held else ()
    if not known:
        raise Invalid("whose signatures may count?", hint="--keys FILE, or --bundle trust.json")
    action = read_file(file)
    old = frozenset(map(str.upper, accept_sha1_key or ())) | (
        held.accepted_sha1() if held else frozenset()
    )
    signers = verify_all(
        action.signatures, signed_text(action), known, namespace=ACTION, now=now, accept_sha1=old
    )
    _hold_validity(action, now)
    if held is not None:
        hold_not_withdrawn(held, signed_text(action))
    weighed = _weighed(action, held, signers, agent, now)
    value = {
        "signers": [_signer(one, held) for one in signers],
        "weights": [_weight(one) for one in weighed],
    }
    if output != "text":
        print_value(value, output)
        return
    sys.stdout.writelines(f"{line}\n" for line in _told(action, value))


def _bundle(path: Path, now: datetime) -> Bundle:
    """Return the bundle on the desk; what agents would not take from it yet is said."""
    signed, held = read_bundle_file(path)
    signers = len(signatures_of(signed, held, now=now).counting)
    if signers < held.roots.threshold:
        sys.stderr.write(
            f"vedette: no agent has this bundle: {signers} of {held.roots.threshold} roots signed\n"
        )
    return held


def _hold_validity(action: Action, now: datetime) -> None:
    if action.valid_from is None or action.expire_after is None:
        raise Invalid("the action has no validfrom and expireafter; nobody can have signed it")
    hold_validity(action.valid_from, action.expire_after, now=now)


def _weighed(
    action: Action,
    held: Bundle | None,
    signers: tuple[Verified, ...],
    agent: str | None,
    now: datetime,
) -> tuple[Weighed, ...]:
    """Return what stands behind each operation; raises Untrusted when the agent would refuse."""
    if held is None:
        if agent:
            raise Invalid(
                "what an agent obeys stands in a trust bundle", hint="--bundle trust.json"
            )
        return ()
    modules = modern(action)[0].modules
    if agent:
        hold_bundle_time(held, now)
        return weigh(held, signers, modules, agent=agent, reason=action.reason, now=now)
    return weights(held, people_of(held, signers, now), modules, held.groups)


def _signer(one: Verified, held: Bundle | None) -> dict[str, Any]:
    people = held.investigators if held else ()
    names = [p.name for p in people if one.fingerprint in map(key_fingerprint, p.keys)]
    made_at = f"{one.made_at:%FT%TZ}" if one.made_at else None
    return {"fingerprint": one.fingerprint, "name": names[0] if names else None, "made_at": made_at}


def _weight(one: Weighed) -> dict[str, Any]:
    return {
        "module": one.module,
        "group": one.group,
        "weight": one.weight,
        "minimum": one.minimum,
        "is_enough": one.is_enough,
    }


def _told(action: Action, value: dict[str, Any]) -> list[str]:
    lines = [f"{plain(action.name)}: signed by {len(value['signers'])}, valid"]
    for one in value["signers"]:
        name = f" {plain(one['name'])}" if one["name"] else ""
        lines.append(f"  {one['fingerprint']}{name}, {one['made_at'] or 'when, it does not say'}")
    for one in value["weights"]:
        enough = "enough" if one["is_enough"] else "not enough"
        told = f"{plain(one['module'])} in {plain(one['group'])}"
        lines.append(f"  {told}: {one['weight']} of {one['minimum']}, {enough}")
    return lines
