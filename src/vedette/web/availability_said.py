"""Numbers of availability and the policy that made them, in the reader's language."""

from dataclasses import dataclass
from fractions import Fraction

from vedette.incidents.availability_rules import Maintenance, Policy, Unseen
from vedette.incidents.availability_share import Share, percent, shortly
from vedette.web.reader import N_, gettext

MAINTENANCE = {
    Maintenance.SHIELDS: N_("Maintenance is no loss."),
    Maintenance.REMOVED: N_("Maintenance is left out of the whole."),
    Maintenance.COUNTS: N_("Trouble during maintenance counts as always."),
}
UNSEEN = {
    Unseen.EXCLUDED: N_("Time we could not see is left out."),
    Unseen.DOWN: N_("Time we could not see is lost."),
    Unseen.UP: N_("Time we could not see is no loss."),
}


@dataclass(frozen=True, slots=True)
class PolicySaid:
    """A policy as `policy.html` says it; weights: per cent lost by impact."""

    weights: dict[str, str]
    maintenance: str
    unseen: str
    zone: str


def policy_said(policy: Policy) -> PolicySaid:
    """Return the policy in words."""
    return PolicySaid(
        weights={name: shortly(getattr(policy, name)) for name in ("minor", "major", "outage")},
        maintenance=gettext(MAINTENANCE[policy.maintenance]),
        unseen=gettext(UNSEEN[policy.unseen]),
        zone=policy.zone,
    )


def number(share: Share | Fraction | None) -> str:
    """Return the number as the reader's language writes it; its unit is said once for all of them."""
    whole, point, hundredths = percent(share).partition(".")
    if not point:
        return whole
    return gettext("{whole}.{hundredths}").format(whole=whole, hundredths=hundredths)
