"""What is decided and stated of vulnerabilities, in words."""

from vedette.web.reader import N_, gettext

DECISIONS = {
    "accepted": N_("Risk accepted"),
    "false_positive": N_("False positive"),
    "not_affected": N_("Not affected"),
    "affected": N_("Affected"),
    "under_investigation": N_("Under investigation"),
}
STATUSES = {
    "not_affected": N_("Not affected"),
    "affected": N_("Affected"),
    "fixed": N_("Fixed"),
    "under_investigation": N_("Under investigation"),
}


def decision_word(decision: str) -> str:
    """Return what a decision of ours is called; "" for none."""
    return gettext(DECISIONS[decision]) if decision else ""


def status_word(status: str) -> str:
    """Return what a supplier's status (VEX) is called; "" for none."""
    return gettext(STATUSES[status]) if status else ""
