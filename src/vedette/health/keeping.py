"""How long history is kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long each kind of history is kept, and when a day of reports is packed.

    All in whole days, each at least as long as the one before. days: None is for good.
    """

    pack_after: timedelta = timedelta(days=2)
    reports: timedelta = timedelta(days=30)
    minutes: timedelta = timedelta(days=400)
    hours: timedelta = timedelta(days=5 * 365)
    days: timedelta | None = None


USUAL = Keeping()
