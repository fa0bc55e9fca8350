"""Changes of a trust bundle on the desk; each is a new version that roots have yet to sign."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from vedette import clock
from vedette.cli.key_files import keys_in, root_keys
from vedette.cli.spans import later, span
from vedette.cli.trust_file import HERE, BundleFile, change, read_file
from vedette.cli.trust_shown import pin_of
from vedette.cli.whole_file import read_whole
from vedette.errors import Conflict, Invalid
from vedette.trust import bundle_edits as edits
from vedette.trust.bundle import EVERY, AgentGroup, Bundle, Investigator
from vedette.trust.keys import FINGERPRINT_PREFIX, PEM_LIMIT
from vedette.trust.keys import key_fingerprint as agent_key_fingerprint
from vedette.trust.openpgp import vouches_weakly
from vedette.trust.verify import key_fingerprint

Keys = Annotated[list[Path] | None, Parameter(negative="")]
Words = Annotated[list[str] | None, Parameter(negative="")]
GroupName = Annotated[str, Parameter(name=["--group", "-g"], help="Of agents; default all.")]


def add(
    name: str,
    /,
    *,
    key: Keys = None,
    valid_from: str | None = None,
    valid_until: str | None = None,
    restore: Annotated[bool, Parameter(negative="")] = False,
    bundle: BundleFile = HERE,
) -> None:
    """Add an investigator, a further key of theirs, or change when they count.

    Parameters
    ----------
    name
        What they are called.
    key
        The file of a public key, OpenPGP or SSH; once for each.
    valid_from
        Their signatures count from then on, as in 2026-12-01T00:00:00Z, or 2d from now.
    valid_until
        They count until then, as in 2027-12-01T00:00:00Z, or 365d from now.
    restore
        Let somebody count again who was revoked.
    """
    keys = keys_in(key or [])
    _, held = read_file(bundle)
    person = _person(held, name, keys, restore=restore)
    if valid_from:
        person = replace(person, valid_from=_time(valid_from))
    if valid_until:
        person = replace(person, valid_until=_time(valid_until))
    begins, ends = person.valid_from, person.valid_until
    if begins and ends and ends <= begins:
        raise Invalid(f"{name} would count until {ends:%FT%TZ}, before {begins:%FT%TZ}")
    made = change(bundle, lambda old: edits.with_person(old, person))
    _tell(made, f"{name} has {_counted(len(person.keys), 'key')}")
    for weak in filter(vouches_weakly, keys):
        _warn(
            f"the key {key_fingerprint(weak)} vouches for itself by SHA-1 and does not count yet; "
            f"let {name} renew it, or: vedette trust accept-sha1 {key_fingerprint(weak)} --reason …"
        )


def revoke(
    name: str,
    /,
    *,
    key: Annotated[str | None, Parameter(help="Only this key, by its fingerprint.")] = None,
    bundle: BundleFile = HERE,
) -> None:
    """End an investigator's word, or one key of theirs, on every agent that takes the new version.

    The person stays listed, so that what they sign is refused by name.

    Parameters
    ----------
    name
        Who.
    """

    def edit(held: Bundle) -> Bundle:
        person = edits.person_of(held, name)
        if key is None:
            return edits.with_person(held, replace(person, status="disabled"))
        return edits.with_person(held, edits.without_key(person, key))

    made = change(bundle, edit)
    _tell(made, f"{name} is revoked" if key is None else f"the key {key} of {name} is revoked")


def group(
    name: str,
    /,
    *,
    agent: Words = None,
    label: Words = None,
    two_persons: bool | None = None,
    reason: bool | None = None,
    remove: Annotated[bool, Parameter(negative="")] = False,
    bundle: BundleFile = HERE,
) -> None:
    """Make or change a group of agents for which the same rules hold.

    Parameters
    ----------
    name
        What it is called.
    agent
        The fingerprint of an agent's key, sha256:…, or its certificate's file (agent.pem of the
        host), or * for every agent; once for each. Those given replace those that stand there.
    label
        As in role=db: what targets may ask of these agents; replaces the labels that stand there.
    two_persons
        At least two people must sign, whatever one weighs.
    reason
        An action must say why.
    remove
        Take the group out, with its minimums and weights.
    """
    if remove:
        made = change(bundle, lambda held: edits.without_group(held, name))
        return _tell(made, f"the group {name} is gone")

    def edit(held: Bundle) -> Bundle:
        known = {one.name: one for one in held.groups}
        if name not in known and not agent:
            raise Invalid(f"the group {name!r} needs agents", hint="--agent sha256:…")
        found = known.get(name) or AgentGroup(name=name, agents=())
        return edits.with_group(
            held,
            replace(
                found,
                agents=tuple(map(_agent, agent)) if agent else found.agents,
                labels=dict(map(_label, label)) if label else found.labels,
                two_persons=found.two_persons if two_persons is None else two_persons,
                reason=found.reason if reason is None else reason,
            ),
        )

    return _tell(change(bundle, edit), f"the group {name} is as you say")


def minimum(
    module: str,
    weight: int,
    /,
    *,
    group: GroupName = edits.EVERYONE,
    bundle: BundleFile = HERE,
) -> None:
    """Say what an operation of a module must weigh in a group; without a rule it is never run.

    Parameters
    ----------
    module
        Its name, or * for all that have no rule of their own.
    weight
        The weights of those who sign must reach it; 0 takes the rule out.
    """
    _hold_weight(weight)
    made = change(bundle, lambda held: edits.with_minimum(held, group, module, weight))
    told = f"asks {weight} for {module}" if weight else f"has no rule for {module}"
    _tell(made, f"the group {group} {told}")


def grant(
    name: str,
    module: str,
    weight: int,
    /,
    *,
    group: GroupName = edits.EVERYONE,
    bundle: BundleFile = HERE,
) -> None:
    """Say what an investigator's signature weighs for a module in a group.

    Where the group has a rule for the module itself, only weights for that name count.

    Parameters
    ----------
    name
        Who.
    module
        Its name, or * for all that have no rule of their own.
    weight
        0 takes it away.
    """
    _hold_weight(weight)
    made = change(bundle, lambda held: edits.with_weight(held, name, group, module, weight))
    _tell(made, f"{name} weighs {weight} for {module} in the group {group}")


def accept_sha1(
    fingerprint: str,
    /,
    *,
    reason: str = "",
    remove: Annotated[bool, Parameter(negative="")] = False,
    bundle: BundleFile = HERE,
) -> None:
    """Let an old OpenPGP key count that vouches for itself by SHA-1, and say why.

    Parameters
    ----------
    fingerprint
        The whole fingerprint of an investigator's key.
    reason
        Why its owner cannot renew it.
    remove
        Let it count no longer.
    """
    if not remove and not reason.strip():
        raise Invalid("say why this key must count", hint="--reason TEXT")
    if remove:
        made = change(bundle, lambda held: edits.without_sha1_key(held, fingerprint))
        return _tell(made, f"the key {fingerprint} no longer counts")
    made = change(bundle, lambda held: edits.with_sha1_key(held, fingerprint, reason))
    return _tell(made, f"the key {fingerprint} counts")


def renew(*, valid_for: str = "90d", bundle: BundleFile = HERE) -> None:
    """Give the bundle a new end; agents refuse every action when theirs has ended.

    Parameters
    ----------
    valid_for
        From now on, as in 90d.
    """
    length = span(valid_for)
    made = change(bundle, lambda held: edits.renewed(held, now=clock.now(), valid_for=length))
    _tell(made, f"it holds until {made.expires_at:%FT%TZ}")


def roots(
    *,
    root: Annotated[list[Path], Parameter(negative="")],
    threshold: int,
    bundle: BundleFile = HERE,
) -> None:
    """Change who must sign the bundle; every host must be pinned anew, so this is rare.

    Parameters
    ----------
    root
        The file of a root's public key; once for each of the new ones.
    threshold
        How many of them must sign.
    """
    keys = root_keys(root)
    made = change(bundle, lambda held: edits.with_roots(held, keys, threshold))
    _tell(made, "its roots are others: pin every host anew")
    sys.stdout.write(f"{pin_of(made)}\n")


def _person(held: Bundle, name: str, keys: tuple[str, ...], *, restore: bool) -> Investigator:
    known = {one.name: one for one in held.investigators}
    person = known.get(name)
    if person is None:
        if not keys:
            raise Invalid(f"{name} needs a key", hint="--key FILE, a public one")
        return Investigator(name=name, keys=keys)
    if person.status == "disabled" and not restore:
        raise Conflict(f"{name} is revoked", hint="--restore lets them count again")
    return replace(person, keys=(*person.keys, *keys), status="active")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(str(later(text)))


def _agent(text: str) -> str:
    """Return the fingerprint of an agent's own key, given as it is or by a certificate's file."""
    digits = text.removeprefix("sha256:")
    if text == EVERY:
        return text
    if digits != text and len(digits) == 64 and set(digits) <= set("0123456789abcdef"):
        return text
    path = Path(text)
    if not path.is_file():
        raise Invalid(
            f"{text[:80]!r} is neither a fingerprint of an agent's key nor a certificate's file",
            hint="sha256: and 64 hexadecimal digits, or agent.pem of the host",
        )
    certificate = read_whole(path, limit=PEM_LIMIT)
    return f"{FINGERPRINT_PREFIX}{agent_key_fingerprint(certificate).hex()}"


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise Invalid(f"{text[:80]!r} is no label", hint="as in role=db")
    return key, value


def _hold_weight(weight: int) -> None:
    if not 0 <= weight <= 1_000:
        raise Invalid("a weight is a whole number from 0 to 1000")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _tell(made: Bundle, what: str) -> None:
    _warn(f"{what}; version {made.version} has to be signed by {made.roots.threshold} of the roots")


def _warn(text: str) -> None:
    sys.stderr.write(f"vedette: {text}\n")
