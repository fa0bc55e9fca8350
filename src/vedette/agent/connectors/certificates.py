"""The certificates a TLS server showed: whose they are and how long they last.

Read by OpenSSL, which the handshake has in memory anyway; the cryptography package would cost every
agent that watches a certificate 15 MB.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_DAY_S = 86_400.0

_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
    "domainComponent": "DC",
}
"""OpenSSL's long names → RFC 4514's short ones."""

Read = dict[str, Any]
"""A certificate as `ssl.SSLSocket.getpeercert` shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a server showed in a handshake, the leaf first; at least one certificate."""

    chain: Sequence[Read]

    def days_left(self, now: datetime) -> float:
        """Return days until the leaf expires; negative when it has."""
        return _days(self.chain[0], now)

    def chain_days_left(self, now: datetime) -> float:
        """Return days until the first certificate of the chain expires."""
        return min(_days(certificate, now) for certificate in self.chain)

    def each(self) -> Iterator["Shown"]:
        """Yield each certificate by itself, the leaf first."""
        for certificate in self.chain:
            yield Shown(chain=[certificate])

    def facts(self) -> dict[str, str]:
        """Return what people ask of a certificate."""
        leaf = self.chain[0]
        return {
            "subject": _name(leaf["subject"])[:256],
            "issuer": _name(leaf["issuer"])[:256],
            "serial": leaf["serialNumber"].lower().lstrip("0"),
            "not_before": _moment(leaf["notBefore"]).isoformat(),
            "not_after": _moment(leaf["notAfter"]).isoformat(),
            "names": ", ".join(str(name) for _, name in leaf.get("subjectAltName", ()))[:1024],
        }


def shown_by(tls: ssl.SSLObject) -> Shown | None:
    """Return what the peer showed; None when it showed nothing.

    The verified chain when there is one, else what the peer sent. Python has public methods for
    both from 3.13 only, and those give bytes; the private ones are the same since 3.10.
    """
    raw: Any = getattr(tls, "_sslobj", None)
    if raw is None:
        return None
    verified = tls.context.verify_mode is ssl.CERT_REQUIRED
    chain = (raw.get_verified_chain() if verified else raw.get_unverified_chain()) or ()
    read = [certificate.get_info() for certificate in chain]
    return Shown(chain=read) if read else None


def days_left(tls: ssl.SSLObject, now: datetime) -> float | None:
    """Return days until the leaf expires."""
    shown = shown_by(tls)
    return shown.days_left(now) if shown else None


def _days(certificate: Read, now: datetime) -> float:
    return (_moment(certificate["notAfter"]) - now).total_seconds() / _DAY_S


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), tz=UTC)


def _name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    # RFC 4514 writes the most specific part first, a certificate holds it last.
    return ",".join(
        "+".join(f"{_SHORT.get(key, key)}={value}" for key, value in part)
        for part in reversed(parts)
    )
