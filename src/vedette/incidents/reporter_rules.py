"""What one post of a reporter does: the decision table of the Status Dashboard, defects mended.

Source: the `component_status` engine of stackmon/status-dashboard (2022 to 2025), and of its successor
for events. It joins all components of one impact in one incident, never lowers an impact, never closes
for recovery; what a person owns it leaves alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vedette.incidents.model import Impact


class Deed(StrEnum):
    """What a post leads to."""

    KEEP_MAINTENANCE = "keep maintenance"
    KEEP = "keep"
    OPEN = "open"
    JOIN = "join"
    ESCALATE = "escalate"
    MOVE = "move"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Standing:
    """An open incident as the decision sees it.

    is_ours: a reporter opened it and nobody has touched it: others may join it. contains: whether
    the component stands in it. size: how many components stand in it.
    """

    id: int
    impact: Impact
    system: bool
    is_ours: bool
    contains: bool
    size: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: `source` is the incident the component is in, `target` the one it goes to.

    empties: the source has no other component and closes.
    """

    deed: Deed
    source: int | None = None
    target: int | None = None
    empties: bool = False


def decide(
    impact: Impact, maintenance: int | None, standing: Sequence[Standing], *, weigh_persons: bool
) -> Decision:
    """Return what a post of this impact does to a component.

    maintenance: the one it is under, if any; it is left alone then. standing: every published open
    incident, the oldest first. weigh_persons: whether an impact higher than that of a person's
    incident counts beside it (the first engine) or not (its successor).
    """
    if maintenance is not None:
        return Decision(Deed.KEEP_MAINTENANCE, maintenance)
    for one in standing:
        if one.contains and not one.system and (impact <= one.impact or not weigh_persons):
            return Decision(Deed.KEEP, one.id)
    target = next((one.id for one in standing if one.is_ours and one.impact == impact), None)
    source = next((one for one in standing if one.system and one.contains), None)
    if source is None:
        return Decision(Deed.OPEN) if target is None else Decision(Deed.JOIN, target=target)
    if impact <= source.impact:
        return Decision(Deed.KEEP, source.id)
    alone = source.size == 1
    if target is not None:
        return Decision(Deed.MOVE, source.id, target, empties=alone)
    return Decision(Deed.ESCALATE if alone else Deed.SPLIT, source.id)
