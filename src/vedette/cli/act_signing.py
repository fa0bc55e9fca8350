"""Signatures under an action: everybody signs the same bytes."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from vedette.actions.document import Action, compressed, signed_text
from vedette.actions.document_write import sealed
from vedette.cli.key_files import sign_by, told_signer
from vedette.errors import Conflict, Invalid
from vedette.trust.verify import ACTION

BACKDATED = timedelta(seconds=60)
"""As MIG's clients do it: hosts whose clocks are a little behind take the action at once."""


def is_fixed(action: Action) -> bool:
    """Whether its text stands fast: somebody signed it, or it was sealed to be signed."""
    return bool(action.signatures or action.document)


def valid(
    action: Action, length: timedelta, *, now: datetime, begins: datetime | None = None
) -> Action:
    """Return the draft with its validity: from now, or from when it begins, for so long."""
    whole = (begins or now).replace(microsecond=0)
    return replace(
        action,
        valid_from=whole if begins else whole - BACKDATED,
        expire_after=whole + length,
    )


def ready(action: Action, *, now: datetime) -> Action:
    """Return the action as people sign it: parameters packed where asked, version 3 sealed.

    What is fixed already stays as it is. Raises Invalid when its validity is missing or over.
    """
    if action.valid_from is None or action.expire_after is None:
        raise Invalid("the action has no validity", hint="--valid-for 1h")
    if action.expire_after <= now:
        raise Invalid(
            f"the action expired at {action.expire_after:%FT%TZ}",
            hint="sign the draft anew with --valid-for 1h",
        )
    if is_fixed(action):
        return action
    packed = [compressed(one) if one.want_compressed else one for one in action.operations]
    action = replace(action, operations=tuple(packed))
    return sealed(action, nonce=secrets.token_hex(16)) if action.syntax_version == 3 else action


def signed_with(action: Action, key: str) -> Action:
    """Return the action with the signature of this key; raises Conflict when it signed before."""
    text = signed_text(action)
    signature = sign_by(key, text, namespace=ACTION)
    if told_signer(signature) in map(told_signer, action.signatures):
        raise Conflict(f"{key} signed this action already; let another person sign")
    return replace(action, signatures=(*action.signatures, signature))


def gathered(action: Action, copies: Iterable[tuple[str, Action]]) -> Action:
    """Return the action with the signatures under its copies; raises Conflict for another action.

    copies: where each was read, and the action there.
    """
    text = signed_text(action)
    signatures = {told_signer(one): one for one in action.signatures}
    for place, copy in copies:
        if signed_text(copy) != text:
            raise Conflict(f"{place} is another action; its signatures are over other bytes")
        for one in copy.signatures:
            signatures.setdefault(told_signer(one), one)
    return replace(action, signatures=tuple(signatures.values()))
