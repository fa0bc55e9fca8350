"""What of a target every agent judges for itself: what a signature means whatever a server says.

The rest only a server knows, or the labels of a trust bundle: it can leave agents out, and no agent
holds by it.
"""

from vedette.actions.target import (
    All,
    Among,
    Any,
    Column,
    Compare,
    Earlier,
    IsNull,
    Json,
    Like,
    Literally,
    Not,
    Operand,
    Regex,
    Selector,
    Shifted,
)

SERVERS_OWN = frozenset(
    {"id", "status", "heartbeattime", "refreshtime", "destructiontime", "tags", "loadername"}
)
"""Columns that an agent does not know of itself, or must not be told by a server."""


def judged(selector: Selector) -> Selector | None:
    """Return the target without what only a server knows; None when nothing is left of it."""
    match selector:
        case All(parts):
            return _joined(All, parts)
        case Any(parts):
            return _joined(Any, parts)
        case Not(part):
            inner = judged(part)
            return None if inner is None else Not(inner)
        case Earlier():
            return None
        case Compare(left, _, right):
            return selector if _is_known(left) and _is_known(right) else None
        case Like(operand) | Regex(operand) | Among(operand) | IsNull(operand):
            return selector if _is_known(operand) else None
    return selector


def _joined(kind: type[All] | type[Any], parts: tuple[Selector, ...]) -> Selector | None:
    left = tuple(one for part in parts if (one := judged(part)) is not None)
    if len(left) < 2:
        return left[0] if left else None
    return kind(left)


def _is_known(operand: Operand) -> bool:
    match operand:
        case Column(name):
            return name not in SERVERS_OWN
        case Json(column):
            return column not in SERVERS_OWN
        case Shifted(Column(name)):
            return name not in SERVERS_OWN
        case Shifted() | Literally():
            return True
