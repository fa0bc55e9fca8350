"""The trust bundle: whom an agent obeys, signed by the fleet's offline root keys.

It is the agent's own list of people, weights and groups. A server hands it on and cannot write it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vedette.errors import Invalid
from vedette.trust.canonical_json import canonical_json
from vedette.trust.verify import key_bytes, key_fingerprint

BUNDLE_TAG = b"vedette trust v1\n"
ROOTS_TAG = b"vedette trust roots v1\n"
BUNDLE_BYTES = 8 << 20
EVERY = "*"
"""Every agent, in a group; every module, in a minimum and a weight."""

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, Meta(max_length=2_000)]
Count = Annotated[int, Meta(ge=1, le=1_000)]
Time = Annotated[datetime, Meta(tz=True)]
Few = Meta(max_length=1_000)


class _Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a bundle share: read strictly, never changed."""


class Roots(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that may sign bundles, and how many of them must."""

    threshold: Count
    keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]


class Investigator(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person whose signatures may count: while active, from valid_from until valid_until.

    keys: armoured OpenPGP public keys and lines of OpenSSH public keys; all are the same person.
    """

    name: Name
    keys: Annotated[tuple[str, ...], Meta(max_length=20)]
    status: Literal["active", "disabled"] = "active"
    valid_from: Time | None = None
    valid_until: Time | None = None


class AgentGroup(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agents for which the same minimums hold; one agent may stand in several.

    agents: fingerprints of agents' own keys (`sha256:` and hex), since names are given by servers;
    `*` is every agent. labels: what the target of an action may ask of them.
    two_persons: at least two people, whatever one weighs. reason: an action must give one.
    """

    name: Name
    agents: Annotated[tuple[Name, ...], Meta(max_length=100_000)]
    labels: dict[Name, Text] = {}
    two_persons: bool = False
    reason: bool = False


class Minimum(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weight an operation of a module needs in a group; module `*`: of those not named."""

    group: Name
    module: Name
    weight: Count


class Weight(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an investigator's signature weighs for a module in a group.

    Where a group names a module in its minimums, only weights of that name count there: as in
    MIG, naming a module replaces what holds for `*`.
    """

    investigator: Name
    group: Name
    module: Name
    weight: Count


class AcceptedSha1(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An old OpenPGP key that vouches for itself by SHA-1 and counts all the same, and why."""

    fingerprint: Annotated[str, Meta(pattern="^[0-9A-F]{40}$")]
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Withdrawn(_Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed action that counts no more, a mandate with all its runs, and why.

    digest: hex SHA-256 of what was signed.
    """

    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Bundle(
    _Noun,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="vedette trust bundle",
):
    """Everything an agent decides by.

    version: only ever grows; an agent that saw a higher one refuses. expires_at: from then on the
    agent refuses every action until a newer bundle comes. withdrawn: not written where there is none,
    so that bundles from before it are what they were.
    """

    format: Literal[1] = 1
    fleet: Name
    version: Annotated[int, Meta(ge=1, le=2**53)]
    made_at: Time
    expires_at: Time
    roots: Roots
    investigators: Annotated[tuple[Investigator, ...], Few] = ()
    groups: Annotated[tuple[AgentGroup, ...], Few] = ()
    minimums: Annotated[tuple[Minimum, ...], Meta(max_length=10_000)] = ()
    weights: Annotated[tuple[Weight, ...], Meta(max_length=100_000)] = ()
    sha1_keys: Annotated[tuple[AcceptedSha1, ...], Few] = ()
    withdrawn: Annotated[tuple[Withdrawn, ...], Few] = ()

    def accepted_sha1(self) -> frozenset[str]:
        """Return the fingerprints of old keys that count all the same."""
        return frozenset(one.fingerprint for one in self.sha1_keys)

    def public_keys(self) -> tuple[str, ...]:
        """Return the public keys of every investigator, disabled ones too: they are known."""
        return tuple(key for one in self.investigators for key in one.keys)


def write_bundle(bundle: Bundle) -> bytes:
    """Return the bundle's canonical bytes; raises Invalid when its parts contradict each other."""
    _hold(bundle)
    said = msgspec.to_builtins(bundle)
    if not bundle.withdrawn:
        del said["withdrawn"]
    return canonical_json(said)


def read_bundle(document: bytes) -> Bundle:
    """Return the bundle of these bytes.

    Raises Invalid for unknown keys, contradictions, and whatever is not written canonically: a
    key that stands twice, a number in another form.
    """
    if len(document) > BUNDLE_BYTES:
        raise Invalid(f"a trust bundle is longer than {BUNDLE_BYTES} bytes")
    try:
        bundle = msgspec.json.decode(document, type=Bundle)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Invalid(f"this is no trust bundle: {error}") from None
    if write_bundle(bundle) != document:
        raise Invalid("the trust bundle is not written canonically; write it by vedette trust")
    return bundle


def signed_text(document: bytes) -> bytes:
    """Return what roots sign: a tag, then the bundle's bytes."""
    return BUNDLE_TAG + document


def roots_digest(keys: Sequence[str]) -> str:
    """Return what is pinned on hosts: `sha256:` and hex, of the set of root keys in any order.

    Raises Invalid when a key cannot be read.
    """
    digest = hashlib.sha256(ROOTS_TAG)
    for key in sorted({key_bytes(key) for key in keys}):
        digest.update(hashlib.sha256(key).digest())
    return f"sha256:{digest.hexdigest()}"


def _hold(bundle: Bundle) -> None:
    people = {one.name for one in bundle.investigators}
    groups = {one.name for one in bundle.groups}
    _once("investigator", [one.name for one in bundle.investigators])
    _once("group", [one.name for one in bundle.groups])
    _once("minimum", [f"{one.module} in {one.group}" for one in bundle.minimums])
    _once("weight", [f"{w.investigator}, {w.module} in {w.group}" for w in bundle.weights])
    _once("investigator's key", [key_fingerprint(key) for key in bundle.public_keys()])
    _once("withdrawn action", [one.digest for one in bundle.withdrawn])
    _once("root key", [key_fingerprint(key) for key in bundle.roots.keys])
    _known("group", groups, [m.group for m in bundle.minimums] + [w.group for w in bundle.weights])
    _known("investigator", people, [one.investigator for one in bundle.weights])
    if bundle.roots.threshold > len(bundle.roots.keys):
        raise Invalid(f"{bundle.roots.threshold} roots must sign, of {len(bundle.roots.keys)}")
    if bundle.expires_at <= bundle.made_at:
        raise Invalid("the trust bundle ends before it was made")


def _once(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(f"the {what} {name!r} stands twice in the trust bundle; take one out")
        seen.add(name)


def _known(what: str, known: Iterable[str], named: Iterable[str]) -> None:
    missing = sorted(set(named) - set(known))
    if missing:
        raise Invalid(f"the trust bundle has no {what} {missing[0]!r}; add it, or correct the name")
