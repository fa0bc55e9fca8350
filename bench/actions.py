"""A signed action to a whole fleet: how soon the first answer is there, how long until all are, at what cost.

Real streams over mutual TLS to `vedette serve`; the agents answer at once, without running a module, and one
of a hundred verifies and weighs in full, as in MIG's measurement (8.6 s for 1,000 and 39.8 s for 10,000 on two
cores, with its scheduler and RabbitMQ; 3.4 s for the first answer). An answer counts once it is stored. Then
nine of ten agents are away: what does waiting for them cost the server? Before all that, one real agent.

    python bench/actions.py [--agents 10000] [--only real|all|away]
"""

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil

# Found either way: `python -m bench.actions` and `python bench/actions.py`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stage import Herds, Server, Stage, cpu_s, free_port, herds, pss_bytes, stage

from vedette import clock
from vedette.actions.document import Action, Operation, signed_text
from vedette.actions.document_write import sealed, write_action
from vedette.actions.launch import propose
from vedette.actions.push_trust import push_trust
from vedette.agent.identity import IdentityFiles
from vedette.db.pool import connect
from vedette.db.queries import Connection
from vedette.trust.bundle import (
    AgentGroup,
    Bundle,
    Investigator,
    Minimum,
    Roots,
    Weight,
    roots_digest,
    write_bundle,
)
from vedette.trust.bundle import signed_text as bundle_text
from vedette.trust.signed import Signed
from vedette.trust.signing import sign_with_ssh
from vedette.trust.verify import ACTION, TRUST

MIG_S = {1: 3.4, 1_000: 8.6, 10_000: 39.8}
ASKED_S = {1: 0.5, 1_000: 3.0, 10_000: 15.0}
AWAY_S = 30.0
LONGEST_S = 120.0
REAL_IDLE_S = 10.0


