"""The agent as a value: start it, wait for it, stop it; `vedette.agent.__main__` is thin."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import msgspec
import structlog

from vedette import __version__, clock, durations, plugins
from vedette.agent.act import Acting
from vedette.agent.carry import Carrier
from vedette.agent.checkin import leave_when_done
from vedette.agent.confine import offers
from vedette.agent.facts import about, claims
from vedette.agent.host import HostRules, load_host_rules
from vedette.agent.host_actions import TrustRules
from vedette.agent.identity import IdentityFiles
from vedette.agent.journal import Journal
from vedette.agent.memory import settle
from vedette.agent.metrics import Sample, listen
from vedette.agent.modules import GROUP as MODULES
from vedette.agent.notify import Notify
from vedette.agent.obey import Obedience
from vedette.agent.outbox import Outbox
from vedette.agent.own_folder import hold_own
from vedette.agent.persist import Persisting
from vedette.agent.reach import HostReach
from vedette.agent.running import say_running
from vedette.agent.schedule import Schedule
from vedette.agent.secrets import Secrets
from vedette.agent.trusted import Trusted, place_bundle
from vedette.agent.watch import Host
from vedette.errors import Conflict, Denied, Invalid, VedetteError
from vedette.link.acts import Acts
from vedette.link.claims import Claims
from vedette.link.client import Client, Configured, Refused
from vedette.link.dictionary import Dictionary
from vedette.link.orders import Orders
from vedette.link.spool import Caps, Spool
from vedette.logs import LogSettings
from vedette.sizes import size_bytes

log = structlog.get_logger(__name__)

STATUS_S = 10.0
"""How often systemd and the loop's own lag are looked after when no watchdog asks for more."""
SETTLED_S = 20.0
"""By then most targets were looked at twice, and what that imports and connects is in place."""
SETTLE_AGAIN_S = 3600.0
LAST_WORDS_S = 2.0
"""How long a stopping agent waits until the server has its last reports and answers; the rest is on disk."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an enrolled agent is started.

    config: the host owner's agent.yaml; default `agent.yaml` in the data directory, if it is there.
    metrics: HOST:PORT for /metrics and /healthz; overrides agent.yaml, as all that follows does.
    trust: whom it obeys. checkin: do what waits and leave.
    """

    data_dir: Path
    config: Path | None = None
    metrics: str = ""
    log: LogSettings = LogSettings()
    trust: TrustRules | None = None
    checkin: bool | None = None

    def to_json(self) -> str:
        """Return the options as one argument of a command line."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def from_json(cls, text: str) -> "Options":
        """Read what `to_json` wrote."""
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, value: kind(value))

    def rules(self) -> HostRules:
        """Return what the host's owner allows."""
        hold_own(self.data_dir)
        beside = self.data_dir / "agent.yaml"
        return load_host_rules(self.config or (beside if beside.exists() else None))


