"""Connector `cockroachdb`: a CockroachDB cluster, node by node and as a whole."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.cockroachdb_catalogue import LIMITS, MEASURES
from vedette.agent.connectors.cockroachdb_commands import COMMANDS, rows_of
from vedette.agent.connectors.cockroachdb_doors import Door, knock
from vedette.agent.connectors.cockroachdb_json import Survey
from vedette.agent.connectors.cockroachdb_measures import Past, measured
from vedette.agent.connectors.cockroachdb_told import (
    ASKED_AT_MOST,
    Told,
    ask_cluster,
    asker,
    first_of,
    log_in,
)
from vedette.agent.connectors.cockroachdb_verdict import Node, fault_of_cluster, nodes_of
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, fault_of
from vedette.agent.connectors.exchange import Address, address_of
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import all_of
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import Report, State

_DOORS_SHARE = 0.45
_LOGIN_SHARE = 0.15
_CLUSTER_SHARE = 0.3
_ASKING_SHARE = _DOORS_SHARE + _LOGIN_SHARE + _CLUSTER_SHARE
"""Shares of a look's limit: they leave a tenth to put the report together."""

_PATIENCE_SHARE = 0.4
"""Of a question's limit: how long one node may be silent before another is asked as well."""


class CockroachDB:
    """Asks every node's own doors, then one node about all; remembers counters between looks."""

    description: ClassVar[Description] = Description(
        name="cockroachdb",
        help="Watches a CockroachDB cluster: nodes, quorum, ranges, stores, clocks, jobs.",
        settings=(
            Setting("url", "str", "HTTP address of a node, as in http://db1:8080."),
            Setting("urls", "list", "HTTP addresses of several nodes; best of all of them."),
            Setting("user", "str", "SQL user to log in as, where the cluster is secure."),
            Setting("password", "str", "Password of the user.", secret=True),
            *TLS_SETTINGS,
            Setting("node_timeout", "duration", "Limit for a node's own doors.", default=2.0),
            Setting("status_timeout", "duration", "Limit for what all share.", default=2.0),
            Setting(
                "survey_every",
                "duration",
                "How often to ask for critical nodes, a walk over all ranges.",
                default=60.0,
            ),
            Setting("memory_bytes", "float", "Memory of a node's host, where it does not say."),
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("node", "store"),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        urls = [
            *([self._settings["url"]] if self._settings["url"] else []),
            *(self._settings["urls"] or ()),
        ]
        if not urls:
            raise Invalid("cockroachdb needs the setting 'url' or 'urls'")
        self._addresses = [address_of(str(url)) for url in dict.fromkeys(urls)]
        self._session: str | None = None
        self._ids: dict[str, str] = {}
        self._past: dict[str, Past] = {}
        self._survey: Survey | None = None
        self._survey_fault: Fault | None = None
        self._survey_due = 0.0

    async def probe(self, look: Look) -> Report:
        """Ask doors, then cluster, each within its share of the time."""
        try:
            tls = context_for(self._settings)
        except EXPECTED as error:
            return failed(error)
        until = asyncio.get_running_loop().time() + look.timeout_s * _ASKING_SHARE
        limit = min(self._settings["node_timeout"], look.timeout_s * _DOORS_SHARE)
        doors = await all_of([knock(look, a, tls, limit) for a in self._addresses])
        told = await self._told(look, doors, until)
        for door in doors:
            if door.vars is not None and door.vars.node_id:
                self._ids[door.address.url] = door.vars.node_id
        nodes = nodes_of(doors, told, self._ids)
        return self._report(doors, told, nodes)

    async def _told(self, look: Look, doors: Sequence[Door], until: float) -> Told:
        answering = [door for door in doors if door.ready is not None]
        if not answering:
            return Told()
        # A node that is ready is likeliest to reach the others.
        answering.sort(key=lambda door: (door.ready != 200, door.vars is None))
        nodes = [door.address for door in answering]
        held = self._session is not None
        told = await self._asked(look, nodes)
        if told.signed_out and held:
            # A session ends some day. Refusals come at once, so that mostly there is time for a new one.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    told = await self._asked(look, nodes)
        return told

    async def _asked(self, look: Look, nodes: Sequence[Address]) -> Told:
        fault: Fault | None = None
        if self._session is None and self._settings["user"]:
            try:
                async with asyncio.timeout(look.timeout_s * _LOGIN_SHARE):
                    self._session = await self._log_in(look, nodes)
            except EXPECTED as error:
                fault = fault_of(error)
        limit = min(self._settings["status_timeout"], look.timeout_s * _CLUSTER_SHARE)
        ask = asker(
            look, nodes, context_for(self._settings), self._session, limit * _PATIENCE_SHARE
        )
        told = await ask_cluster(ask, limit, survey=time.monotonic() >= self._survey_due)
        if told.signed_out:
            self._session = None
        self._keep_survey(told)
        if fault is not None:
            told.faults["login"] = fault
        return told

    def _keep_survey(self, told: Told) -> None:
        """Put the survey of a look before into what was told, or keep this one for the next looks."""
        if told.survey is None and "critical_nodes" not in told.faults:
            told.survey = self._survey
            if self._survey_fault is not None:
                told.faults["critical_nodes"] = self._survey_fault
        elif not told.signed_out:
            self._survey = told.survey
            self._survey_fault = told.faults.get("critical_nodes")
            self._survey_due = time.monotonic() + self._settings["survey_every"]

    async def _log_in(self, look: Look, nodes: Sequence[Address]) -> str:
        tls, user = context_for(self._settings), self._settings["user"]
        password = str(look.settings.get("password") or self._settings["password"] or "")
        attempts = [partial(log_in, look, it, tls, user, password) for it in nodes[:ASKED_AT_MOST]]
        return await first_of(attempts, look.timeout_s * _LOGIN_SHARE * _PATIENCE_SHARE)

    def _report(self, doors: Sequence[Door], told: Told, nodes: Sequence[Node]) -> Report:
        fault = fault_of_cluster(doors, told, nodes)
        rtts = [door.rtt_s for door in doors if door.rtt_s is not None]
        report = Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message[:1024] if fault else "",
            rtt=timedelta(seconds=min(rtts)) if rtts else None,
            facts=_facts(doors, told, nodes),
        )
        if fault is not None and not any((n.door and n.door.vars) or n.status for n in nodes):
            # Nothing spoke as CockroachDB does; a silent door is still a node that is down.
            nodes = [node for node in nodes if node.fault]
        found = measured(
            nodes,
            told,
            self._past,
            at=time.monotonic(),
            now=now(),
            host_memory_bytes=self._settings["memory_bytes"],
        )
        return replace(report, measurements=tuple(found))

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `cockroachdb_commands`, from the first node that does."""
        attempts = [partial(self._rows, look, it, name, params) for it in self._addresses]
        for row in await first_of(attempts, look.timeout_s * _PATIENCE_SHARE):
            yield row

    async def _rows(
        self, look: Look, node: Address, name: str, params: Mapping[str, Value]
    ) -> list[Row]:
        session = await self._log_in(look, [node]) if self._settings["user"] else None
        ask = asker(look, [node], context_for(self._settings), session, look.timeout_s)
        return await rows_of(name, ask, params)

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _facts(doors: Sequence[Door], told: Told, nodes: Sequence[Node]) -> dict[str, str]:
    versions = sorted({node.version for node in nodes if node.version})
    facts = {"versions": ", ".join(versions)} if versions else {}
    for node in nodes:
        if node.status and node.status.locality:
            facts[f"locality of node {node.node_id}"] = node.status.locality[:200]
    # What could not be learnt besides; no reason to call the cluster anything but what it is.
    for path, fault in told.faults.items():
        facts[f"no {path}"] = f"{fault.error_class}: {fault.message}"[:200]
    for door in doors:
        where = f"{door.address.host}:{door.address.port}"
        if door.vars_fault is not None and door.fault is None:
            facts[f"no vars of {where}"] = f"{door.vars_fault.error_class}: {door.vars_fault}"[:200]
        elif door.vars is not None and not door.vars.whole:
            facts[f"vars of {where}"] = "cut off mid-line"
    return facts