class People:
    """A root and two investigators with SSH keys in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("root", "ada", "bob"):
            path = str(folder / name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    def public(self, name: str) -> str:
        return (self._folder / f"{name}.pub").read_text().strip()

    def sign(self, text: bytes, name: str, namespace: str) -> str:
        return sign_with_ssh(text, self._folder / name, namespace=namespace)

    def bundle(self) -> Signed:
        now = clock.now()
        made = Bundle(
            fleet="bench",
            version=1,
            made_at=now - timedelta(minutes=1),
            expires_at=now + timedelta(days=1),
            roots=Roots(threshold=1, keys=(self.public("root"),)),
            investigators=tuple(
                Investigator(name=name, keys=(self.public(name),)) for name in ("ada", "bob")
            ),
            groups=(AgentGroup(name="all", agents=("*",)),),
            minimums=(Minimum(group="all", module="*", weight=2),),
            weights=tuple(
                Weight(investigator=name, group="all", module="*", weight=1)
                for name in ("ada", "bob")
            ),
        )
        document = write_bundle(made)
        return Signed(document, (self.sign(bundle_text(document), "root", TRUST),))

    def action(self, target: str) -> bytes:
        now = clock.now()
        draft = Action(
            syntax_version=3,
            name=f"bench {secrets.token_hex(4)}",
            target=target,
            operations=(
                Operation("file", {"searches": {"s1": {"paths": ["/etc"], "names": ["^x$"]}}}),
            ),
            valid_from=now - timedelta(minutes=1),
            expire_after=now + timedelta(hours=1),
        )
        made = sealed(draft, nonce=secrets.token_hex(16))
        text = signed_text(made)
        signatures = tuple(self.sign(text, name, ACTION) for name in ("ada", "bob"))
        return write_action(replace(made, signatures=signatures))


async def bench(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        async with stage(Path(folder), options.agents) as it:
            people = People(Path(folder))
            async with await connect(it.dsn) as conn:
                await push_trust(conn, people.bundle(), by="bench", now=clock.now())
            for part, measure in PARTS.items():
                if options.only in (None, part):
                    await measure(it, people, options.agents)


async def with_all(it: Stage, people: People, agents: int) -> None:
    server = Server(it, port=free_port())
    try:
        await server.ready()
        await asyncio.sleep(2)
        bare = server.process.memory_info().rss
        with herds(it, server.address) as fleet:
            took_s = await fleet.connect()
            print(
                f"{agents:,} agents, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f};"
                f" connected in {took_s:.1f} s",
                flush=True,
            )
            await asyncio.sleep(5)
            each = (server.process.memory_info().rss - bare) / agents / 1000
            print(f"  server memory        {each:.0f} kB an idle agent (aim 100)")
            for wanted in sorted({1, min(1_000, agents), agents}):
                await launched(it, people, server, fleet, wanted)
    finally:
        server.end()


async def launched(it: Stage, people: People, server: Server, fleet: Herds, wanted: int) -> None:
    names = ",".join(f"'bench-{number}'" for number in range(wanted))
    document = people.action("true" if wanted == len(it.agents) else f"name IN ({names})")
    before, database = await fleet.say("stats"), _database(it)
    began_cpu_s, began_database_s = cpu_s(server.process), _all_cpu_s(database)
    async with await connect(it.dsn) as conn:
        began = time.monotonic()
        found = await propose(conn, document, by="bench", now=clock.now())
        proposed_s = time.monotonic() - began
        first_s = 0.0
        stored = 0
        while stored < wanted and time.monotonic() - began < LONGEST_S:
            await asyncio.sleep(0.005 if wanted == 1 else 0.05)
            stored = await _stored(conn, found.id)
            first_s = first_s or (time.monotonic() - began if stored else 0.0)
        took_s = time.monotonic() - began
    after = await fleet.say("stats")
    agents_s = after["cpu_s"] - before["cpu_s"]
    verified = after["verified"] - before["verified"]
    verify_ms = (after["verify_cpu_s"] - before["verify_cpu_s"]) / max(verified, 1) * 1e3
    print(
        f"  {wanted:>6,} answers       {took_s:.2f} s (asked {ASKED_S.get(wanted, 0):g}; MIG {MIG_S.get(wanted, 0):g}),"
        f" launch {proposed_s * 1e3:.0f} ms, first answer {first_s * 1e3:.0f} ms\n"
        f"                       CPU: server {cpu_s(server.process) - began_cpu_s:.2f} s,"
        f" PostgreSQL {_all_cpu_s(database) - began_database_s:.2f} s, agents {agents_s:.2f} s;"
        f" {verified} verified, {verify_ms:.2f} ms each (asked 3)",
        flush=True,
    )
    assert stored == wanted, f"{stored} of {wanted} answers came"


async def with_few(it: Stage, people: People, agents: int) -> None:
    server = Server(it, port=free_port())
    try:
        await server.ready()
        with herds(it, server.address, agents // 10) as fleet:
            await fleet.connect()
            await asyncio.sleep(5)
            idle = await _share(server)
            async with await connect(it.dsn) as conn:
                found = await propose(conn, people.action("true"), by="bench", now=clock.now())
                while await _stored(conn, found.id) < agents // 10:
                    await asyncio.sleep(0.1)
            waiting = await _share(server)
        print(
            f"  nine of ten away     server {waiting:.1%} of a core while {agents - agents // 10:,} commands wait,"
            f" {idle:.1%} before: {waiting - idle:+.1%} (asked 2 %; MIG 35 %)",
            flush=True,
        )
    finally:
        server.end()


async def with_real(it: Stage, people: People, _: int) -> None:
    """One `vedette agent` with its file module, and nothing played: the first action after its start, and more."""
    server = Server(it, port=free_port())
    try:
        await server.ready()
        with real_agent(it, people, server.address) as agent:
            while not (it.folder / "real" / "trust-held.json").exists():
                await asyncio.sleep(0.1)
            await asyncio.sleep(REAL_IDLE_S)
            before, began_cpu_s = pss_bytes(agent), _with_children_s(agent)
            took = [await _asked_of_it(it, people) for _ in range(10)]
            each_s = (_with_children_s(agent) - began_cpu_s) / len(took)
        print(
            f"  a real agent         first answer {took[0] * 1e3:.0f} ms (asked 500; MIG 3,400),"
            f" then {statistics.median(took[1:]) * 1e3:.0f} ms, at most {max(took[1:]) * 1e3:.0f} ms;"
            f" {each_s * 1e3:.0f} ms of CPU each; {before / 1e6:.0f} MB before, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    finally:
        server.end()


@contextmanager
def real_agent(it: Stage, people: People, address: str) -> Iterator[psutil.Process]:
    """The first agent of the fleet as a process of its own, that pinned the people's root."""
    its, directory = it.agents[0], it.folder / "real"
    directory.mkdir()
    IdentityFiles(directory).keep(
        name="bench-0",
        address=address,
        key_pem=its["key"].encode(),
        certificate_pem=its["cert"].encode(),
        authority_pem=it.secrets.authority.pem,
    )
    process = subprocess.Popen(
        [
            sys.executable, "-m", "vedette.app.main", "agent", "--data-dir", str(directory),
            "--trust-root", roots_digest([people.public("root")]), "--trust-threshold", "1",
        ],
        stderr=(it.folder / "real.log").open("wb"),
    )  # fmt: skip
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _asked_of_it(it: Stage, people: People) -> float:
    """Return after how many seconds the agent's answer was stored."""
    document = people.action("name = 'bench-0'")
    async with await connect(it.dsn) as conn:
        began = time.monotonic()
        found = await propose(conn, document, by="bench", now=clock.now())
        while not await _stored(conn, found.id):
            await asyncio.sleep(0.005)
        took_s = time.monotonic() - began
        outcomes = await conn.execute(
            "SELECT outcome, message FROM actions.command WHERE action_id = %s", [found.id]
        )
        assert (said := await outcomes.fetchall()) == [("success", "")], said
    return took_s


async def _share(server: Server) -> float:
    began, cpu = time.monotonic(), cpu_s(server.process)
    await asyncio.sleep(AWAY_S)
    return (cpu_s(server.process) - cpu) / (time.monotonic() - began)


async def _stored(conn: Connection, action_id: int) -> int:
    found = await conn.execute(
        "SELECT count(*) FROM actions.command WHERE action_id = %s AND state IN ('returned', 'done')",
        [action_id],
    )
    return (await found.fetchone())[0]


def _database(it: Stage) -> psutil.Process:
    pid = int((it.folder / "pg" / "postmaster.pid").read_text().splitlines()[0])
    return psutil.Process(pid)


def _with_children_s(process: psutil.Process) -> float:
    """CPU of a process and of the children it has waited for."""
    return sum(process.cpu_times()[:4])


def _all_cpu_s(database: psutil.Process) -> float:
    total = 0.0
    for process in (database, *database.children(recursive=True)):
        try:
            total += cpu_s(process)
        except psutil.Error:
            continue
    return total


PARTS = {"real": with_real, "all": with_all, "away": with_few}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--only", choices=[*PARTS])
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