class Agent:
    """A running agent: `async with Agent(options) as agent: await agent.wait()`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rules = options.rules()
        self.identity = IdentityFiles(options.data_dir)
        self.name = self.identity.held.name
        self._notify = Notify()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._lag_s = 0.0
        self._claims: Claims

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Open the spool, begin to attach; targets come with the first configuration."""
        rules, directory = self.rules, self.options.data_dir
        caps = Caps(
            size_bytes=size_bytes(rules.spool.size),
            age=durations.parse(rules.spool.age),
        )
        self.spool = Spool(directory / "spool", caps)
        say_running(directory, __version__)
        self.dictionary = Dictionary(directory / "dictionary")
        self.outbox = Outbox(self.spool, self.dictionary)
        self.host = Host(
            reach=HostReach(rules.reach),
            secrets=Secrets(rules),
            clock=clock.now,
            commands=rules.commands,
        )
        self.schedule = Schedule(self.name, self.host, self.outbox.deliver)
        orders = Orders()
        self.obedience = Obedience(
            self.host, self.schedule.assignment, orders.say, allowed=rules.asks
        )
        orders.obey, orders.cancel = self.obedience.obey, self.obedience.cancel
        self.persisting = Persisting(
            rules.persistent,
            directory,
            about=about(rules.tags) if rules.persistent else None,
            partial=rules.sandbox == "partial",
        )
        self.carrier = Carrier(self.obedience, self.schedule.target_called, self.persisting)
        acts = await self._begin_acting()
        self.client = Client(
            identity=self.identity,
            spool=self.spool,
            dictionary=self.dictionary,
            claims=self._claims,
            clock=clock.now,
            configure=self._configure,
            orders=orders,
            acts=acts,
        )
        await self.acting.start()
        address = self.options.metrics or rules.metrics
        if address:
            self._server = await listen(address, self.samples, self.ailing)
        self.persisting.start()
        self._begin(self.client.run(), "link")
        self._begin(self.outbox.keep_synced(), "sync")
        self._begin(self._keep_notified(), "notify")
        self._begin(self._keep_small(), "memory")
        if self.checks_in:
            leaving = leave_when_done(self.client, self.acting, rules.limits, self.request_stop)
            self._begin(leaving, "check in")
        log.info("agent started", agent=self.name, version=__version__, data_dir=str(directory))
        self._notify.say("READY=1", "STATUS=started")

    async def wait(self) -> None:
        """Wait until `request_stop`; raises what ended the agent before that."""
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            done, _ = await asyncio.wait(
                {stopped, *self._tasks}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopped.cancel()
        for task in done & set(self._tasks):
            fault = task.exception()
            if isinstance(fault, Refused):
                raise _final(fault) from None
            if fault is not None:
                raise fault

    @property
    def checks_in(self) -> bool:
        """Whether it does what waits and leaves."""
        said = self.options.checkin
        return self.rules.checkin if said is None else said

    def request_stop(self) -> None:
        """Let `wait` return, as SIGTERM does."""
        self._stopped.set()

    async def stop(self) -> None:
        """Stop looking, hand over what was seen as far as the server takes it, keep the rest."""
        self._notify.say("STOPPING=1", "STATUS=stopping")
        await self.schedule.stop()
        await self.obedience.stop()
        await self.persisting.stop()
        await self.acting.stop()
        self.outbox.flush()
        await self._last_words()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        await self.host.close()
        self.acting.journal.close()  # last words may have opened it again
        await asyncio.to_thread(self.spool.close)
        self.dictionary.close()
        log.info("agent stopped", spooled_reports=self.spool.reports)

    def samples(self) -> Iterable[Sample]:
        """Return the agent's own measurements."""
        link, spool, acting = self.client.standing, self.spool, self.acting
        offset_s = link.clock_offset_s or 0.0
        stuck = sum(1 for task in asyncio.all_tasks() if task.get_name().startswith("look at "))
        for name, kind, help_, value in (
            ("targets", "gauge", "Targets this agent looks at.", len(self.schedule)),
            ("looks_total", "counter", "Looks since the start.", self.schedule.looks),
            ("looks_under_way", "gauge", "Looks under way now.", stuck),
            ("reports_total", "counter", "Reports made since the start.", self.outbox.reports),
            ("connected", "gauge", "1 while a server has welcomed us.", link.connected),
            ("attempts_total", "counter", "Attempts to attach.", link.attempts),
            ("clock_offset_seconds", "gauge", "Our clock less the server's.", offset_s),
            ("spool_bytes", "gauge", "Bytes waiting on disk.", spool.size_bytes),
            ("spool_reports", "gauge", "Reports not yet acknowledged.", spool.reports),
            ("dropped_reports_total", "counter", "Reports dropped, ever.", spool.dropped_reports),
            ("actions_run_total", "counter", "Signed actions begun since the start.", acting.run),
            ("actions_refused_total", "counter", "Signed actions refused.", acting.refused),
            (
                "actions_waiting",
                "gauge",
                "Signed actions that wait for their turn.",
                acting.waiting,
            ),
            ("loop_lag_seconds", "gauge", "How late the loop last was.", self._lag_s),
        ):
            yield Sample(f"vedette_agent_{name}", kind, help_, float(value))

    def ailing(self) -> str:
        """Return what is wrong with the agent itself; a server that is away is not."""
        ended = [task.get_name() for task in self._tasks if task.done()]
        return f"ended: {', '.join(ended)}" if ended else ""

    def _configure(self, configured: Configured) -> None:
        self.schedule.apply(configured.assignments)

    async def _begin_acting(self) -> Acts:
        """Make what runs signed actions, and return its end of the link."""
        rules, directory, trust = self.rules, self.options.data_dir, self.options.trust
        trusted = Trusted(directory, (trust or rules.trust).roots())
        await place_bundle(trusted, (trust or rules.trust).bundle, now=clock.now())
        self._claims = replace(
            claims(started_at=clock.now(), tags=rules.tags, modules=plugins.names(MODULES)),
            sandbox_json=msgspec.json.encode(offers().plain()).decode(),
            bundle_version=trusted.version,
            mode="checkin" if self.checks_in else "daemon",
        )
        acts = Acts()
        self.acting = Acting(
            journal=Journal(directory),
            trusted=trusted,
            rules=rules,
            identity=self.identity,
            claims=lambda: self._claims,
            clock=clock.now,
            say=acts.say,
            carrier=self.carrier,
            trust_changed=self._trust_changed,
        )
        acts.act, acts.told, acts.trust = self.acting.act, self.acting.told, self.acting.trust
        acts.untold, acts.answer = self.acting.untold, self.acting.answer
        return acts

    def _trust_changed(self, version: int) -> None:
        """Say so at the next stream."""
        self._claims = self.client.claims = replace(self._claims, bundle_version=version)

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _keep_notified(self) -> None:
        loop = asyncio.get_running_loop()
        every_s = self._notify.watchdog_s or STATUS_S
        while True:
            due = loop.time() + every_s
            await asyncio.sleep(every_s)
            self._lag_s = loop.time() - due
            link = "attached" if self.client.standing.connected else "not attached"
            waiting = self.spool.reports
            self._notify.say(
                "WATCHDOG=1", f"STATUS={len(self.schedule)} targets, {link}, {waiting} reports wait"
            )

    async def _keep_small(self) -> None:
        await asyncio.sleep(SETTLED_S)
        while True:
            settle()
            await asyncio.sleep(SETTLE_AGAIN_S)

    async def _last_words(self) -> None:
        if not self.client.standing.connected:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self.client.standing.connected and (  # noqa: ASYNC110 - nobody signals an ack
                    self.spool.reports or await self.acting.untold()
                ):
                    await asyncio.sleep(0.02)


def _final(refused: Refused) -> VedetteError:
    """Return the server's last word as an error with a way out."""
    if refused.reason == "duplicate_identity":
        return Conflict(
            refused.message,
            hint="this machine is a copy: give it a --data-dir of its own and enrol it",
        )
    if refused.reason == "protocol_version":
        return Invalid(refused.message, hint="install the agent's version that fits the server")
    return Denied(refused.message, hint="enrol the agent anew, with another --data-dir")
