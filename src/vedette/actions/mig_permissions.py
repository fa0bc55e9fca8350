"""MIG's permissions: a bit for each endpoint, their names on the wire, and which of our scopes allow the same."""

from collections.abc import Mapping

from vedette.access.model import Scope
from vedette.errors import Invalid

PERMISSIONS = (
    *("search", "action", "action_create", "command", "agent", "dashboard"),
    *("loader", "loader_status", "loader_expect", "loader_key", "loader_new"),
    *("manifest", "manifest_sign", "manifest_new", "manifest_status", "manifest_loaders"),
    *("investigator", "investigator_create", "investigator_update"),
)
"""By their bits, from 0."""

DEFAULT = 0b111111
ADMIN = 0b111 << PERMISSIONS.index("investigator")
"""Who may do all of this looks after investigators; somebody always may."""

SCOPES: Mapping[str, Scope] = {
    "action_create": Scope.ACTIONS_WRITE,
    "manifest_sign": Scope.ACTIONS_WRITE,
    **dict.fromkeys(
        ("loader_status", "loader_expect", "loader_key", "loader_new"), Scope.TRUST_WRITE
    ),
    **dict.fromkeys(("manifest_new", "manifest_status"), Scope.TRUST_WRITE),
    **dict.fromkeys(("investigator_create", "investigator_update"), Scope.TRUST_WRITE),
}
"""What a token of ours needs for each; the others only read: actions:read."""


def has(mask: int, permission: str) -> bool:
    """Whether the bits hold this permission."""
    return bool(mask & 1 << PERMISSIONS.index(permission))


def named(mask: int) -> dict[str, bool]:
    """Return the permissions as MIG writes them."""
    return {name: has(mask, name) for name in PERMISSIONS}


def mask_of(said: object) -> int:
    """Return the bits of `{"search": true, …}`, or of a number as older clients send; raises Invalid."""
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 1 << len(PERMISSIONS):
        return said
    if not isinstance(said, dict) or not all(isinstance(value, bool) for value in said.values()):
        raise Invalid('permissions must be an object such as {"search": true}')
    unknown = sorted(set(said) - set(PERMISSIONS))
    if unknown:
        raise Invalid(f"there is no permission {unknown[0][:40]!a}")
    return sum(1 << bit for bit, name in enumerate(PERMISSIONS) if said.get(name))


def scope_for(permission: str) -> Scope:
    """Return the scope a token of ours needs for it."""
    return SCOPES.get(permission, Scope.ACTIONS_READ)
