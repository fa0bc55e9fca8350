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


def of_agents(ids: Iterable[int]) -> str:
    """Return the target that lists agents: what a service or an incident was resolved to."""
    listed = sorted(set(ids))
    if not listed:
        raise Invalid("target: no agent is beneath this", hint="see `vedette agents list`")
    return f"id IN ({','.join(str(one) for one in listed)})"
