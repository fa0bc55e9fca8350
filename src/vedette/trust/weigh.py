"""Whether the people who signed an action weigh enough for all it does, on one agent.

MIG's rule: for each operation the weights of the distinct signers must reach the minimum. It must
be reached in every group of the agent that says anything of the module; where none does, nothing
is allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.trust.bundle import EVERY, AgentGroup, Bundle, Investigator
from vedette.trust.openpgp import Verified
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.validity import action_digest
from vedette.trust.verify import key_fingerprint


@dataclass(frozen=True, slots=True)
class Weighed:
    """What stands behind an operation in a group: people's weight, and the weight it needs.

    investigators: whose signatures count there; shares: what each of them weighs.
    """

    module: str
    group: str
    weight: int
    minimum: int
    investigators: tuple[str, ...]
    shares: tuple[int, ...]

    @property
    def is_enough(self) -> bool:
        """Whether the operation is allowed in this group."""
        return self.weight >= self.minimum

    def __str__(self) -> str:
        """Say it as people do: `file: 1 of 2 in default`."""
        return f"{self.module}: {self.weight} of {self.minimum} in {self.group}"


def groups_of(bundle: Bundle, agent: str) -> tuple[AgentGroup, ...]:
    """Return the groups of the agent whose key has this fingerprint."""
    return tuple(group for group in bundle.groups if {agent, EVERY} & set(group.agents))


def minimum_of(bundle: Bundle, group: str, module: str) -> tuple[str, int] | None:
    """Return the rule that holds for a module in a group, its own or `*`, and the weight it asks."""
    rules = {one.module: one.weight for one in bundle.minimums if one.group == group}
    name = module if module in rules else EVERY
    return (name, rules[name]) if name in rules else None


def weight_of(bundle: Bundle, investigator: str, group: str, module: str) -> int:
    """Return what the investigator's signature weighs for the module in the group; 0: nothing."""
    rule = minimum_of(bundle, group, module)
    name = rule[0] if rule else module
    return sum(
        one.weight
        for one in bundle.weights
        if (one.investigator, one.group, one.module) == (investigator, group, name)
    )


def weigh(
    bundle: Bundle,
    signers: Sequence[Verified],
    modules: Sequence[str],
    *,
    agent: str,
    reason: str = "",
    now: datetime,
) -> tuple[Weighed, ...]:
    """Return what each operation weighs; raises Untrusted unless every one is allowed.

    agent: the fingerprint of the agent's key. reason: what the signed action gives as its reason.
    """
    people = people_of(bundle, signers, now)
    if not modules:
        raise Untrusted(Reason.NO_OPERATIONS, "the action has no operation; add one")
    groups = groups_of(bundle, agent)
    _hold_reason(groups, reason)
    found = weights(bundle, people, modules, groups)
    for module in modules:
        if not any(one.module == module for one in found):
            raise Untrusted(
                Reason.NO_MINIMUM, f"no group of this agent allows the module {module!r}"
            )
    two = {group.name for group in groups if group.two_persons}
    for one in found:
        _hold(one, two_persons=one.group in two)
    return found


def hold_not_withdrawn(bundle: Bundle, text: bytes) -> None:
    """Raise Untrusted when the roots withdrew what people signed. text: the signed bytes."""
    digest = action_digest(text)
    for one in bundle.withdrawn:
        if one.digest == digest:
            raise Untrusted(Reason.WITHDRAWN, f"the fleet's roots withdrew it: {one.reason}")


def weights(
    bundle: Bundle,
    people: Sequence[str],
    modules: Sequence[str],
    groups: Sequence[AgentGroup],
) -> tuple[Weighed, ...]:
    """Return what these people weigh, module by module and group by group ("2 of 3")."""
    found = []
    for module in dict.fromkeys(modules):
        for group in groups:
            rule = minimum_of(bundle, group.name, module)
            if rule is not None:
                each = {who: weight_of(bundle, who, group.name, module) for who in people}
                those = tuple(who for who, weight in each.items() if weight)
                shares = tuple(each[who] for who in those)
                found.append(Weighed(module, group.name, sum(shares), rule[1], those, shares))
    return tuple(found)


def people_of(bundle: Bundle, signers: Sequence[Verified], now: datetime) -> list[str]:
    """Return the names of the distinct investigators; two keys of one person are one person.

    Raises Untrusted for a signer who is nobody in the bundle, or whose word does not count now.
    """
    owners = {key_fingerprint(key): one for one in bundle.investigators for key in one.keys}
    people: dict[str, None] = {}
    for signer in signers:
        owner = owners.get(signer.fingerprint)
        if owner is None:
            raise Untrusted(
                Reason.UNKNOWN_KEY, f"{signer.fingerprint} belongs to nobody in the trust bundle"
            )
        _hold_person(owner, now)
        people[owner.name] = None
    return list(people)


def _hold_person(who: Investigator, now: datetime) -> None:
    begins, ends = who.valid_from, who.valid_until
    if who.status != "active" or (begins and now < begins) or (ends and now >= ends):
        raise Untrusted(
            Reason.INACTIVE_INVESTIGATOR, f"the signature of {who.name} does not count now"
        )


def _hold_reason(groups: Sequence[AgentGroup], reason: str) -> None:
    for group in groups:
        if group.reason and not reason.strip():
            raise Untrusted(
                Reason.NO_REASON,
                f"the group {group.name!r} asks why; sign an action of version 3 with a reason",
            )


def _hold(one: Weighed, *, two_persons: bool) -> None:
    if not one.is_enough:
        raise Untrusted(
            Reason.TOO_LITTLE_WEIGHT,
            f"{one.module} has {one.weight} of {one.minimum} in the group {one.group!r}; let others sign",
        )
    if two_persons and len(one.investigators) < 2:
        raise Untrusted(
            Reason.ONE_PERSON,
            f"the group {one.group!r} asks two people for {one.module}; let another sign",
        )
