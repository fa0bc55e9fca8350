"""A server and agents that obey signed actions, as real programs, and a thief who has the server's database."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from kills import kill_postmaster, owner_dsn
from programs import Program, ask, free_port, until
from tests.agent.operation_world import install

from actions_world import signed_bundle
from signing_world import gpg_sign, ssh_public
from vedette.actions.document import signed_text
from vedette.actions.document_read import read_action
from vedette.cli.client import Client
from vedette.cli.where import Asking
from vedette.trust.bundle import Bundle, roots_digest
from vedette.trust.signed import write_signed


@dataclass
class Acting:
    """The programs. limits: what the hosts' owners let a module take."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    limits: str = "limits: {timeout: 3s, memory: 512MiB, output: 1MiB}\n"
    server: Program | None = None
    agents: dict[str, Program] = field(default_factory=dict)
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(3)])

    def __post_init__(self) -> None:
        # Modules of others, which do what their parameters say.
        self.environment = {**self.environment, "PYTHONPATH": str(install(self.folder))}
        (self.folder / "vedette.yaml").write_text("{}\n")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start_server(self) -> None:
        http, grpc, clients = (f"127.0.0.1:{port}" for port in self.ports)
        self.server = Program(
            "up", "--no-agent", "-c", self.folder / "vedette.yaml", "--data-dir", self.data,
            "--http", http, "--grpc", grpc, "--grpc-clients", clients,
            cwd=self.folder, **self.environment,
        )  # fmt: skip

    def await_server(self) -> None:
        until(lambda: (self.data / "endpoints.json").exists(), within_s=60, what="the server is up",
            seen=lambda: self.server and self.server.errors[-5:],
        )  # fmt: skip

    def enrol(self, *names: str) -> None:
        """Start new agents of these names and wait until the server knows them."""
        ends = json.loads((self.data / "endpoints.json").read_text())
        for name in names:
            with Client(self.asking) as client:
                made = client.post("/api/v1/agents/join-tokens", {"agent_name": name, "tags": {}})
            place = self.folder / name
            place.mkdir()
            (place / "agent.yaml").write_text(self.limits)
            self.start_agent(
                name, "--server", ends["grpc_clients"], "--join", made["secret"],
                "--ca-fingerprint", ends["ca_fingerprint"],
            )  # fmt: skip
        until(
            lambda: self.online() >= set(names),
            within_s=40,
            what="the agents are here",
            seen=lambda: [each.errors[-3:] for each in self.agents.values()],
        )

    def start_agent(self, name: str, *join: str) -> None:
        self.agents[name] = Program(
            "agent", *join, "--trust-root", roots_digest([ssh_public("root")]), "--trust-threshold", "1",
            "--data-dir", self.folder / name,
            cwd=self.folder, **self.environment,
        )  # fmt: skip

    def push(self, made: Bundle) -> None:
        """Sign the bundle by the root that hosts have pinned, and hand it to the server."""
        file = self.folder / f"trust-{made.version}.json"
        file.write_bytes(write_signed(signed_bundle(made)))
        self.says("trust", "push", "--bundle", file)

    def online(self) -> set[str]:
        return {one["name"] for one in self.get("/api/v1/agents") if one["connected"]}

    @property
    def asking(self) -> Asking:
        return Asking(data_dir=self.data)

    def get(self, path: str) -> Any:
        with Client(self.asking) as client:
            return client.get(path)

    def says(self, *words: object) -> str:
        """Run a client command, which must go well."""
        said = ask(*words, "--data-dir", self.data, cwd=self.folder, **self.environment)
        assert said.returncode == 0, said.stderr
        return said.stdout

    def offline(self, *words: object) -> str:
        """Run a command that asks no server."""
        said = ask(*words, cwd=self.folder, **self.environment)
        assert said.returncode == 0, said.stderr
        return said.stdout + said.stderr

    def send(self, document: bytes, **launch: object) -> int:
        with Client(self.asking) as client:
            body = {"document": document.decode(), "launch": launch}
            return int(client.post("/api/v1/actions", body)["id"])

    def commands(self, action_id: int) -> dict[str, dict[str, Any]]:
        return {one["agent"]: one for one in self.get(f"/api/v1/actions/{action_id}/commands")}

    def answered(self, action_id: int, *, within_s: float = 30) -> dict[str, dict[str, Any]]:
        """Wait until all who were asked have answered, and return their commands."""
        until(
            lambda: (found := self.commands(action_id)) and all(one["outcome"] for one in found.values()),
            within_s=within_s,
            what=f"action {action_id} is answered",
            seen=lambda: self.commands(action_id),
        )  # fmt: skip
        return self.commands(action_id)

    def results(self, action_id: int) -> list[dict[str, Any]]:
        return list(self.get(f"/api/v1/actions/{action_id}/results"))

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(owner_dsn(self.data)) as conn:
            found = conn.execute(sql.encode(), values)
            return found.fetchall() if found.description else []

    def kill(self, what: str) -> None:
        """kill -9 an agent, the server or PostgreSQL, and start it again."""
        if what == "postgres":
            kill_postmaster(self.data)
        elif what == "server":
            assert self.server
            self.server.kill()
            self.start_server()
        else:
            self.agents[what].kill()
            self.start_agent(what)

    def end(self) -> None:
        for program in (*self.agents.values(), *filter(None, [self.server])):
            if program.process.poll() is None:
                with suppress(Exception):
                    program.interrupt(within_s=30)
                program.kill()


