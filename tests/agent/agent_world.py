"""Factories of the agent's tests: a server at the other end, an enrolled directory, a strange plugin."""

import json
import sys
from pathlib import Path

import grpc
import grpc.aio

sys.path.insert(0, str(Path(__file__).parents[1] / "link"))
from fake_server import FakeServer

from vedette.agent.identity import IdentityFiles
from vedette.link import vedette_pb2 as pb
from vedette.link import vedette_pb2_grpc as rpc

__all__ = ["EnrolmentDoor", "FakeServer", "enrolled", "plugin", "target"]


class EnrolmentDoor(rpc.EnrolmentServicer):
    """The clients' address of a server: hands out a certificate for one good token."""

    def __init__(self, server, token="vdj_good"):
        self.server = server
        self.token = token
        self.asked = []
        self.port = 0
        self._grpc = None

    async def start(self):
        chain, key = self.server.authority.issue_server(["127.0.0.1"])
        self._grpc = grpc.aio.server()
        rpc.add_EnrolmentServicer_to_server(self, self._grpc)
        credentials = grpc.ssl_server_credentials([(key, chain)])
        self.port = self._grpc.add_secure_port("127.0.0.1:0", credentials)
        await self._grpc.start()

    async def stop(self):
        await self._grpc.stop(0)

    async def Enrol(self, request, context):
        self.asked.append(request)
        if request.join_token != self.token:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this join token was used")
        self.token = ""
        from vedette import clock

        issued = self.server.authority.issue_agent(request.csr_pem, "edge", now=clock.now())
        return pb.EnrolReply(
            name="edge",
            certificate_pem=issued.pem,
            authority_pem=self.server.authority.pem,
            agents_address=f"127.0.0.1:{self.server.port}",
        )


def enrolled(server, directory):
    """Return a data directory as enrolment leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    held = server.credentials()
    IdentityFiles(directory).keep(
        name="edge",
        address=held.address,
        key_pem=held.key_pem,
        certificate_pem=held.certificate_pem,
        authority_pem=held.authority_pem,
    )
    return directory


def target(number, name, connector, every_ms=1000, timeout_ms=1000, **settings):
    return pb.Target(
        id=number,
        name=name,
        connector=connector,
        every_ms=every_ms,
        timeout_ms=timeout_ms,
        settings_json=json.dumps(settings),
    )


def plugin(directory, monkeypatch):
    """Install a connector `strange` that does what its settings say; returns its name."""
    package = directory / "site"
    package.mkdir()
    (package / "strange.py").write_text(STRANGE)
    information = package / "strange-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[vedette.connectors]\nstrange = strange:Strange\n"
    )
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("PYTHONPATH", str(package))
    return "strange"


STRANGE = """
import asyncio, os, time
from vedette.agent.connector import Description, Measures, RefusedByHost
from vedette.health.model import Measurement, Report, State

HELD = []

class Strange:
    description = Description(
        name="strange", help="Does what it is told.", settings=(),
        measures=(Measures("answers", "count", "How many."),),
    )

    def __init__(self, settings):
        self.settings = settings

    async def probe(self, look):
        act = self.settings.get("act", "answer")
        if act == "answer":
            print("a stranger prints")
            return Report(
                state=State.UP,
                measurements=(Measurement("answers", 42.0), Measurement("odd", float("nan"))),
                facts={"pid": str(os.getpid())},
            )
        if act == "block":
            time.sleep(600)
        if act == "die":
            os._exit(9)
        if act == "leak":
            HELD.append(bytearray(4 << 30))
        if act == "grow":
            HELD.append(bytearray(os.urandom(1 << 20)) * 300)
            return Report(state=State.UP)
        if act == "refuse":
            await look.reach("169.254.169.254", 80)
        if act == "nonsense":
            return "fine"
        raise ValueError("told to raise")

    async def aclose(self):
        pass
"""
