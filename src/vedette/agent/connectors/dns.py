"""Connector `dns`: does a server answer a question, with what, and how fast."""

import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from vedette.actions.model import Column, Command, Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.dns_question import Answered, Asked, ask, check_name
from vedette.agent.connectors.door_commands import PHASES, phases_of
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, told
from vedette.agent.connectors.limits import measurements
from vedette.agent.connectors.wire import within
from vedette.agent.packs import Threshold
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Report, State

_RESOLVERS = Path("/etc/resolv.conf")


_ANSWER = Command(
    name="answer",
    help="Ask now and show every record of the answer, expected or not.",
    columns=(
        Column("record", "text", "As a zone file writes it; null: there is none."),
        Column("rcode", "text", "How the server answers, as in NOERROR or NXDOMAIN."),
        Column("flags", "text", "Its flags, as in QR RD RA."),
        Column("server", "text", "The address that answered."),
    ),
)


class Dns:
    """Asks one server one question each look; with several servers, see one target a server."""

    description: ClassVar[Description] = Description(
        name="dns",
        help="Asks a DNS server for a name and judges code, records and time.",
        settings=(
            Setting("name", "str", "The name to ask for, as in www.shop.example.", required=True),
            Setting("type", "str", "Type of record: A, AAAA, MX, TXT, SOA and so on.", default="A"),
            Setting("server", "str", "The server to ask; default the first of the agent's host."),
            Setting("port", "int", "Its port.", default=53),
            Setting(
                "transport",
                "str",
                "`udp`, going on over TCP when the answer is cut, or `tcp`.",
                default="udp",
            ),
            Setting("rcode", "str", "The code expected, as in NXDOMAIN.", default="NOERROR"),
            Setting("expect", "list", "Records of which each must be in the answer."),
            Setting("only", "bool", "No other records than those expected.", default=False),
            Setting("recursion", "bool", "Let the server ask others.", default=True),
            Setting("dnssec", "bool", "Ask for signatures too (DO).", default=False),
            Setting(
                "authenticated",
                "bool",
                "Degraded when the server did not verify (AD).",
                default=False,
            ),
        ),
        pack={"query_s": Threshold(2.0, 1.0)},
        measures=(
            Measures("query_s", "seconds", "Time from the question to the whole answer."),
            Measures("records", "count", "Records of the type asked for."),
            Measures("ttl_s", "seconds", "The least time to live of those records."),
            Measures("answer_bytes", "bytes", "Length of the answer."),
        ),
        commands=(PHASES, _ANSWER),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if self._settings["transport"] not in ("udp", "tcp"):
            raise Invalid("transport must be udp or tcp")
        try:
            check_name(self._settings["name"], self._settings["type"])
        except ValueError as error:
            raise Invalid(f"nobody can ask for that: {error}", hint="see name and type") from None
        self._expected = [_plain(str(record)) for record in self._settings["expect"] or ()]

    async def probe(self, look: Look) -> Report:
        """Ask once."""
        server = self._settings["server"]
        try:
            async with within(look):
                asked = self._asked(server or _first_resolver())
                server = asked.server
                answered = await ask(look, asked)
        except EXPECTED as error:
            return failed(error, f"{server}:{self._settings['port']}" if server else "")
        return self._report(look, answered)

    def _asked(self, server: str) -> Asked:
        said = self._settings
        return Asked(
            server=server,
            port=said["port"],
            name=said["name"],
            type=said["type"],
            transport=said["transport"],
            dnssec=said["dnssec"],
            recursion=said["recursion"],
        )

    def _report(self, look: Look, answered: Answered) -> Report:
        fault = self._fault_in(answered)
        values = {
            "query_s": answered.took_s,
            "records": len(answered.records),
            "ttl_s": answered.least_ttl_s,
            "answer_bytes": answered.size_bytes,
        }
        facts = {
            "server": f"{answered.address}:{self._settings['port']} ({answered.transport})",
            "rcode": answered.rcode,
            "flags": " ".join(answered.flags),
            "records": told(", ".join(answered.records), look, limit=900),
            "authenticated": "yes" if "AD" in answered.flags else "no",
        }
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=told(fault.message, look) if fault else "",
            rtt=timedelta(seconds=answered.took_s),
            measurements=tuple(measurements(values)),
            facts=facts,
        )

    def _fault_in(self, answered: Answered) -> Fault | None:
        wanted = self._settings["rcode"].upper()
        if answered.rcode != wanted:
            return Fault("rcode", f"it answers {answered.rcode}, not {wanted}")
        there = {_plain(record) for record in answered.records}
        if absent := [record for record in self._expected if record not in there]:
            return Fault("bad_content", f"the answer does not hold {', '.join(absent)[:200]}")
        more = sorted(there.difference(self._expected))
        if self._settings["only"] and more:
            return Fault("bad_content", f"the answer holds {', '.join(more)[:200]} besides")
        if not there and wanted == "NOERROR" and not self._settings["only"]:
            return Fault(
                "bad_content", f"it has no record of type {self._settings['type'].upper()}"
            )
        if self._settings["authenticated"] and "AD" not in answered.flags:
            return Fault("untrusted", "the server did not verify the answer", State.DEGRADED)
        return None

    async def ask(self, look: Look, name: str, _params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer `phases`, or `answer` with what the server says now, expected or not."""
        if name == PHASES.name:
            for row in phases_of(await self.probe(look)):
                yield row
            return
        async with within(look):
            answered = await ask(look, self._asked(self._settings["server"] or _first_resolver()))
        for record in answered.records or (None,):
            yield record, answered.rcode, " ".join(answered.flags), answered.address

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _plain(record: str) -> str:
    """Return a record so that those who mean the same write the same."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(record.strip()))
    return " ".join(record.split()).rstrip(".").lower().strip('"')


def _first_resolver() -> str:
    try:
        lines = _RESOLVERS.read_text(errors="replace").splitlines()
    except OSError as error:
        message = f"cannot read {_RESOLVERS}: {error.strerror}"
        raise Fault("dns", message, State.UNKNOWN) from None
    for words in map(str.split, lines):
        if words[:1] == ["nameserver"] and len(words) > 1:
            return words[1]
    raise Fault("dns", f"{_RESOLVERS} names no server; set `server`", State.UNKNOWN)
