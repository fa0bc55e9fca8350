"""What the fleet benches stand on: a database with a fleet in it, the real server, herds of agents."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from vedette import clock
from vedette.access.secrets import Secrets, load_or_make_secrets
from vedette.db.create import OWNER
from vedette.db.embedded import embedded
from vedette.db.migrate import upgrade
from vedette.db.pool import connect
from vedette.trust.keys import key_fingerprint, make_csr, make_key
from vedette.trust.seal import Seal

HERE = Path(__file__).parent
SUMMED = (
    *("agents", "connected", "connects", "made", "acked", "cpu_s"),
    *("acts", "told", "verified", "verify_cpu_s"),
)
HERD_SIZE = 2_500
"""Agents a process: about what one core of load can keep."""


@dataclass
class Stage:
    """A migrated database with `agents` enrolled, each with one target of its own."""

    folder: Path
    dsn: str
    owner: str
    secrets: Secrets
    agents: list[dict]

    @property
    def seal_file(self) -> Path:
        return self.folder / "seal.key"

    async def value(self, sql: str) -> object:
        async with await connect(self.owner) as conn:
            return (await (await conn.execute(sql)).fetchone())[0]


@asynccontextmanager
async def stage(folder: Path, agents: int) -> AsyncIterator[Stage]:
    """Make a database in that folder and enrol the agents, without the enrolment door."""
    Seal.make_file(folder / "seal.key")
    async with embedded(folder) as running:
        owner = running.dsn(OWNER)
        await upgrade(owner)
        async with await connect(owner) as conn, conn.transaction():
            secrets = await load_or_make_secrets(conn, Seal.from_file(folder / "seal.key"))
            specs = [_certified(secrets, number) for number in range(agents)]
            async with conn.cursor() as cursor:
                await cursor.execute("CREATE TEMPORARY TABLE told (number int, key bytea)")
                async with cursor.copy("COPY told FROM STDIN") as copy:
                    for number, (_, key) in enumerate(specs):
                        await copy.write_row((number, key))
            await conn.execute(
                """
                INSERT INTO fleet.agent (name, key_fingerprint)
                SELECT 'bench-' || number, key FROM told"""
            )
            await conn.execute("INSERT INTO fleet.stream (agent_id) SELECT id FROM fleet.agent")
            await conn.execute(
                """
                INSERT INTO fleet.target (
                    name, slug, connector, every_ms, timeout_ms, agents, origin)
                SELECT 'of-' || name, 'of-' || name, 'bench', 3600000, 5000, ARRAY[name], 'bench'
                FROM fleet.agent"""
            )
            await conn.execute(
                """
                INSERT INTO fleet.assignment (target_id, agent_id)
                SELECT target.id, agent.id
                FROM fleet.target INNER JOIN fleet.agent ON target.agents = ARRAY[agent.name]"""
            )
            rows = await conn.execute(
                "SELECT substr(name, 10)::int, id FROM fleet.target WHERE origin = 'bench'"
            )
            targets = dict(await rows.fetchall())
            await conn.execute("SELECT health.make_partitions(current_date - 1, current_date + 2)")
        async with await connect(owner) as conn:
            await conn.execute("ANALYZE")
        listed = [spec | {"target": targets[number]} for number, (spec, _) in enumerate(specs)]
        yield Stage(folder, running.dsn(), owner, secrets, listed)


def _certified(secrets: Secrets, number: int) -> tuple[dict, bytes]:
    key = make_key()
    csr = make_csr(key, f"bench-{number}")
    issued = secrets.authority.issue_agent(csr, f"bench-{number}", now=clock.now())
    return {"key": key.decode(), "cert": issued.pem.decode()}, key_fingerprint(csr)


class Server:
    """`vedette serve` in a process of its own."""

    def __init__(self, stage: Stage, *, port: int) -> None:
        self.directory = stage.folder / "server"
        self.directory.mkdir(exist_ok=True)
        self.address = f"127.0.0.1:{port}"
        self.log = (stage.folder / "server.log").open("ab")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VEDETTE_")}
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "vedette.app.main", "serve",
                "--database-url", stage.dsn,
                "--seal-key-file", str(stage.seal_file),
                "--data-dir", str(self.directory),
                "--http", "127.0.0.1:0",
                "--grpc", self.address,
            ],
            env=environment, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.process = psutil.Process(self._process.pid)

    async def ready(self) -> None:
        """Wait until it has written where it listens."""
        endpoints = self.directory / "endpoints.json"
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended: {Path(self.log.name).read_text()[-2000:]}")
            try:
                if json.loads(endpoints.read_text())["pid"] == self._process.pid:
                    return
            except (FileNotFoundError, ValueError):
                pass
            await asyncio.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone."""
        self._process.send_signal(how)
        self._process.wait(timeout=60)
        self.log.close()


@contextmanager
def bare_server(stage: Stage) -> Iterator[tuple[str, psutil.Process]]:
    """The peer: its address and process."""
    chain, key = stage.secrets.authority.issue_server()
    for name, content in (("chain", chain), ("key", key), ("ca", stage.secrets.authority.pem)):
        (stage.folder / f"bare.{name}").write_bytes(content)
    process = subprocess.Popen(
        [
            sys.executable, str(HERE / "bare_server.py"),
            *(str(stage.folder / f"bare.{name}") for name in ("chain", "key", "ca")),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        port = json.loads(process.stdout.readline())["port"]
        yield f"127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


class Herds:
    """Processes of `herd.py` that together are the fleet."""

    def __init__(self, stage: Stage, address: str, present: int | None = None) -> None:
        self._processes = []
        coming = stage.agents[:present]
        for start in range(0, len(coming), HERD_SIZE):
            spec = stage.folder / f"herd-{start}.json"
            spec.write_text(
                json.dumps(
                    {
                        "ca": stage.secrets.authority.pem.decode(),
                        "address": address,
                        "agents": coming[start : start + HERD_SIZE],
                    }
                )
            )
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, str(HERE / "herd.py"), str(spec)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    # A server that goes is what is measured here, not worth a line of gRPC's.
                    env=os.environ | {"GRPC_VERBOSITY": "NONE"},
                )
            )

    async def say(self, command: str) -> dict:
        """Tell every herd; return their figures added up."""
        for process in self._processes:
            process.stdin.write(command + "\n")
            process.stdin.flush()
        lines = await asyncio.gather(
            *(asyncio.to_thread(process.stdout.readline) for process in self._processes)
        )
        answers = [json.loads(line) for line in lines]
        total = {name: sum(answer[name] for answer in answers) for name in SUMMED}
        total["last_connect_at"] = max(answer["last_connect_at"] for answer in answers)
        total["faults"] = {}
        for answer in answers:
            for word, times in answer["faults"].items():
                total["faults"][word] = total["faults"].get(word, 0) + times
        return total

    async def connect(self, *, pace: int = 64) -> float:
        """Connect everybody; return how many seconds it took."""
        began = time.monotonic()
        await self.say(f"connect {max(1, pace // len(self._processes))}")
        return time.monotonic() - began

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def herds(stage: Stage, address: str, present: int | None = None) -> Iterator[Herds]:
    """The fleet, or the first `present` agents of it."""
    it = Herds(stage, address, present)
    try:
        yield it
    finally:
        it.end()


def pss_bytes(process: psutil.Process) -> int:
    """Memory that is the process's own, with its share of what it shares."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel says nothing of Pss")


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]
