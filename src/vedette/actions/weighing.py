"""Weighing on the server, as the agents will weigh: who signed, what that counts where, and what is missing.

The rules are those of `trust/weigh.py`. Here they are asked once for each combination of groups that the
agents stand in, however many agents there are.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from vedette.actions.document import Action, signed_text
from vedette.actions.trusted import Kept
from vedette.db.queries import Connection, load
from vedette.trust.bundle import EVERY, AgentGroup, Bundle
from vedette.trust.openpgp import Verified
from vedette.trust.reasons import Untrusted
from vedette.trust.verify import ACTION, key_fingerprint, verify_all
from vedette.trust.weigh import Weighed, hold_not_withdrawn, people_of, weights

R = load(__file__, "reads.sql")


async def weighed(
    conn: Connection,
    action_id: int,
    action: Action,
    trust: Kept,
    agents: Sequence[int],
    now: datetime,
    verified: Mapping[str, Verified],
) -> tuple[list[Weighed], list[str]]:
    """Return what stands behind each module in each group that is meant, and what is missing, in words.

    verified: signatures that were verified just now, and by whom they are.
    """
    kept = [one for (one,) in await R.all(conn, "signatures_of", id=action_id)]
    others = [one for one in kept if one not in verified]
    further = dict(zip(others, await signers_of(conn, action, others, trust, now), strict=True))
    signers = [verified.get(one) or further[one] for one in kept]
    return await weighed_by(conn, signers, action, trust, agents, now)


async def weighed_by(
    conn: Connection,
    signers: Sequence[Verified],
    action: Action,
    trust: Kept,
    agents: Sequence[int],
    now: datetime,
) -> tuple[list[Weighed], list[str]]:
    """Return the same of those whose signatures were verified."""
    known = {key_fingerprint(key) for key in trust.bundle.public_keys()}
    counted = [one for one in signers if one.fingerprint in known]
    try:
        hold_not_withdrawn(trust.bundle, signed_text(action))
        people = people_of(trust.bundle, counted, now)
    except Untrusted as refused:
        return [], [str(refused)]
    groups = {group.name: group for group in trust.bundle.groups}
    combinations = await R.all(conn, "groups_of", agents=list(agents)) or [([], [])]
    found: dict[tuple[str, str], Weighed] = {}
    missing: dict[str, None] = {}
    for names, members in combinations:
        own = [groups[name] for name in names if name in groups] or _for_everyone(trust.bundle)
        for one in weights(trust.bundle, people, action.modules, own):
            found[one.module, one.group] = one
        for words in _lacking(trust.bundle, people, action, own, len(members)):
            missing[words] = None
    return list(found.values()), list(missing)


def _lacking(
    bundle: Bundle,
    people: Sequence[str],
    action: Action,
    groups: Sequence[AgentGroup],
    members: int,
) -> list[str]:
    """Return what keeps these agents from obeying; the rules themselves are `trust/weigh.py`."""
    found = weights(bundle, people, action.modules, groups)
    lacking = [str(one) for one in found if not one.is_enough]
    ruled = {one.module for one in found}
    lacking += [
        f"no group of {members or 'these'} agents allows the module {module!r}"
        for module in dict.fromkeys(action.modules)
        if module not in ruled
    ]
    for group in groups:
        if group.reason and not action.reason.strip():
            lacking.append(
                f"the group {group.name!r} asks why; sign an action of version 3 with a reason"
            )
        alone = [one for one in found if one.group == group.name and len(one.investigators) < 2]
        if group.two_persons and alone:
            lacking.append(f"the group {group.name!r} asks two people for {alone[0].module}")
    return lacking


def _for_everyone(bundle: Bundle) -> list[AgentGroup]:
    return [group for group in bundle.groups if EVERY in group.agents]


async def signers_of(
    conn: Connection, action: Action, signatures: Sequence[str], trust: Kept, now: datetime
) -> tuple[Verified, ...]:
    """Return who signed; raises Untrusted when a signature does not count. None signed: nobody did."""
    if not signatures:
        return ()
    others = [key for (key,) in await R.all(conn, "known_keys")]
    return verify_all(
        signatures,
        signed_text(action),
        [*trust.bundle.public_keys(), *others],
        namespace=ACTION,
        now=now,
        accept_sha1=trust.bundle.accepted_sha1(),
    )
