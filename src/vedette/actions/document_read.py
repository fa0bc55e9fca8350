"""Read the files of actions: MIG's version 2 as it stands, our version 3 as it was signed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from vedette.actions.document import Action, Description, Limits, Operation, Threat
from vedette.actions.document_json import fields, flag, number, read_json, text, texts
from vedette.actions.mandate import Mandate, window_of
from vedette.errors import Invalid
from vedette.trust.canonical_json import canonical_json
from vedette.trust.number_text import as_double
from vedette.trust.signed import Signed, read_signed
from vedette.trust.validity import LONGEST_VALIDITY

MOST_OPERATIONS = 100
NAME_CHARACTERS = 1_000
NONCE = re.compile(r"[0-9a-f]{32}")
SEPARATORS = (";target=", ";validfrom=", ";expireafter=", ";operations=")
"""What parts MIG's signed string; in a name or target it could be read two ways."""

EXACT = 1 << 53
"""Every whole number below is a double, and no other one is."""

OPERATION = ("module", "parameters", "is_compressed", "want_compressed")
V1 = {"order", "arguments"}
"""What only the format of 2013 has."""
V2 = (
    *("name", "target", "description", "threat", "operations", "validfrom", "expireafter"),
    *("pgpsignatures", "syntaxversion"),
    # What MIG's server adds when it shows an action; read over, it is nobody's order.
    *("id", "investigators", "status", "starttime", "finishtime", "lastupdatetime", "counters"),
)
V3 = (
    *("syntaxversion", "name", "target", "reason", "description", "threat", "operations"),
    *("validfrom", "expireafter", "nonce", "limits", "mandate"),
)
MANDATE = ("runs", "every_s", "cron", "each_s")
LIMITS = ("max_agents", "rate", "cpu_s", "memory_bytes", "output_bytes")
WHOLE_LIMITS = ("max_agents", "memory_bytes", "output_bytes")

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:[.,](\d{1,12}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def read_action(data: bytes) -> Action:
    """Return the action of a file: version 2, a draft of version 3, or a signed version 3.

    Raises Invalid naming the place and the way out.
    """
    value = read_json(data)
    if isinstance(value, dict) and "document" in value:
        if "run" not in value:
            return read_v3(read_signed(data))
        signed = {key: one for key, one in value.items() if key != "run"}
        return _run(value["run"], read_signed(json.dumps(signed).encode()))
    if isinstance(value, dict) and value.get("syntaxversion") == 3:
        return _v3(fields(value, "", V3))
    if isinstance(value, dict) and {key.casefold() for key in value} >= V1:
        raise Invalid(
            "this is MIG's version 1, an order and its arguments, which nothing runs any more",
            hint="write it anew: vedette act write",
        )
    return _v2(fields(value, "", V2))


def read_v3(signed: Signed) -> Action:
    """Return the signed action; its bytes must be canonical and complete."""
    value = read_json(signed.document)
    if canonical_json(value) != signed.document:
        raise Invalid("the signed action is not written canonically; write it by vedette act")
    action = _v3(fields(value, "", V3), signed)
    if action.valid_from is None or action.expire_after is None:
        raise Invalid("a signed action needs validfrom and expireafter")
    if not NONCE.fullmatch(action.nonce):
        raise Invalid("nonce must be 32 hexadecimal digits, new for every action")
    if action.mandate and action.expire_after - action.valid_from > LONGEST_VALIDITY:
        raise Invalid(f"a mandate counts for at most {LONGEST_VALIDITY.days} days in all")
    return action


def read_order(document: bytes, signatures: Sequence[str]) -> Action:
    """Return the action of a document and the signatures that came beside it; those inside are read over.

    Raises Invalid as `read_action` does.
    """
    value = read_json(document)
    if isinstance(value, dict) and "run" in value:
        found = fields(value, "", ("run", "document"))
        signed = text(found.get("document"), "document").encode()
        return _run(found["run"], Signed(signed, tuple(signatures)))
    if isinstance(value, dict) and value.get("syntaxversion") == 3:
        return read_v3(Signed(document, tuple(signatures)))
    return replace(_v2(fields(_as_signed(value), "", V2)), signatures=tuple(signatures))


def _as_signed(value: object) -> object:
    """Return what version 2 signs of a value: keys in one order, numbers as doubles.

    Whoever hands a document down could otherwise choose which of two same labels comes first.
    """
    match value:
        case dict():
            return {key: _as_signed(value[key]) for key in sorted(value)}
        case list():
            return [_as_signed(one) for one in value]
        case int() if abs(value) >= EXACT:
            return as_double(value)
        case float() if value.is_integer() and 0 < abs(value) < EXACT:
            return int(value)
    return value


def _run(asked: object, signed: Signed) -> Action:
    """Return the run of a mandate, which counts in its own window alone; raises Invalid."""
    action = read_v3(signed)
    which = _whole(asked, "run")
    if action.mandate is None or which is None:
        raise Invalid("run must be the number of a run of a mandate")
    assert action.valid_from is not None
    assert action.expire_after is not None
    window = window_of(action.mandate, action.valid_from, action.expire_after, which)
    return replace(action, run=which, valid_from=window.begins, expire_after=window.ends)


def read_time(value: object, place: str) -> datetime | None:
    """Return the time in UTC; null and Go's zero time, 0001-01-01T00:00:00Z, are None.

    Nanoseconds are cut to microseconds. Raises Invalid for whatever is not RFC 3339.
    """
    written = text(value, place)
    if not written:
        return None
    found = _TIME.fullmatch(written)
    if found is None:
        raise Invalid(f"{place} must be a time such as 2026-11-22T09:30:00Z, not {written[:40]!r}")
    day, hour, fraction, zone = found.groups()
    exact = f"{day}T{hour}.{(fraction or '0')[:6]:0<6}{zone.upper()}"
    try:
        at = datetime.fromisoformat(exact).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{place}: there is no time {written[:40]!r}") from None
    return None if at.date() == date.min and hour == "00:00:00" else at


def _v2(found: Mapping[str, object]) -> Action:
    # MIG's own signed vectors leave the version out; ours always say 3.
    version = number(found.get("syntaxversion"), "syntaxversion")
    if version not in {None, 0, 2}:
        raise Invalid(f"syntaxversion {version} is not one of 2 and 3; older ones are not read")
    name, target = _name_and_target(found)
    begins, ends = _validity(found)
    for place, value in (("name", name), ("target", target)):
        if any(separator in value for separator in SEPARATORS):
            raise Invalid(
                f"{place} holds one of {', '.join(SEPARATORS)}: version 2 cannot sign that"
            )
    return Action(
        syntax_version=2,
        name=name,
        target=target,
        operations=_operations(found.get("operations")),
        description=_description(found.get("description")),
        threat=_threat(found.get("threat")),
        valid_from=begins,
        expire_after=ends,
        signatures=texts(found.get("pgpsignatures"), "pgpsignatures"),
    )


def _v3(found: Mapping[str, object], signed: Signed | None = None) -> Action:
    if number(found.get("syntaxversion"), "syntaxversion") != 3:
        raise Invalid("syntaxversion must be 3 in a document signed as bytes")
    name, target = _name_and_target(found)
    begins, ends = _validity(found)
    return Action(
        syntax_version=3,
        name=name,
        target=target,
        operations=_operations(found.get("operations")),
        description=_description(found.get("description")),
        threat=_threat(found.get("threat")),
        valid_from=begins,
        expire_after=ends,
        reason=text(found.get("reason"), "reason"),
        nonce=text(found.get("nonce"), "nonce"),
        limits=_limits(found.get("limits")),
        mandate=_mandate(found.get("mandate")),
        document=signed.document if signed else b"",
        signatures=signed.signatures if signed else (),
    )


def _name_and_target(found: Mapping[str, object]) -> tuple[str, str]:
    name, target = (text(found.get(key), key) for key in ("name", "target"))
    if not name.strip() or len(name) > NAME_CHARACTERS:
        raise Invalid(
            f"name must say what the action does, in at most {NAME_CHARACTERS} characters"
        )
    if not target.strip():
        raise Invalid("target must say which agents; to mean all, write status='online'")
    return name, target


def _validity(found: Mapping[str, object]) -> tuple[datetime | None, datetime | None]:
    begins = read_time(found.get("validfrom"), "validfrom")
    ends = read_time(found.get("expireafter"), "expireafter")
    if begins and ends and ends < begins:
        raise Invalid("expireafter is before validfrom; turn them round")
    return begins, ends


def _operations(value: object) -> tuple[Operation, ...]:
    if not isinstance(value, list) or not value or len(value) > MOST_OPERATIONS:
        raise Invalid(f"operations must be a list of 1 to {MOST_OPERATIONS} operations")
    return tuple(_operation(one, f"operations[{number}]") for number, one in enumerate(value))


def _operation(value: object, place: str) -> Operation:
    found = fields(value, place, OPERATION)
    module = text(found.get("module"), f"{place}.module")
    if not module:
        raise Invalid(f"{place}.module must name a module")
    is_compressed = flag(found.get("is_compressed"), f"{place}.is_compressed")
    parameters = found.get("parameters")
    if is_compressed and not isinstance(parameters, str):
        raise Invalid(f"{place}.parameters must be a text in base64 where is_compressed is true")
    wanted = flag(found.get("want_compressed"), f"{place}.want_compressed")
    return Operation(module, parameters, is_compressed, wanted)


def _description(value: object) -> Description:
    found = fields(
        {} if value is None else value, "description", ("author", "email", "url", "revision")
    )
    author, email, url = (
        text(found.get(key), f"description.{key}") for key in ("author", "email", "url")
    )
    return Description(author, email, url, number(found.get("revision"), "description.revision"))


def _threat(value: object) -> Threat:
    keys = ("ref", "level", "family", "type")
    found = fields({} if value is None else value, "threat", keys)
    return Threat(*(text(found.get(key), f"threat.{key}") for key in keys))


def _limits(value: object) -> Limits:
    found = fields({} if value is None else value, "limits", LIMITS)
    limits = {key: number(found.get(key), f"limits.{key}") for key in LIMITS}
    for key, limit in limits.items():
        if limit is not None and (limit <= 0 or (key in WHOLE_LIMITS and limit != int(limit))):
            raise Invalid(
                f"limits.{key} must be a {'whole ' * (key in WHOLE_LIMITS)}number above 0"
            )
    whole = {key: None if (one := limits[key]) is None else int(one) for key in WHOLE_LIMITS}
    return Limits(rate=limits["rate"], cpu_s=limits["cpu_s"], **whole)


def _mandate(value: object) -> Mandate | None:
    if value is None:
        return None
    found = fields(value, "mandate", MANDATE)
    runs, every_s, each_s = (
        _whole(found.get(key), f"mandate.{key}") for key in ("runs", "every_s", "each_s")
    )
    return Mandate(
        runs=runs or 0,
        every=None if every_s is None else timedelta(seconds=every_s),
        cron=text(found.get("cron"), "mandate.cron"),
        each=None if each_s is None else timedelta(seconds=each_s),
    )


def _whole(value: object, place: str) -> int | None:
    found = number(value, place)
    if found is not None and (found != int(found) or not 0 < found < 10**9):
        raise Invalid(f"{place} must be a whole number above 0")
    return None if found is None else int(found)
