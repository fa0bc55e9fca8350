"""The agent's end of the stream, against a real gRPC server over mutual TLS."""

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import FakeServer

from vedette.errors import Denied
from vedette.health.model import Measurement, Report, State
from vedette.link import client as client_module
from vedette.link import vedette_pb2 as pb
from vedette.link.claims import Claims
from vedette.link.client import Client, Refused
from vedette.link.dictionary import Dictionary
from vedette.link.encode import BATCH, Encoder, Looked
from vedette.link.identity import Credentials
from vedette.link.spool import Caps, Spool
from vedette.trust.keys import make_csr

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class KeptInMemory:
    """An identity as `agent/identity.py` keeps it in files."""

    def __init__(self, credentials):
        self.held = credentials
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
        return make_csr(self.held.key_pem, "edge")

    def keep_renewed(self, certificate_pem, authority_pem):
        self.renewed.append((certificate_pem, authority_pem))
        self.due = datetime(2100, 1, 1, tzinfo=UTC)


class Agent:
    """A spool, an encoder and a client, as `agent/program.py` puts them together."""

    def __init__(self, server, directory, caps=None):
        self.directory = directory
        self.spool = Spool(directory / "spool", caps)
        self.dictionary = Dictionary(directory / "dictionary")
        self.encoder = Encoder(self.dictionary)
        self.configured = []
        self.client = Client(
            identity=KeptInMemory(server.credentials()),
            spool=self.spool,
            dictionary=self.dictionary,
            claims=Claims(
                hostname="edge1", os="linux", machine_id="m", version="1", pid=1, started_at=NOW
            ),
            clock=lambda: datetime.now(UTC),
            configure=self.configured.append,
        )

    def look(self, rows=1, value=1.0):
        for _ in range(rows):
            self.encoder.add(
                Looked(
                    target_id=7,
                    connector="tcp",
                    at=NOW,
                    report=Report(state=State.UP, measurements=(Measurement("n", value),)),
                    units={},
                )
            )
        taken = self.encoder.take()
        return self.spool.append(
            BATCH, taken.payload, reports=rows, from_us=taken.from_us, to_us=taken.to_us
        )

    @asynccontextmanager
    async def attached(self):
        task = asyncio.create_task(self.client.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Refused):
                await task

    def close(self):
        self.spool.close()
        self.dictionary.close()


async def until(claim):
    """Wait for something that tells nobody when it happens."""
    async with asyncio.timeout(15):
        while not claim():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
