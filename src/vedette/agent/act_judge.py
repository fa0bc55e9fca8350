"""Whether this host runs an action: by its own bundle, clock, facts and memory, whatever a server says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vedette import plugins
from vedette.actions import document_read
from vedette.actions.document import Action, digest_of, signed_text
from vedette.actions.document_legacy import modern
from vedette.actions.target_match import Facts, excludes
from vedette.actions.target_text import read_target
from vedette.agent.modules import GROUP
from vedette.errors import Denied, Invalid
from vedette.trust.bundle import Bundle
from vedette.trust.validity import hold_new, hold_validity
from vedette.trust.verify import ACTION, verify_all
from vedette.trust.weigh import groups_of, hold_not_withdrawn, people_of, weigh


class RefusedHere(Denied):
    """This host does not run it; `reason` is a word for programs, the text is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A signed action as it was read.

    text: the bytes people signed, `digest` what it is remembered by. action: as modules understand it
    today; old names are read as new ones.
    """

    action: Action
    text: bytes
    digest: str
    signatures: tuple[str, ...]

    @property
    def validity(self) -> tuple[datetime, datetime]:
        """From when until when it counts."""
        ages_ago = datetime.min.replace(tzinfo=UTC)
        return self.action.valid_from or ages_ago, self.action.expire_after or ages_ago


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What this host knows of itself, and what its owner allows.

    key: the fingerprint of the agent's own key. modules: `all`, `none`, or names.
    """

    key: str
    facts: Facts
    modules: Sequence[str] | str


def read_order(document: bytes, signatures: Sequence[str]) -> Order:
    """Return the action of these bytes; raises Invalid for what two readers could read differently."""
    action = document_read.read_order(document, signatures)
    if action.mandate is not None and not action.run:
        raise Invalid("this is a mandate: it runs in its windows alone, each time by its number")
    return Order(
        action=modern(action)[0],
        text=signed_text(action),
        digest=digest_of(action),
        signatures=tuple(signatures),
    )


def judge(
    order: Order,
    bundle: Bundle,
    here: Here,
    *,
    kept: Mapping[str, datetime],
    now: datetime,
) -> tuple[str, ...]:
    """Return the names of those who ordered it; raises Untrusted or RefusedHere unless it may run.

    kept: the digests of what ran here, and when each expires.
    """
    action = order.action
    hold_allowed(action.modules, here.modules)
    hold_validity(*order.validity, now=now)
    hold_not_withdrawn(bundle, order.text)
    signers = verify_all(
        order.signatures,
        order.text,
        bundle.public_keys(),
        namespace=ACTION,
        now=now,
        accept_sha1=bundle.accepted_sha1(),
    )
    weigh(bundle, signers, action.modules, agent=here.key, reason=action.reason, now=now)
    _hold_target(action.target, bundle, here, now)
    hold_new(order.digest, kept, now=now)
    return tuple(people_of(bundle, signers, now))


def hold_allowed(modules: Sequence[str], allowed: Sequence[str] | str) -> None:
    """Raise RefusedHere for a module that the host's owner does not allow, or that is not here."""
    known = plugins.names(GROUP)
    for module in dict.fromkeys(modules):
        if allowed != "all" and (allowed == "none" or module not in allowed):
            raise RefusedHere(
                "not-allowed-by-host", f"actions in this host's agent.yaml do not allow {module!r}"
            )
        if module not in known:
            raise RefusedHere(
                "module-unknown",
                f"there is no module {module!r} here; there are {', '.join(known)}",
            )


def labels_of(bundle: Bundle, key: str) -> dict[str, str | None]:
    """Return the labels of the agent's groups; of two groups that differ, the later one counts.

    One that the roots give other groups alone is None: this agent has it not, whatever a server says.
    """
    labels: dict[str, str | None] = {one: None for group in bundle.groups for one in group.labels}
    for group in groups_of(bundle, key):
        labels |= group.labels
    return labels


def _hold_target(target: str, bundle: Bundle, here: Here, now: datetime) -> None:
    try:
        selector = read_target(target)
    except Invalid as wrong:
        raise RefusedHere("unreadable", str(wrong)) from None
    if excludes(selector, here.facts, labels_of(bundle, here.key), now=now):
        raise RefusedHere(
            "excluded-by-target", "the target that was signed does not mean this host"
        )
