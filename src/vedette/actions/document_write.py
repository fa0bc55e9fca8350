"""Write actions: version 2 as MIG's clients send it, version 3 as the bytes people sign."""

import json
from dataclasses import asdict, replace
from datetime import datetime

from vedette.actions.document import Action
from vedette.actions.document_read import read_v3
from vedette.trust.action_text import v3_document
from vedette.trust.signed import Signed, write_signed

ZERO_TIME = "0001-01-01T00:00:00Z"
"""How Go writes a time that is not set."""


def write_action(action: Action) -> bytes:
    """Return the file of the action, signatures included."""
    if action.syntax_version == 3 and action.document:
        signed = write_signed(Signed(action.document, action.signatures))
        return with_run(signed, action.run) if action.run else signed
    fields = _v3_fields(action) if action.syntax_version == 3 else v2_fields(action)
    return json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n"


def order_document(action: Action) -> bytes:
    """Return what goes down to agents beside the signatures: the signed bytes, and which run it is."""
    if not action.run:
        return action.document
    return json.dumps({"run": action.run, "document": action.document.decode()}).encode()


def with_run(signed: bytes, number: int) -> bytes:
    """Return the file of a run of the mandate that was signed."""
    return json.dumps({"run": number, **json.loads(signed)}, indent=2).encode() + b"\n"


def sealed(action: Action, *, nonce: str) -> Action:
    """Return the draft of version 3 as the document to sign; raises Invalid when it is incomplete.

    nonce: 32 hexadecimal digits from a source of chance, so that no two actions are the same.
    """
    document = v3_document(_v3_fields(replace(action, nonce=nonce)))
    return read_v3(Signed(document, ()))


def v2_fields(action: Action) -> dict[str, object]:
    """Return the action as MIG's API takes it; id is the server's to give."""
    return {
        "id": 0,
        "name": action.name,
        "target": action.target,
        "description": _set(asdict(action.description)),
        "threat": _set(asdict(action.threat)),
        "validfrom": _time(action.valid_from),
        "expireafter": _time(action.expire_after),
        "operations": [operation.as_json() for operation in action.operations],
        "pgpsignatures": list(action.signatures),
        "syntaxversion": 2,
    }


def _v3_fields(action: Action) -> dict[str, object]:
    parts: dict[str, object] = {
        "reason": action.reason,
        "description": _set(asdict(action.description)),
        "threat": _set(asdict(action.threat)),
        "limits": _set(asdict(action.limits)),
        "mandate": None if action.mandate is None else action.mandate.as_json(),
        "nonce": action.nonce,
        "validfrom": _time(action.valid_from) if action.valid_from else "",
        "expireafter": _time(action.expire_after) if action.expire_after else "",
    }
    return {
        "syntaxversion": 3,
        "name": action.name,
        "target": action.target,
        "operations": [operation.as_json() for operation in action.operations],
        **_set(parts),
    }


def _set(parts: dict[str, object]) -> dict[str, object]:
    """Return what is not empty."""
    return {key: value for key, value in parts.items() if value not in ("", None, {})}


def _time(at: datetime | None) -> str:
    if at is None:
        return ZERO_TIME
    # Not strftime: of the years before 1000 it leaves the zeros out.
    return at.replace(tzinfo=None).isoformat() + "Z"
