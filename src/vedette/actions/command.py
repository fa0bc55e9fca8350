"""The nouns of an action on its way: how it is launched, its command for one agent, the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vedette.trust.weigh import Weighed

DOCUMENT_BYTES = 2 << 20
"""Of an action as it is handed in and carried down."""
REASON_CHARACTERS = 64


class Outcome(StrEnum):
    """How a command ended.

    FAILED: a module could not tell. REFUSED: the agent did not obey, and says why. TIMEOUT: the host's or the
    action's limit ended it. LOST: the agent restarted in the middle, and does not run it again. EXPIRED: nobody
    answered while the action counted.
    """

    SUCCESS = "success"
    FAILED = "failed"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    LOST = "lost"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How an action goes out; none of it widens what was signed.

    rate: agents a second. at_once: commands under way together. most_agents: more are not asked. canary: so many
    are asked first, the others once someone says so. most_failures: share of the answers that may fail (0.01)
    before it pauses by itself. late: agents that come before it expires are asked too.
    """

    rate: float | None = None
    at_once: int | None = None
    most_agents: int | None = None
    canary: int | None = None
    most_failures: float | None = None
    late: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """A command that a stream is to carry down now."""

    id: int
    action_id: int
    agent_id: int


@dataclass(frozen=True, slots=True)
class Order:
    """What goes down with a command: the document as it was handed in, and who signed it, in order."""

    document: bytes
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as an agent signed it, read and found fit.

    body: the JSON to the letter. found: whether an operation found something; None where none was run.
    alike: of what was found, without times and counts.
    """

    command_id: int
    agent_id: int
    outcome: Outcome
    reason: str
    message: str
    truncated: bool
    found: bool | None
    took_ms: int
    body: str
    signature: bytes
    alike: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an action stands after it was handed in, signed or launched.

    weights: before the launch what stands behind it now, afterwards what stood behind it then.
    missing: why it is not launched yet, in words; empty once nothing is missing.
    launched_before: it was launched, or over, before this was done; it is not launched twice.
    """

    id: int
    state: str
    weights: Sequence[Weighed] = ()
    missing: Sequence[str] = ()
    agents: int = 0
    valid_from: datetime
    expire_after: datetime
    launched_before: bool = False
