"""A target as a person writes it: SQL, labels, the name of a macro, or `local`."""

import re
from collections.abc import Iterable, Mapping

from vedette.actions.target import Local, Selector
from vedette.actions.target_labels import is_labels, read_labels
from vedette.actions.target_sql import read_sql
from vedette.errors import Invalid

DEFAULT = "status='online'"
"""The target of who names none, as in MIG."""

_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_-]*)\s*", re.ASCII)
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_CONSTANTS = ("true", "false")


def read_target(text: str) -> Selector:
    """Return the selector of what was signed; raises Invalid with the place of what is wrong."""
    if text.strip() == "local":
        return Local()
    return read_labels(text) if is_labels(text) else read_sql(text)


def expand(text: str, macros: Mapping[str, str]) -> str:
    """Return the target that a macro stands for, or the text itself; for the client, before signing.

    Raises Invalid for a single word that is no macro. A macro means no other.
    """
    found = _NAME.fullmatch(text)
    if found is None or found.group(1) == "local" or found.group(1).lower() in _CONSTANTS:
        return text
    if found.group(1) not in macros:
        known = ", ".join(sorted(macros)) or "none"
        raise Invalid(
            f"target: there is no macro {found.group(1)[:40]!a}", hint=f"there are: {known}"
        )
    return macros[found.group(1)]


def of_agents(keys: Iterable[str]) -> str:
    """Return the target that lists agents by their keys: what a service or an incident stands for.

    Each agent knows its own key, so the list decides on the agent too, whatever a server says.
    Raises Invalid for none, and for what is no fingerprint of a key.
    """
    listed = sorted(set(keys))
    if not listed:
        raise Invalid("target: no agent is beneath this", hint="see `vedette agents list`")
    for key in listed:
        if not _FINGERPRINT.fullmatch(key):
            raise Invalid(f"target: {key[:80]!a} is no fingerprint of an agent's key")
    quoted = [f"'{key}'" for key in listed]
    return f"key IN ({','.join(quoted)})"
