"""A server, collectors before it and agents behind them: real programs' parts over mutual TLS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents_world import Door, now

from factories import make_agent, make_assignment, make_target
from vedette.fleet.attach import RevokedAgent
from vedette.health import expect
from vedette.health.model import Measurement, Report, State
from vedette.link.claims import Claims
from vedette.link.client import Client, Refused
from vedette.link.dictionary import Dictionary
from vedette.link.encode import BATCH, Encoder, Looked
from vedette.link.identity import Credentials
from vedette.link.relay import Relay, RelayOptions
from vedette.link.relay_door import listening
from vedette.link.spool import Caps, Spool
from vedette.trust.keys import key_fingerprint, make_csr, make_key

CLAIMS = Claims(hostname="edge1", os="linux", machine_id="m", version="1", pid=1, started_at=now())


class Known:
    """An identity as `agent/identity.py` keeps it in files."""

    def __init__(self, credentials: Credentials, name: str) -> None:
        self.held = credentials
        self.name = name
        self.welcomed = ""
        self.due = datetime(2100, 1, 1, tzinfo=UTC)
        self.renewed = []

    def credentials(self):
        return self.held

    def welcomed_run_id(self):
        return self.welcomed

    def keep_welcomed(self, run_id):
        self.welcomed = run_id

    def renew_at(self):
        return self.due

    def request(self):
        return make_csr(self.held.key_pem, self.name)

    def keep_renewed(self, certificate_pem, authority_pem):
        self.renewed.append((certificate_pem, authority_pem))
        self.due = datetime(2100, 1, 1, tzinfo=UTC)


async def known(
    door: Door, name: str, address: str, *, kind: str = "agent", via: str | None = None
):
    """Enrol an agent or a collector in the database; return its identity and id."""
    key = make_key()
    csr = make_csr(key, name)
    authority = door.secrets.authority
    issue = authority.issue_collector if kind == "collector" else authority.issue_agent
    issued = issue(csr, name, now=now())
    async with door.pool.connection() as conn:
        agent_id = await make_agent(conn, name)
        await conn.execute(
            """UPDATE fleet.agent SET key_fingerprint = %s, kind = %s,
                via = (SELECT id FROM fleet.agent WHERE name = %s) WHERE id = %s""",
            (key_fingerprint(csr), kind, via, agent_id),
        )
    credentials = Credentials(
        address=address,
        key_pem=key,
        certificate_pem=issued.pem,
        authority_pem=authority.pem,
    )
    return Known(credentials, name), agent_id


@dataclass
class Collector:
    """A collector that can be stopped and started on the same directory and port."""

    who: Known
    agent_id: int
    directory: Path
    caps: Caps
    address: str = "127.0.0.1:0"
    enrolment: str = ""
    relay: Relay | None = None
    stack: AsyncExitStack | None = None

    async def start(self) -> None:
        self.stack = AsyncExitStack()
        options = RelayOptions(directory=self.directory, caps=self.caps)
        self.relay = await self.stack.enter_async_context(
            Relay(self.who, CLAIMS, options, clock=now)
        )
        self.address, self.enrolment = await self.stack.enter_async_context(
            listening(
                self.relay,
                self.who.credentials,
                agents=self.address,
                enrol="127.0.0.1:0",
                reach=self.address,
            )
        )

    async def stop(self) -> None:
        if self.stack is not None:
            await self.stack.aclose()
        self.stack = None


@asynccontextmanager
async def collector(
    door: Door, directory: Path, name="edge-1", *, address="", via=None, caps=None
) -> AsyncIterator[Collector]:
    """A collector of that server, or of the collector at `address`."""
    who, agent_id = await known(
        door, name, address or f"127.0.0.1:{door.port}", kind="collector", via=via
    )
    made = Collector(who, agent_id, directory / name, caps or Caps())
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


class Behind:
    """An agent behind a collector: its spool, its encoder, its client."""

    def __init__(self, door: Door, who: Known, agent_id: int, targets: list[int], directory: Path):
        self.door, self.who, self.agent_id, self.targets = door, who, agent_id, targets
        self.directory = directory
        self.spool = Spool(directory / "spool")
        self.dictionary = Dictionary(directory / "dictionary")
        self.encoder = Encoder(self.dictionary)
        self.configured = []
        self.task = None
        self.new_run()

    def new_run(self) -> None:
        self.client = Client(
            identity=self.who,
            spool=self.spool,
            dictionary=self.dictionary,
            claims=CLAIMS,
            clock=now,
            configure=self.configured.append,
        )

    def start(self) -> None:
        self.task = asyncio.create_task(self.client.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError, Refused, RevokedAgent):
                await self.task
            self.task = None

    def look(self, value=1.0, rows=1, name="n") -> int:
        for _ in range(rows):
            self.encoder.add(
                Looked(
                    target_id=self.targets[0],
                    connector="tcp",
                    at=now(),
                    report=Report(state=State.UP, measurements=(Measurement(name, value),)),
                    units={},
                )
            )
        taken = self.encoder.take()
        return self.spool.append(
            BATCH, taken.payload, reports=rows, from_us=taken.from_us, to_us=taken.to_us
        )

    async def values(self) -> list[float]:
        rows = await self.door.rows(
            'SELECT "values"[1] FROM health.report WHERE agent_id = %s ORDER BY at, "values"[1]',
            self.agent_id,
        )
        return [value for (value,) in rows]

    async def close(self) -> None:
        await self.stop()
        self.spool.close()
        self.dictionary.close()


@asynccontextmanager
async def agent_behind(
    door: Door, directory: Path, at: Collector, name="edge", *, via="edge-1", target="orders-db"
) -> AsyncIterator[Behind]:
    """An agent bound to a collector, running, with one target."""
    who, agent_id = await known(door, name, at.address, via=via)
    async with door.pool.connection() as conn:
        target_id = await make_target(conn, target)
        await make_assignment(conn, target_id, agent_id)
        await expect.run_once(conn, now=now())
    made = Behind(door, who, agent_id, [target_id], directory / f"agent-{name}")
    made.start()
    try:
        yield made
    finally:
        await made.close()


async def until(claim, *, within_s: float = 60, what: str = ""):
    """Wait for something that tells nobody when it happens; `claim` may be awaitable."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                said = claim()
                if asyncio.iscoroutine(said):
                    said = await said
                if said:
                    return said
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what or claim}") from None
