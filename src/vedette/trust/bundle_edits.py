"""How a trust bundle changes: every change is a new version that nobody has signed yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.bundle import (
    EVERY,
    AcceptedSha1,
    AgentGroup,
    Bundle,
    Investigator,
    Minimum,
    Roots,
    Weight,
    Withdrawn,
    write_bundle,
)
from vedette.trust.verify import is_openpgp_key, key_fingerprint

EVERYONE = "all"
"""The group of every agent, which a new bundle has."""
LEAST_KEY_ID = 16
"""Hexadecimal digits by which an OpenPGP key may be named; shorter ones are easily made twice."""


Named = TypeVar("Named", Investigator, AgentGroup)


def begun(
    fleet: str, roots: Sequence[str], threshold: int, *, now: datetime, valid_for: timedelta
) -> Bundle:
    """Return the first version: roots, the group of all agents, and nothing allowed yet."""
    made_at = _whole(now)
    bundle = Bundle(
        fleet=fleet,
        version=1,
        made_at=made_at,
        expires_at=made_at + valid_for,
        roots=Roots(threshold=threshold, keys=tuple(roots)),
        groups=(AgentGroup(name=EVERYONE, agents=(EVERY,)),),
    )
    write_bundle(bundle)
    return bundle


def next_version(old: Bundle, changed: Bundle, *, now: datetime) -> Bundle:
    """Return the changed bundle as the next version, made now.

    Raises Conflict when nothing was changed, Invalid when it contradicts itself or has ended.
    """
    if changed == old:
        raise Conflict("that is so already; nothing was changed")
    made_at = _whole(now)
    if changed.expires_at <= made_at:
        raise Invalid(
            f"the trust bundle ended at {changed.expires_at:%FT%TZ}",
            hint="vedette trust renew --valid-for 90d",
        )
    following = replace(changed, version=old.version + 1, made_at=made_at)
    write_bundle(following)
    return following


def renewed(bundle: Bundle, *, now: datetime, valid_for: timedelta) -> Bundle:
    """Return the bundle with a new end."""
    return replace(bundle, expires_at=_whole(now) + valid_for)


def with_roots(bundle: Bundle, keys: Sequence[str], threshold: int) -> Bundle:
    """Return the bundle with other roots; hosts must be pinned anew."""
    return replace(bundle, roots=Roots(threshold=threshold, keys=tuple(keys)))


def with_person(bundle: Bundle, person: Investigator) -> Bundle:
    """Return the bundle with the person as given, added or instead of the one of that name."""
    return replace(bundle, investigators=_with(bundle.investigators, person, person.name))


def person_of(bundle: Bundle, name: str) -> Investigator:
    """Return the investigator; raises Missing."""
    for one in bundle.investigators:
        if one.name == name:
            return one
    raise Missing(f"the trust bundle has no investigator {name!r}", hint="vedette trust show")


def without_key(person: Investigator, key: str) -> Investigator:
    """Return the person without the key of that fingerprint or key id; raises Missing."""
    kept = tuple(one for one in person.keys if not is_named(one, key))
    if len(kept) == len(person.keys):
        raise Missing(f"{person.name} has no key {key}", hint="vedette trust show names them")
    return replace(person, keys=kept)


def is_named(key: str, name: str) -> bool:
    """Whether a key has this fingerprint, or, if OpenPGP's, this key id."""
    fingerprint = key_fingerprint(key)
    if not is_openpgp_key(key):
        return fingerprint == name
    digits = name.upper().removeprefix("0X")
    return len(digits) >= LEAST_KEY_ID and fingerprint.endswith(digits)


def with_group(bundle: Bundle, group: AgentGroup) -> Bundle:
    """Return the bundle with the group as given, added or instead of the one of that name."""
    return replace(bundle, groups=_with(bundle.groups, group, group.name))


def group_of(bundle: Bundle, name: str) -> AgentGroup:
    """Return the group; raises Missing."""
    for one in bundle.groups:
        if one.name == name:
            return one
    raise Missing(
        f"the trust bundle has no group {name!r}", hint=f"vedette trust group {name} --agent …"
    )


def without_group(bundle: Bundle, name: str) -> Bundle:
    """Return the bundle without the group and all that was said of it; raises Missing."""
    group_of(bundle, name)
    return replace(
        bundle,
        groups=tuple(one for one in bundle.groups if one.name != name),
        minimums=tuple(one for one in bundle.minimums if one.group != name),
        weights=tuple(one for one in bundle.weights if one.group != name),
    )


def with_minimum(bundle: Bundle, group: str, module: str, weight: int) -> Bundle:
    """Return the bundle that asks this weight for the module in the group; 0 takes the rule out."""
    group_of(bundle, group)
    others = tuple(one for one in bundle.minimums if (one.group, one.module) != (group, module))
    rule = (Minimum(group=group, module=module, weight=weight),) if weight else ()
    return replace(bundle, minimums=(*others, *rule))


def with_weight(bundle: Bundle, name: str, group: str, module: str, weight: int) -> Bundle:
    """Return the bundle in which the person weighs so much for the module in the group; 0: nothing."""
    person_of(bundle, name)
    group_of(bundle, group)
    told = (name, group, module)
    others = tuple(
        one for one in bundle.weights if (one.investigator, one.group, one.module) != told
    )
    rule = Weight(investigator=name, group=group, module=module, weight=weight) if weight else None
    return replace(bundle, weights=(*others, rule) if rule else others)


def with_sha1_key(bundle: Bundle, fingerprint: str, reason: str) -> Bundle:
    """Return the bundle in which this old key counts all the same; raises Missing for a stranger's."""
    digits = fingerprint.upper().replace(" ", "")
    keys = [key_fingerprint(key) for key in bundle.public_keys() if is_openpgp_key(key)]
    if digits not in keys:
        raise Missing(
            f"no investigator has the OpenPGP key {digits}",
            hint="add it first; its whole fingerprint is needed",
        )
    others = tuple(one for one in bundle.sha1_keys if one.fingerprint != digits)
    return replace(bundle, sha1_keys=(*others, AcceptedSha1(fingerprint=digits, reason=reason)))


def without_sha1_key(bundle: Bundle, fingerprint: str) -> Bundle:
    """Return the bundle in which this old key no longer counts; raises Missing for one that was not accepted."""
    digits = fingerprint.upper().replace(" ", "")
    kept = tuple(one for one in bundle.sha1_keys if one.fingerprint != digits)
    if len(kept) == len(bundle.sha1_keys):
        raise Missing(f"the key {digits} was not accepted", hint="vedette trust show")
    return replace(bundle, sha1_keys=kept)


def with_withdrawn(bundle: Bundle, digest: str, reason: str) -> Bundle:
    """Return the bundle in which what has this digest counts no more."""
    others = tuple(one for one in bundle.withdrawn if one.digest != digest)
    return replace(bundle, withdrawn=(*others, Withdrawn(digest=digest, reason=reason)))


def without_withdrawn(bundle: Bundle, digest: str) -> Bundle:
    """Return the bundle in which it counts again; raises Missing for what was not withdrawn."""
    kept = tuple(one for one in bundle.withdrawn if one.digest != digest)
    if len(kept) == len(bundle.withdrawn):
        raise Missing(f"{digest} was not withdrawn", hint="vedette trust show")
    return replace(bundle, withdrawn=kept)


def _with(those: tuple[Named, ...], one: Named, name: str) -> tuple[Named, ...]:
    """Return those with this one where one of that name stands, or at the end."""
    known = {other.name: other for other in those}
    known[name] = one
    return tuple(known.values())


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
