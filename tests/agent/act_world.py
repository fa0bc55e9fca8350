"""A host that obeys: its pinned roots, people with real keys, actions they sign, and what it answers."""

import asyncio
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.signing_world import ssh_public, ssh_sign

from vedette.agent.act import Acting
from vedette.agent.facts import claims
from vedette.agent.host import read_host_rules
from vedette.agent.identity import IdentityFiles
from vedette.agent.journal import Journal
from vedette.agent.trusted import Roots, Trusted
from vedette.link.acts import Act
from vedette.trust.action_text import v3_document, v3_text
from vedette.trust.authority import Authority
from vedette.trust.bundle import (
    AgentGroup,
    Bundle,
    Investigator,
    Minimum,
    Weight,
    roots_digest,
    signed_text,
    write_bundle,
)
from vedette.trust.bundle import Roots as BundleRoots
from vedette.trust.keys import key_fingerprint, make_csr, make_key
from vedette.trust.result_signature import hold_result
from vedette.trust.signed import Signed, write_signed

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ROOTS = ("root one", "root two")
PEOPLE = ("ada", "bob", "eve")
_AUTHORITY = Authority.make()


def pin():
    return Roots(roots_digest([ssh_public(name) for name in ROOTS]), 2)


def bundle(version=1, *, at=NOW, **changes):
    fields = {
        "fleet": "tests",
        "version": version,
        "made_at": at - timedelta(days=1),
        "expires_at": at + timedelta(days=30),
        "roots": BundleRoots(threshold=2, keys=tuple(ssh_public(name) for name in ROOTS)),
        "investigators": tuple(
            Investigator(name=name, keys=(ssh_public(name),)) for name in PEOPLE[:2]
        ),
        "groups": (AgentGroup(name="all", agents=("*",), labels={"role": "web"}),),
        "minimums": (Minimum(group="all", module="*", weight=2),),
        "weights": tuple(
            Weight(investigator=name, group="all", module="*", weight=1) for name in PEOPLE[:2]
        ),
    }
    return Bundle(**(fields | changes))


def signed_bundle(made, *, roots=ROOTS):
    document = write_bundle(made)
    text = signed_text(document)
    signatures = tuple(ssh_sign(text, name, namespace="vedette-trust") for name in roots)
    return write_signed(Signed(document, signatures))


def searching(path, pattern="^passwd$"):
    """An operation that looks for a name."""
    search = {"paths": [str(path)], "names": [pattern]}
    return {"module": "file", "parameters": {"searches": {"s1": search}}}


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def order(*operations, by=("ada", "bob"), number=7, at=NOW, lasts=timedelta(hours=1), **fields):
    """An action of version 3 as a server hands it down, signed by these people."""
    document = v3_document(
        {
            "syntaxversion": 3,
            "name": "look",
            "target": "os:linux",
            "operations": list(operations) or [searching("/nowhere")],
            "validfrom": stamp(at),
            "expireafter": stamp(at + lasts),
            "nonce": secrets.token_hex(16),
        }
        | fields
    )
    signatures = tuple(ssh_sign(v3_text(document), name) for name in by)
    return Act(id=number, document=document, signatures=signatures, cancelled=False)


def enrol(directory):
    """A data directory as enrolment leaves it; the agent's key's fingerprint."""
    directory.mkdir(parents=True, exist_ok=True)
    key = make_key()
    issued = _AUTHORITY.issue_agent(make_csr(key, "edge"), "edge", now=datetime.now(UTC))
    IdentityFiles(directory).keep(
        name="edge",
        address="127.0.0.1:1",
        key_pem=key,
        certificate_pem=issued.pem,
        authority_pem=_AUTHORITY.pem,
    )
    return f"sha256:{key_fingerprint(issued.pem).hex()}"


def public_key(directory):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from vedette.trust.keys import private_key

    key = private_key((directory / "key.pem").read_bytes())
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Host:
    """One host's data directory, and what acts in it; `restart` is another process there."""

    directory: object
    rules: dict = field(default_factory=dict)
    roots: Roots | None = None
    now: datetime = NOW
    mode: str = "daemon"
    said: list = field(default_factory=list)
    acting: Acting | None = None

    def __post_init__(self):
        self.key = enrol(self.directory)
        self.roots = pin()
        self.heard = asyncio.Event()

    def clock(self):
        return self.now

    def _say(self, command):
        self.said.append(command)
        self.heard.set()

    async def start(self):
        told = replace(claims(started_at=self.now, tags={}, modules=("file",)), mode=self.mode)
        self.acting = Acting(
            journal=Journal(self.directory),
            trusted=Trusted(self.directory, self.roots),
            rules=read_host_rules(self.rules),
            identity=IdentityFiles(self.directory),
            claims=lambda: told,
            clock=self.clock,
            say=self._say,
        )
        await self.acting.start()

    async def restart(self):
        await self.acting.stop()
        await self.start()

    async def answers(self, act):
        """What it answers to this action, its signature held."""
        await self.acting.act(act)
        return await self.answer(act.id)

    async def answer(self, command):
        async with asyncio.timeout(30):
            while (found := await self.acting.answer(command)) is None:
                self.heard.clear()
                await self.heard.wait()
        hold_result(public_key(self.directory), found.answer, found.signature)
        said = json.loads(found.answer)
        assert said["command"] == command
        return said