@dataclass
class Thief:
    """Whoever holds the server and its database, and nobody's key."""

    world: Acting

    def carry(self, document: bytes, signatures: Sequence[str], to: str) -> int:
        """Have the server carry this to the agent as if it had been launched; return the action's number."""
        at = datetime.now(UTC)
        hour = timedelta(hours=1)
        with psycopg.connect(owner_dsn(self.world.data)) as conn:
            (action_id,) = conn.execute(
                "INSERT INTO actions.action (state, name, target, operations, modules, syntax_version, document, digest,"
                " valid_from, expire_after, proposed_by, proposed_at, started_at, updated_at, late)"
                " VALUES ('inflight', 'stolen', 'false', '[]', '{file}', 2, %s, %s, %s, %s, 'thief', %s, %s, %s, false)"
                " RETURNING id",
                (document.decode(), os.urandom(32), at - hour, at + hour, at, at, at),
            ).fetchall()[0]
            conn.execute(
                "INSERT INTO actions.signature (action_id, investigator_id, signature, number)"
                " SELECT %s, i.id, s.signature, s.number"
                " FROM unnest(%s::text[]) WITH ORDINALITY AS s (signature, number)"
                " JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM actions.investigator) AS i"
                " USING (number)",
                (action_id, list(signatures)),
            )
            conn.execute(
                "INSERT INTO actions.command (action_id, agent_id, due_at, created_at)"
                " SELECT %s, id, %s, %s FROM fleet.agent WHERE name = %s",
                (action_id, at, at, to),
            )
            conn.execute("SELECT pg_notify('vedette_due', '')")
        return int(action_id)

    def refused(self, document: bytes, signatures: Sequence[str], to: str = "one") -> str:
        """Carry it, and return why the agent did not obey, as everybody can read it."""
        action_id = self.carry(document, signatures, to)
        told = self.world.answered(action_id)[to]
        assert told["outcome"] == "refused", told
        assert told["message"], "it says why"
        return str(told["reason"])


def signed(document: dict[str, Any], *keys: str) -> tuple[bytes, list[str]]:
    """Return the bytes of an action and the signatures of gpg over what MIG would sign of it."""
    raw = json.dumps(document).encode()
    text = signed_text(read_action(raw))
    return raw, [gpg_sign(text, each) for each in keys]


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