async def server():
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def agent(server, tmp_path):
    agent = Agent(server, tmp_path)
    yield agent
    agent.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Reconnect at once; the waits themselves have tests of their own."""
    monkeypatch.setattr(client_module, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(client_module, "LAST_BACKOFF_S", 0.05)


async def test_what_is_spooled_is_sent_and_forgotten_once_acked(server, agent):
    seqs = [agent.look(), agent.look(rows=3)]
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 2)
        seqs.append(agent.look())
        await server.until(lambda: len(server.stored) == 3)
        await until(lambda: agent.spool.acked_seq == seqs[-1])
    assert [batch.seq for batch in server.stored] == seqs
    assert [batch.rows for batch in server.stored] == [1, 3, 1]
    assert agent.spool.reports == 0


async def test_numbers_are_explained_once_a_stream_before_their_use(server, agent):
    agent.look()
    agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 2)
    (define,) = server.definitions
    assert [m.name for m in define.layouts[0].measures] == ["n"]


async def test_no_more_is_on_its_way_than_the_credits_allow(server, agent):
    server.holding_acks = True
    server.credits = 3
    server.heartbeat_ms = 100
    for _ in range(10):
        agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 3 and len(server.heartbeats) > 2)
    assert server.most_unacked == 3


async def test_a_lost_stream_is_taken_up_where_the_server_stands(server, agent):
    agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 1)
        await server.stop()
        for _ in range(5):
            agent.look()
        await server.start()
        await server.until(lambda: len(server.stored) == 6)
    assert len(server.hellos) >= 2


async def test_frames_the_server_had_stored_without_our_knowing_are_not_sent_again(server, agent):
    server.holding_acks = True
    first = agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 1)
    assert agent.spool.acked_seq == 0
    agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 2)
    assert agent.spool.acked_seq == first


async def test_a_server_that_holds_more_than_we_ever_said_lifts_our_numbers(server, agent):
    server.durable = 900
    agent.look()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 1)
    assert (server.stored[0].prev, server.stored[0].seq) == (900, 901)


async def test_dropped_reports_are_sent_as_a_gap(server, tmp_path):
    agent = Agent(server, tmp_path, Caps(size_bytes=128 * 1024))
    for n in range(100):
        agent.look(rows=200, value=float(n))
    dropped = agent.spool.dropped_reports
    async with agent.attached():
        await server.until(lambda: server.durable == agent.spool.highest_seq)
    gap, *batches = server.stored
    assert gap.reports == dropped
    assert gap.reason == "spool_full"
    assert gap.reports + sum(batch.rows for batch in batches) == 20_000
    agent.close()


async def test_a_batch_whose_numbers_nobody_can_explain_becomes_a_gap(server, agent):
    agent.look(rows=5)
    agent.dictionary.forget()
    async with agent.attached():
        await server.until(lambda: len(server.stored) == 1)
    assert (server.stored[0].reports, server.stored[0].reason) == (5, "corrupt")


async def test_a_frame_refused_again_and_again_does_not_block_the_others(server, agent):
    server.refuse_batches_with = pb.Refusal(reason="bad_frame", message="no")
    agent.look(rows=2)
    async with agent.attached():
        await server.until(lambda: server.stored)
        server.refuse_batches_with = None
        agent.look()
        await server.until(lambda: len(server.stored) == 2)
    assert (server.stored[0].reason, server.stored[0].reports) == ("refused", 2)
    assert server.stored[1].rows == 1


async def test_configuration_is_handed_over_and_its_revision_told_next_time(server, agent):
    server.configuration = pb.Configuration(
        revision=5,
        targets=[
            pb.Target(
                id=7,
                name="db",
                connector="tcp",
                every_ms=10_000,
                timeout_ms=5_000,
                settings_json='{"port": 1}',
            )
        ],
    )
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
        await until(lambda: agent.configured)
        await server.stop()
        await server.start()
        await server.until(lambda: len(server.heartbeats) > 1)
    (configured,) = agent.configured
    (assignment,) = configured.assignments
    assert (assignment.name, assignment.every) == ("db", timedelta(seconds=10))
    assert server.hellos[-1].config_revision == 5


async def test_the_run_is_kept_before_the_server_hears_that_it_was(server, agent):
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
    assert server.hellos[0].welcomed_run_id == ""
    assert agent.client.identity.welcomed == agent.client.run_id
    assert server.heartbeats[0].welcomed
    async with agent.attached():
        await server.until(lambda: len(server.hellos) == 2)
    assert server.hellos[1].welcomed_run_id == agent.client.run_id


async def test_a_final_refusal_ends_the_client_with_its_reason(server, agent):
    server.refusals = [pb.Refusal(reason="revoked", message="revoked by anna", final=True)]
    async with agent.attached() as running:
        with pytest.raises(Refused, match="revoked by anna") as refused:
            await running
    assert refused.value.final


async def test_a_passing_refusal_is_tried_again(server, agent):
    server.refusals = [pb.Refusal(reason="superseded", message="a newer stream")] * 2
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
    assert len(server.hellos) == 3


async def test_a_certificate_is_renewed_on_the_stream_with_the_same_key(server, agent):
    agent.client.identity.due = datetime(2000, 1, 1, tzinfo=UTC)
    async with agent.attached():
        await server.until(lambda: server.renewals)
        await until(lambda: agent.client.identity.renewed)
    ((certificate, authority),) = agent.client.identity.renewed
    assert b"BEGIN CERTIFICATE" in certificate
    assert authority == server.authority.pem


async def test_a_certificate_that_is_refused_does_not_end_the_stream(server, agent, monkeypatch):
    def refuse(*_):
        raise Denied("the certificate is one of another key")

    monkeypatch.setattr(agent.client.identity, "keep_renewed", refuse)
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
        await server.say(pb.ToAgent(renewed=pb.RenewReply(certificate_pem=b"another's")))
        agent.look()
        await server.until(lambda: server.stored)
    assert len(server.hellos) == 1


async def test_a_clock_that_differs_from_the_servers_is_noticed(server, agent):
    server.clock = lambda: datetime.now(UTC) - timedelta(days=1)
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
    assert agent.client.standing.clock_offset_s == pytest.approx(86_400, abs=2)


async def test_a_server_with_another_authority_gets_nothing(server, agent):
    stranger = FakeServer()
    agent.client.identity.held = Credentials(
        address=f"127.0.0.1:{server.port}",
        key_pem=stranger.credentials().key_pem,
        certificate_pem=stranger.credentials().certificate_pem,
        authority_pem=stranger.authority.pem,
    )
    agent.look()
    async with agent.attached():
        await until(lambda: agent.client.standing.attempts >= 2)
    assert server.hellos == []
    assert agent.client.standing.last_error


async def test_no_server_sends_an_agent_away_for_months(server, agent):
    server.spread_ms = 2**32 - 1
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
    assert agent.client._wait_s(lasted=True) <= client_module.LONGEST_SPREAD_S


async def test_no_server_makes_the_numbers_of_reports_overflow(server, agent):
    server.durable = 2**64 - 1
    async with agent.attached():
        await until(
            lambda: agent.client.standing.attempts >= 1 and agent.client.standing.last_error
        )
    assert "it holds report" in agent.client.standing.last_error
    assert agent.look() == 1


def test_agents_do_not_come_back_as_one(agent):
    agent.client._spread_s = 60.0
    waits = {round(agent.client._wait_s(lasted=True)) for _ in range(200)}
    assert len(waits) > 30


def test_an_absent_server_is_asked_less_and_less_often(agent, monkeypatch):
    monkeypatch.setattr(client_module, "FIRST_BACKOFF_S", 1.0)
    monkeypatch.setattr(client_module, "LAST_BACKOFF_S", 60.0)
    for failures, most in ((1, 1.0), (2, 2.0), (4, 8.0), (20, 60.0)):
        agent.client._failures = failures
        waits = [agent.client._wait_s(lasted=False) for _ in range(300)]
        assert max(waits) <= most
        assert max(waits) > most * 0.8
