"""The decisions of the fleet: who an agent is, what its selectors mean, how things are called."""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from vedette.errors import Invalid
from vedette.trust.names import checked_agent_name, checked_label, checked_tag_key

SLUG_LIMIT = 80
EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Lineage:
    """The runs of an agent we know: the one that holds the stream and the one before it.

    run_id: None before the first stream.
    confirmed: whether the agent has said that it kept `run_id`; until then it may still come back
    knowing only the run before, because our Welcome was lost.
    """

    run_id: UUID | None = None
    previous_run_id: UUID | None = None
    confirmed: bool = False


def succeed(stored: Lineage, run_id: UUID, welcomed_run_id: UUID | None) -> Lineage | None:
    """Return the lineage after this Hello, or None when it is another machine with the same key.

    The same run comes back whenever it likes. A new run must know the run we welcomed last; or,
    while that one never confirmed our Welcome, the run before it. A copy of the disk knows a run
    that has since been succeeded, so of an agent and its clone whoever comes second is found out.
    """
    if stored.run_id is None:
        return Lineage(run_id)
    if run_id == stored.run_id:
        return stored
    if welcomed_run_id == stored.run_id:
        return Lineage(run_id, previous_run_id=stored.run_id)
    if not stored.confirmed and welcomed_run_id == stored.previous_run_id:
        return Lineage(run_id, previous_run_id=stored.previous_run_id)
    return None


def checked_selector(text: object, *, field: str = "agents") -> str:
    """Return the selector: an agent's name, `tag:key=value` or `*`; raises Invalid.

    Only the server's own tags count: what an agent claims of itself decides nothing.
    """
    if text == EVERYONE:
        return EVERYONE
    if isinstance(text, str) and text.startswith("tag:"):
        key, equals, value = text.removeprefix("tag:").partition("=")
        if not equals:
            raise Invalid(f"{field}: {text[:80]!a} lacks '='", hint="as in tag:role=edge")
        return f"tag:{checked_tag_key(key, field=field)}={checked_label(value, field=field)}"
    return checked_agent_name(text, field=field)


def slugify(text: str) -> str:
    """Return the text as a piece of a URL: `a-z0-9` and single hyphens, at most 80, never empty.

    A text of which nothing is left (another script) is named by its digest, so that it is stable.
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LIMIT].rstrip("-")
    return slug or "x-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def free_slug(wanted: str, taken: Collection[str]) -> str:
    """Return the slug, or the first of `-2`, `-3` … that nobody has."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def component_slug(service: str, region: str | None, kind: str | None) -> str:
    """Return what a component would like to be called: service, region and type."""
    return "-".join(slugify(word) for word in (service, region, kind) if word)
