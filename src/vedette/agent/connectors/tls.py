"""Connector `tls`: how long the certificate lasts, who vouches for it, and for which name."""

import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.certificates import Shown, shown_by
from vedette.agent.connectors.door_commands import (
    CERTIFICATE,
    PHASES,
    certificates_of,
    phases_of,
)
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, fault_of
from vedette.agent.connectors.limits import measurements
from vedette.agent.connectors.tls_contexts import context_for, tls_context
from vedette.agent.connectors.wire import Wire, wire, within
from vedette.agent.packs import Threshold
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.health.model import Report, State

_DAY_S = 86_400.0


class Tls:
    """Shakes hands afresh each look; reads the certificate even when it does not verify."""

    description: ClassVar[Description] = Description(
        name="tls",
        help="Watches the certificate of a TLS server: days left, chain, name, protocol.",
        settings=(
            Setting("host", "str", "Name or address to connect to.", required=True),
            Setting("port", "int", "Port to connect to.", default=443),
            Setting("server_name", "str", "Name to ask for (SNI) and to verify; default `host`."),
            Setting("ca_file", "str", "PEM file of the authorities to trust; else the system's."),
            Setting("client_cert", "str", "PEM file of a certificate to show."),
            Setting("client_key", "str", "PEM file of its key; default in `client_cert`."),
            Setting("warn_within", "duration", "Degraded when less is left.", default=14 * _DAY_S),
            Setting(
                "critical_within",
                "duration",
                "Degraded, and said to be critical, when less is left.",
                default=7 * _DAY_S,
            ),
        ),
        pack={"handshake_s": Threshold(2.0, 1.0), "connect_s": Threshold(2.0, 1.0)},
        measures=(
            Measures("days_left", "days", "Days until the certificate expires; negative after."),
            Measures(
                "chain_days_left", "days", "Days until the first certificate of the chain expires."
            ),
            Measures("chain_length", "count", "Certificates of the chain."),
            Measures("resolve_s", "seconds", "Time to resolve the name."),
            Measures("connect_s", "seconds", "Time until the connection was accepted."),
            Measures("handshake_s", "seconds", "Time of the TLS handshake."),
        ),
        commands=(CERTIFICATE, PHASES),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)

    async def probe(self, look: Look) -> Report:
        """Shake hands; on distrust shake hands once more without asking, to see the certificate."""
        try:
            async with within(look):
                try:
                    report = await self._shake(look, context_for(self._settings))
                except ssl.SSLCertVerificationError as error:
                    return await self._distrusted(look, fault_of(error))
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")
        return report

    async def _shake(
        self, look: Look, context: ssl.SSLContext, distrust: Fault | None = None
    ) -> Report:
        host, port = self._settings["host"], self._settings["port"]
        name = self._settings["server_name"]
        async with wire(look, host, port, tls=context, server_name=name) as opened:
            shown = shown_by(opened.tls) if opened.tls else None
            if shown is None:
                raise Fault("tls", "the server showed no certificate")
            return self._report(opened, shown, distrust, now())

    async def _distrusted(self, look: Look, distrust: Fault) -> Report:
        settings = {k: self._settings[k] for k in ("client_cert", "client_key")}
        try:
            return await self._shake(look, tls_context(insecure=True, **settings), distrust)
        except EXPECTED:
            return failed(distrust)

    def _report(self, opened: Wire, shown: Shown, distrust: Fault | None, at: datetime) -> Report:
        left, chain_left = shown.days_left(at), shown.chain_days_left(at)
        fault = distrust or self._expiring(min(left, chain_left))
        values = {
            "days_left": left,
            "chain_days_left": chain_left,
            "chain_length": len(shown.chain),
            "resolve_s": opened.resolve_s,
            "connect_s": opened.connect_s,
            "handshake_s": opened.tls_s,
        }
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=opened.connect_s),
            measurements=tuple(measurements(values)),
            facts={"address": opened.address, **_session(opened), **shown.facts()},
        )

    def _expiring(self, days: float) -> Fault | None:
        for setting, word in (("critical_within", "critical: "), ("warn_within", "")):
            if days * _DAY_S < self._settings[setting]:
                message = f"{word}a certificate of the chain expires in {days:.1f} days"
                return Fault("expiring", message, State.DEGRADED)
        return None

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer `certificate` or `phases`."""
        if name == PHASES.name:
            for row in phases_of(await self.probe(look)):
                yield row
            return
        its = self._settings
        async for row in certificates_of(look, its["host"], its["port"], its, its["server_name"]):
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _session(opened: Wire) -> dict[str, str]:
    if opened.tls is None:
        return {}
    cipher = opened.tls.cipher()
    return {"protocol": opened.tls.version() or "", "cipher": cipher[0] if cipher else ""}
