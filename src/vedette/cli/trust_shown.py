"""A trust bundle in plain words, and as JSON or YAML."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from vedette.cli.output import plain
from vedette.cli.trust_signatures import signatures_of
from vedette.trust.accept import held_of, hold_bundle_time
from vedette.trust.bundle import (
    EVERY,
    AgentGroup,
    Bundle,
    Investigator,
    roots_digest,
)
from vedette.trust.reasons import Untrusted
from vedette.trust.signed import Signed
from vedette.trust.verify import key_fingerprint
from vedette.trust.weigh import weight_of


def pin_of(held: Bundle) -> str:
    """Return the line that pins the bundle's roots on a host."""
    digest = roots_digest(held.roots.keys)
    return f"vedette agent --trust-root {digest} --trust-threshold {held.roots.threshold}"


def as_value(signed: Signed, held: Bundle, *, now: datetime) -> dict[str, Any]:
    """Return all the bundle says, its digest, its pin, and who signed it."""
    found = signatures_of(signed, held, now=now)
    return {
        **msgspec.to_builtins(held),
        "sha256": held_of(held, signed).digest,
        "roots_digest": roots_digest(held.roots.keys),
        "pin": pin_of(held),
        "signed_by": list(found.counting),
        "uncounted_signatures": list(found.aside),
        "wrong_signatures": list(found.wrong),
    }


def print_value(value: dict[str, Any], output: str) -> None:
    """Print the value as JSON or YAML."""
    if output == "json":
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        return
    import yaml

    sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def sentences(signed: Signed, held: Bundle, *, now: datetime) -> Iterator[str]:
    """Yield the bundle in plain words, line by line."""
    yield f"{plain(held.fleet)}, version {held.version}, of {held.made_at:%FT%TZ}"
    yield f"{_life(held, now)}"
    yield from _roots(signed, held, now)
    yield ""
    yield f"{pin_of(held)}"
    yield ""
    yield "People:" if held.investigators else "Nobody may sign actions: vedette trust add NAME"
    for one in held.investigators:
        yield from _person(one, held, now)
    for group in held.groups:
        yield from _group(group, held)
    for gone in held.withdrawn:
        yield f"Withdrawn: {gone.digest}, {plain(gone.reason)}"


def _life(held: Bundle, now: datetime) -> str:
    try:
        hold_bundle_time(held, now)
    except Untrusted as error:
        return f"Agents refuse every action by it: {error}"
    return f"Agents obey it until {held.expires_at:%FT%TZ}"


def _roots(signed: Signed, held: Bundle, now: datetime) -> Iterator[str]:
    found = signatures_of(signed, held, now=now)
    signers = found.counting
    needed = held.roots.threshold
    state = "" if len(signers) >= needed else ", not enough"
    for aside in found.aside:
        yield f"A signature under it does not count: {plain(aside)}"
    for wrong in found.wrong:
        yield f"Agents refuse it for a signature under it: {plain(wrong)}"
    yield f"Signed by {len(signers)} of the {needed} roots it needs{state}:"
    for key in held.roots.keys:
        name = key_fingerprint(key)
        yield f"  {'signed' if name in signers else 'not yet'}  {name}"


def _person(one: Investigator, held: Bundle, now: datetime) -> Iterator[str]:
    accepted = {key.fingerprint: key.reason for key in held.sha1_keys}
    yield f"  {plain(one.name)}{_counts(one, now)}"
    for key in one.keys:
        name = key_fingerprint(key)
        why = f", by SHA-1, accepted: {plain(accepted[name])}" if name in accepted else ""
        yield f"    {name}{why}"


def _counts(one: Investigator, now: datetime) -> str:
    if one.status != "active":
        return ", revoked"
    if one.valid_from and now < one.valid_from:
        return f", counts from {one.valid_from:%FT%TZ}"
    if one.valid_until:
        ended = "counted" if now >= one.valid_until else "counts"
        return f", {ended} until {one.valid_until:%FT%TZ}"
    return ""


def _group(group: AgentGroup, held: Bundle) -> Iterator[str]:
    number = len(group.agents)
    agents = "every agent" if EVERY in group.agents else f"{number} agent{'s' * (number != 1)}"
    asks = ["two people"] * group.two_persons + ["a reason"] * group.reason
    also = f", asks {' and '.join(asks)}" if asks else ""
    labels = f", labels {plain(group.labels)}" if group.labels else ""
    yield f"Group {plain(group.name)}: {agents}{labels}{also}"
    rules = [one for one in held.minimums if one.group == group.name]
    if not rules:
        yield "  allows nothing: vedette trust minimum MODULE WEIGHT"
    for rule in rules:
        module = "any other module" if rule.module == EVERY else plain(rule.module)
        weights = ", ".join(
            f"{plain(one.name)} {weight}"
            for one in held.investigators
            if (weight := weight_of(held, one.name, group.name, rule.module))
        )
        yield f"  {module} needs {rule.weight}; {weights or 'nobody weighs anything'}"
