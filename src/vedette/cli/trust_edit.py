"""People, old keys, roots and the end of a trust bundle; each change is a new version to sign."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from vedette import clock
from vedette.actions.document import signed_text
from vedette.cli.key_files import keys_in, root_keys
from vedette.cli.spans import later, span
from vedette.cli.trust_file import HERE, BundleFile, change, read_file, tell, warn
from vedette.cli.trust_shown import pin_of
from vedette.errors import Conflict, Invalid
from vedette.trust import bundle_edits as edits
from vedette.trust.bundle import Bundle, Investigator
from vedette.trust.openpgp import vouches_weakly
from vedette.trust.validity import action_digest
from vedette.trust.verify import key_fingerprint

Keys = Annotated[list[Path] | None, Parameter(negative="")]


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
    tell(made, f"{name} has {_counted(len(person.keys), 'key')}")
    for weak in filter(vouches_weakly, keys):
        warn(
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
    tell(made, f"{name} is revoked" if key is None else f"the key {key} of {name} is revoked")


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
    _except(
        bundle,
        lambda held: edits.with_sha1_key(held, fingerprint, reason),
        lambda held: edits.without_sha1_key(held, fingerprint),
        reason=reason,
        remove=remove,
        said=(f"the key {fingerprint} counts", f"the key {fingerprint} no longer counts"),
    )


def withdraw(
    action: str,
    /,
    *,
    reason: str = "",
    remove: Annotated[bool, Parameter(negative="")] = False,
    bundle: BundleFile = HERE,
) -> None:
    """Let a signed action count no more, or a mandate with all its runs, on every agent and whatever a server does.

    Parameters
    ----------
    action
        Its file, or the SHA-256 of what was signed.
    reason
        Why; agents say it when they refuse.
    remove
        Let it count again.
    """
    digest = _digest(action)
    _except(
        bundle,
        lambda held: edits.with_withdrawn(held, digest, reason),
        lambda held: edits.without_withdrawn(held, digest),
        reason=reason,
        remove=remove,
        said=(f"{digest} counts no more", f"{digest} counts again"),
    )


def _except(
    bundle: Path,
    put: Callable[[Bundle], Bundle],
    take: Callable[[Bundle], Bundle],
    *,
    reason: str,
    remove: bool,
    said: tuple[str, str],
) -> None:
    """Put in what needs a reason, or take it out again; said: what is so then.

    Raises Invalid when there is no reason.
    """
    if not remove and not reason.strip():
        raise Invalid("say why, it stands in the bundle", hint="--reason TEXT")
    tell(change(bundle, take if remove else put), said[remove])


def _digest(action: str) -> str:
    """Return the digest of a file, or what is one; raises Invalid."""
    if re.fullmatch("[0-9a-fA-F]{64}", action):
        return action.lower()
    # What reads actions is slow to import, and few commands need it.
    from vedette.cli.act_file import read_file as read_action

    return action_digest(signed_text(read_action(Path(action))))


def renew(*, valid_for: str = "90d", bundle: BundleFile = HERE) -> None:
    """Give the bundle a new end; agents refuse every action when theirs has ended.

    Parameters
    ----------
    valid_for
        From now on, as in 90d.
    """
    length = span(valid_for)
    made = change(bundle, lambda held: edits.renewed(held, now=clock.now(), valid_for=length))
    tell(made, f"it holds until {made.expires_at:%FT%TZ}")


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
    tell(made, "its roots are others: pin every host anew")
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


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
