"""When certificates that a cluster keeps as TLS secrets expire; their keys are never decoded."""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime

from vedette.agent.connectors.kubernetes_objects import TlsSecret
from vedette.health.model import Measurement

_CERTIFICATES = 1000


def expiries(secrets: Iterable[TlsSecret], now: datetime) -> list[Measurement]:
    """Return days left of each first certificate that can be read, soonest first."""
    # Imported here: it costs 15 MB, and few look at secrets.
    from cryptography import x509

    found: list[Measurement] = []
    for secret in secrets:
        try:
            pem = base64.b64decode(secret.certificate, validate=True)
            certificate = x509.load_pem_x509_certificate(pem)
        except (binascii.Error, ValueError):
            continue
        left = (certificate.not_valid_after_utc - now).total_seconds() / 86_400
        found.append(Measurement("certificate_days_left", left, f"certificate:{secret.name}"))
    return sorted(found, key=lambda measured: measured.value)[:_CERTIFICATES]
