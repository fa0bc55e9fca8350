"""What service pages show that is worked out of several rooms: error budgets and the speed of delivery.

Pages may not import `automation/`, where rooms meet; whoever makes the site hands its functions over.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vedette.db.queries import Connection
from vedette.records.budgets import Account
from vedette.records.dora_rules import Delivery
from vedette.records.objectives_reads import Kept


class Promise(Protocol):
    """An objective and where it stands; account: None where its target leaves nothing to count."""

    @property
    def kept(self) -> Kept:
        """The objective."""
        ...

    @property
    def account(self) -> Account | None:
        """Its budgets, and how fast they burn."""
        ...


class Delivered(Protocol):
    """The measures of delivery to an environment."""

    @property
    def environment(self) -> str:
        """Where to."""
        ...

    @property
    def whole(self) -> Delivery:
        """DORA's five measures over the period."""
        ...


@dataclass(frozen=True, slots=True)
class Measures:
    """The functions: each takes the service's name and when it is."""

    objectives: Callable[[Connection, str, datetime], Awaitable[Sequence[Promise]]]
    deliveries: Callable[[Connection, str, datetime], Awaitable[Sequence[Delivered]]]


async def _nothing(_conn: Connection, _service: str, _now: datetime) -> Sequence[Promise]:
    return ()


async def _no_deliveries(_conn: Connection, _service: str, _now: datetime) -> Sequence[Delivered]:
    return ()


NOT_MEASURED = Measures(_nothing, _no_deliveries)
"""A site that was handed none."""
