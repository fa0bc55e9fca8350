"""Groups of agents in a trust bundle, what modules need there, and what people weigh."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from vedette.cli.trust_file import HERE, BundleFile, change, tell
from vedette.cli.whole_file import read_whole
from vedette.errors import Invalid
from vedette.trust import bundle_edits as edits
from vedette.trust.bundle import EVERY, AgentGroup, Bundle
from vedette.trust.keys import FINGERPRINT_PREFIX, PEM_LIMIT
from vedette.trust.keys import key_fingerprint as agent_key_fingerprint

Words = Annotated[list[str] | None, Parameter(negative="")]
GroupName = Annotated[str, Parameter(name=["--group", "-g"], help="Of agents; default all.")]


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
        return tell(made, f"the group {name} is gone")

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

    return tell(change(bundle, edit), f"the group {name} is as you say")


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
    tell(made, f"the group {group} {told}")


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
    tell(made, f"{name} weighs {weight} for {module} in the group {group}")


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
