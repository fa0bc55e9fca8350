"""A person's command line before a server over HTTP, and a fleet whose agents answer as a test wants."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.rest_world import rest_over
from tests.web.chromium import served

from actions_world import agents, answer_body, bundle, signed_bundle
from signing_world import ssh_key
from vedette.actions.push_trust import push_trust
from vedette.actions.settle import settle
from vedette.app.tree import run
from vedette.link.errands_read import read_answer
from vedette.trust.result_signature import sign_result

PASSWD = ("file", "-path", "/etc", "-name", "^passwd$")
SCOPES = ("actions:read", "actions:write", "read")


def now():
    return datetime.now(UTC)


def _without(path):
    Path(path).unlink(missing_ok=True)


class Desk:
    """A person's command line, and the fleet beyond the server."""

    def __init__(self, rest, capsys):
        self.rest, self.capsys = rest, capsys
        self.keys = {}

    async def says(self, *words):
        """Run a command line; return its exit code, stdout and stderr."""
        code = await asyncio.to_thread(run, list(words))
        said = self.capsys.readouterr()
        return code, said.out, said.err

    async def well(self, *words):
        code, out, err = await self.says(*words)
        assert code == 0, err
        return out

    async def signed(self, *people, target="true"):
        """Write a.json, signed by these people."""
        _without("a.json")
        await self.well("act", "write", *PASSWD, "--target", target, "--out", "a.json")
        for name in people:
            await self.well("act", "sign", "a.json", "--key", str(ssh_key(name)))

    async def agents(self, count):
        async with self.rest.pool.connection() as conn:
            for name, (agent_id, key) in (await agents(conn, count, now=now())).items():
                pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                self.keys[agent_id] = name, key, pem

    async def answer(self, action_id, *statuses, digest=None, forge=None, **said):
        """The agents answer in the order of their names; forge: changes what is stored."""
        async with self.rest.pool.connection() as conn:
            await conn.execute(
                "UPDATE actions.command SET state = 'inflight', epoch = 1, sent_at = now()"
                " WHERE state = 'ready' AND action_id = %s",
                [action_id],
            )
            found = await conn.execute(
                "SELECT c.id, c.agent_id, a.digest FROM actions.command AS c"
                " JOIN actions.action AS a ON a.id = c.action_id"
                " WHERE c.state = 'inflight' AND c.action_id = %s ORDER BY c.id",
                [action_id],
            )
            rows = await found.fetchall()
            for (command, agent_id, signed), status in zip(rows, statuses, strict=False):
                _, key, pem = self.keys[agent_id]
                body = answer_body(
                    command, status, **{"digest": digest or signed.hex(), **said}
                )  # fmt: skip
                public = key.public_key().public_bytes(
                    Encoding.DER, PublicFormat.SubjectPublicKeyInfo
                )
                answer = read_answer(
                    body, sign_result(pem, body), agent_id=agent_id, public_key=public
                )
                await settle(conn, [answer], now=now())
            if forge:
                await conn.execute(forge)


@asynccontextmanager
async def desk_before(dsn, folder, monkeypatch, capsys):
    """A folder of one's own, a server that trusts Ada and Bob with one each of two, no agents."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    async with rest_over(dsn) as rest, served(rest.app) as address:
        monkeypatch.setenv("VEDETTE_URL", address)
        monkeypatch.setenv("VEDETTE_TOKEN", await rest.token(SCOPES))
        await trusting(rest)
        yield Desk(rest, capsys)


async def trusting(rest, version=1, minimum=2, **changes):
    made = bundle(
        version,
        minimum=minimum,
        **changes,
        made_at=now() - timedelta(hours=1),
        expires_at=now() + timedelta(days=1),
    )
    async with rest.pool.connection() as conn:
        await push_trust(conn, signed_bundle(made), by="root", now=now())
