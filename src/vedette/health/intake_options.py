"""What may be pushed to us, as the settings say; apart, because client commands read settings too."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeOptions:
    """What may be taken in.

    target_labels: the labels that name a target; the rest names its series. silent_after: how long a
    target may say nothing before it is unknown.
    """

    target_labels: tuple[str, ...] = ("job", "instance")
    max_targets: int = 1_000
    max_series: int = 10_000
    silent_after: timedelta = timedelta(minutes=5)
