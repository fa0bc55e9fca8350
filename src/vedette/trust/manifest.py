"""Manifests: files that a loader puts in place, when enough investigators signed their digests.

Whoever may replace an agent may do everything on its host. So `*` does not mean manifests: a group of the
bundle must name the module `manifest`, and only weights for that name count.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.errors import Invalid
from vedette.trust.bundle import AgentGroup, Bundle
from vedette.trust.go_json import go_string
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.verify import verify, verify_all
from vedette.trust.weigh import groups_of, people_of, weigh

NAMESPACE = "vedette-manifest"
"""What SSH signatures of manifests are made for."""
MODULE = "manifest"
"""As what it is weighed."""
WHY = "a manifest"
"""Stands for the reason some groups ask of an action: a manifest can give none."""
MOST_ENTRIES = 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file by its name in the manifest (`mig-agent`, `configuration`), and the SHA-256 of it in hex."""

    name: str
    sha256: str


def read_entries(said: object) -> tuple[Entry, ...]:
    """Return the entries of a manifest's JSON; raises Invalid for what is none, or names a file twice."""
    if not isinstance(said, list) or not 0 < len(said) <= MOST_ENTRIES:
        raise Invalid(f"a manifest has 1 to {MOST_ENTRIES} files")
    found: dict[str, Entry] = {}
    for one in said:
        if not isinstance(one, dict) or set(one) != {"name", "sha256"}:
            raise Invalid("a file of a manifest has name and sha256, nothing else")
        name, digest = one["name"], one["sha256"]
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in found:
            raise Invalid(
                f"{str(name)[:80]!a} is no name for a file of a manifest, or stands twice"
            )
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise Invalid(f"the SHA-256 of {name} is not 64 hexadecimal digits")
        found[name] = Entry(name, digest)
    return tuple(found.values())


def signed_text(entries: Sequence[Entry]) -> bytes:
    """Return what investigators sign: MIG's answer to a loader, without its name and without signatures."""
    files = ",".join(
        f'{{"name":{go_string(one.name)},"sha256":{go_string(one.sha256)}}}' for one in entries
    )
    return f'{{"loader_name":"","entries":[{files}],"signatures":[]}}'.encode()


def signer_of(bundle: Bundle, signature: str, entries: Sequence[Entry], *, now: datetime) -> str:
    """Return the fingerprint of who signed; raises Untrusted unless it is an investigator whose word counts."""
    found = verify(
        signature,
        signed_text(entries),
        bundle.public_keys(),
        namespace=NAMESPACE,
        now=now,
        accept_sha1=bundle.accepted_sha1(),
    )
    people_of(bundle, [found], now)
    return found.fingerprint


def hold_manifest(
    bundle: Bundle,
    signatures: Sequence[str],
    entries: Sequence[Entry],
    *,
    agent: str,
    now: datetime,
) -> tuple[str, ...]:
    """Return the names of those who signed; raises Untrusted unless they weigh enough for this agent.

    agent: the fingerprint of its key, `sha256:…`.
    """
    signers = verify_all(
        signatures,
        signed_text(entries),
        bundle.public_keys(),
        namespace=NAMESPACE,
        now=now,
        accept_sha1=bundle.accepted_sha1(),
    )
    if not naming_groups(bundle, groups_of(bundle, agent)):
        raise Untrusted(
            Reason.NO_MINIMUM,
            f"no group of this agent says what weight a manifest needs (module {MODULE!r})",
            hint=f"let the roots sign a bundle that does: vedette trust, module {MODULE}",
        )
    weigh(bundle, signers, [MODULE], agent=agent, reason=WHY, now=now)
    return tuple(people_of(bundle, signers, now))


def naming_groups(bundle: Bundle, groups: Sequence[AgentGroup]) -> tuple[AgentGroup, ...]:
    """Return those of the groups that say by name what a manifest needs."""
    named = {one.group for one in bundle.minimums if one.module == MODULE}
    return tuple(group for group in groups if group.name in named)
