"""Istio's control plane, istiod: what it says at `/ready` and in its metrics; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.families import buckets, read_families, summed
from vedette.agent.connectors.histograms import gained, quantile
from vedette.agent.connectors.limits import measurements
from vedette.agent.connectors.rates import Gains
from vedette.health.model import Measurement

MEASURES = (
    Measures("proxies", "count", "istiod: proxies that are connected to it."),
    Measures("services", "count", "istiod: services it knows."),
    Measures("pushes_per_s", "per_second", "istiod: configurations it pushed to proxies."),
    Measures("rejects_per_s", "per_second", "istiod: configurations that proxies refused."),
    Measures("push_errors_per_s", "per_second", "istiod: pushes that failed."),
    Measures("convergence_p99_s", "seconds", "istiod: from a change until proxies have it, p99."),
    Measures("root_certificate_days_left", "days", "istiod: days until its root expires."),
)
LIMITS = {"rejects_per_s": 0.0, "convergence_p99_s": 10.0}

_SUMS = {
    "proxies": "pilot_xds",
    "services": "pilot_services",
    "pushes": "pilot_xds_pushes",
    "rejects": "pilot_total_xds_rejects",
    "push_errors": "pilot_total_xds_internal_errors",
    "root_expiry": "citadel_server_root_cert_expiry_timestamp",
}
_CONVERGENCE = "pilot_proxy_convergence_time"
_COUNTERS = ("pushes", "rejects", "push_errors")


@dataclass(frozen=True, slots=True)
class Pilot:
    """What istiod's metrics say. convergence: upper bound → pushes that took at most that."""

    values: Mapping[str, float | None]
    convergence: Mapping[float, float]

    @property
    def counters(self) -> dict[str, float | None]:
        """What only grows."""
        return {name: self.values[name] for name in _COUNTERS}


def read_pilot(body: bytes) -> Pilot:
    """Read `/metrics`; a body without anything of istiod's is a `protocol` fault."""
    families = read_families(body, (*_SUMS.values(), f"{_CONVERGENCE}_bucket"))
    if not families:
        raise Fault("protocol", "the metrics hold nothing of istiod's")
    values = {name: summed(families, family) for name, family in _SUMS.items()}
    return Pilot(values, buckets(families, _CONVERGENCE))


def measured(
    pilot: Pilot, before: Mapping[float, float] | None, gains: Gains, now_s: float
) -> list[Measurement]:
    """Return its measurements; before: the histogram of the last look."""
    expiry = pilot.values.get("root_expiry")
    fresh = gained(before, pilot.convergence) if before is not None else {}
    return measurements(
        {
            "proxies": pilot.values.get("proxies"),
            "services": pilot.values.get("services"),
            "pushes_per_s": gains.per_s("pushes"),
            "rejects_per_s": gains.per_s("rejects"),
            "push_errors_per_s": gains.per_s("push_errors"),
            "convergence_p99_s": quantile(fresh, 0.99),
            "root_certificate_days_left": (expiry - now_s) / 86_400 if expiry else None,
        }
    )
