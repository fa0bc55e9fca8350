"""What those who run a server may say of how records are handed in."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """max_body: bytes of a body, unpacked. lifetime: of a snapshot that nobody closes.

    latest_per_scope: only clusters that the newest snapshot of a kind names are shown, as Dash.DB does.
    dora_without_token: deployments are taken without a snapshot's token, as Dash.DB once did. causes_within: how long
    before an incident a deployment may have caused it; 0 proposes none. keep_days: how long each day's counts and ended
    exposures are kept; keep_looks: how long it is kept who looked when, and what ran where.
    """

    max_body: int = 256 << 20
    lifetime: timedelta = timedelta(hours=6)
    latest_per_scope: bool = False
    dora_without_token: bool = False
    causes_within: timedelta = timedelta(minutes=60)
    keep_days: timedelta = timedelta(days=1826)
    keep_looks: timedelta = timedelta(days=366)
