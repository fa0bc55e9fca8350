"""The agent obeys: only what its connector declares, within its host's rules, once."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_world import FakeServer, enrolled, plugin, target

from vedette.actions.model import AT_ONCE, PART_BYTES, SIZE_BYTES
from vedette.agent import obey
from vedette.agent.host import HostRules, read_host_rules
from vedette.agent.obey import Obedience
from vedette.agent.program import Agent, Options
from vedette.agent.reach import HostReach
from vedette.agent.secrets import Secrets
from vedette.agent.watch import Host
from vedette.errors import Invalid
from vedette.link import vedette_pb2 as pb
from vedette.link.client import Assignment
from vedette.link.orders import Order

CHATTY = """
import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from vedette.actions.model import Column, Command, Parameter
from vedette.agent.connector import Description, RefusedByHost, Setting
from vedette.health.model import Measurement, Report, State

RUNS = []
RUNNING = asyncio.Event()

class Chatty:
    description = Description(
        name="chatty", help="Says what it is asked to.",
        settings=(Setting("password", "str", "Its secret.", secret=True),), measures=(),
        commands=(
            Command(
                name="count", help="Counts.",
                columns=(Column("n", "integer", "A number."), Column("text", "text", "Words.")),
                parameters=(
                    Parameter("to", "integer", "How far.", default=3, least=0),
                    Parameter("length", "integer", "Of the words.", default=1),
                ),
            ),
            Command(name="wait", help="Waits.", columns=(Column("n", "integer", "A number."),)),
            Command(name="fail", help="Fails.", columns=()),
            Command(name="lie", help="Lies.", columns=(Column("n", "integer", "A number."),)),
            Command(name="secret", help="Tells.", columns=(Column("s", "text", "It."),)),
            Command(name="refuse", help="Goes elsewhere.", columns=()),
            Command(
                name="kinds", help="Every kind.",
                columns=(Column("at", "time", "T."), Column("s", "number", "S."),
                         Column("d", "number", "D."), Column("nan", "number", "N."),
                         Column("on", "boolean", "B.")),
            ),
        ),
    )

    def __init__(self, settings):
        self.settings = settings

    async def probe(self, look):
        return Report(state=State.UP, rtt=timedelta(seconds=0.5), facts={"version": "7"})

    async def ask(self, look, name, params):
        RUNS.append(name)
        if name == "count":
            for n in range(params["to"]):
                yield n, "x" * params["length"]
        elif name == "wait":
            yield (1,)
            RUNNING.set()
            await asyncio.sleep(60)
        elif name == "fail":
            raise ValueError("told to, with s3cr3t-vedette")
        elif name == "lie":
            yield ("one",)
        elif name == "secret":
            yield (f"it is {self.settings['password']}",)
        elif name == "refuse":
            await look.reach("169.254.169.254", 80)
        elif name == "kinds":
            at = datetime(2026, 11, 22, 3, tzinfo=UTC)
            yield at, timedelta(seconds=1.5), Decimal("2.5"), float("nan"), True

    async def aclose(self):
        RUNS.append("closed")
"""


@pytest.fixture
def chatty(tmp_path, monkeypatch):
    """A connector in this process, as our own are."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "chatty.py").write_text(CHATTY)
    monkeypatch.syspath_prepend(str(site))
    from vedette import plugins

    table = {**plugins.BUILT_IN["vedette.connectors"], "chatty": "chatty:Chatty"}
    monkeypatch.setitem(plugins.BUILT_IN, "vedette.connectors", table)
    import chatty

    yield chatty
    del sys.modules["chatty"]


def host(rules):
    return Host(
        reach=HostReach(rules.reach), secrets=Secrets(rules), clock=lambda: datetime.now(UTC)
    )


class Told:
    """An agent that obeys, and what it has said."""

    def __init__(self, connector="chatty", allowed="all", rules=None, **settings):
        self.said = []
        self.changed = asyncio.Event()
        assignment = Assignment(
            target_id=7, name="talker", connector=connector, every=timedelta(seconds=60),
            timeout=timedelta(seconds=5), settings_json=json.dumps(settings),
        )  # fmt: skip
        obeys = host(rules or HostRules())
        self.obedience = Obedience(obeys, {7: assignment}.get, self._say, allowed=allowed)

    def _say(self, said):
        self.said.append(said)
        self.changed.set()

    def order(self, name, number=1, *, target_id=7, within_s=5.0, rows=10_000, raw=None, **params):
        self.obedience.obey(
            Order(
                id=number, name=name, target_id=target_id, within_s=within_s, rows=rows,
                size_bytes=SIZE_BYTES, parameters_json=raw or json.dumps(params),
            )
        )  # fmt: skip

    async def end(self, number=1):
        """The last part of that answer."""
        async with asyncio.timeout(10):
            while True:
                for said in self.said:
                    if said.id == number and said.last:
                        return said
                self.changed.clear()
                await self.changed.wait()

    async def answer(self, name, **more):
        """The rows and the end of one order."""
        self.order(name, **more)
        end = await self.end()
        return [row for said in self.said for row in json.loads(said.rows_json)], end


async def test_a_command_of_the_connector_is_answered_with_rows(chatty):
    rows, end = await Told().answer("count", to=2)
    assert rows == [[0, "x"], [1, "x"]]
    assert (end.number, end.error_class, end.truncated) == (1, "", "")
    assert chatty.RUNS == ["count", "closed"]


KEY = """-----BEGIN SOME KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg'quoted"\\
-----END SOME KEY-----"""


@pytest.mark.parametrize("secret", ["Hunter2-of-orders", KEY])
@pytest.mark.parametrize("setting", ["port", "host"])
async def test_a_secret_in_the_place_of_another_setting_is_not_told_by_its_refusal(
    tmp_path, secret, setting
):
    (tmp_path / "secret").write_text(secret)
    rules = HostRules(secrets_dir=str(tmp_path), reach=["127.0.0.1:*"])
    settings = {"host": "127.0.0.1", "port": 1, f"{setting}_file": "secret"}
    del settings[setting]
    rows, end = await Told("tcp", rules=rules, **settings).answer("health")
    told = f"{rows}{end.message}".lower()
    assert end.message or rows
    assert not [line for line in secret.lower().splitlines() if line[:16] in told]


async def test_every_kind_of_cell_is_made_plain(chatty):
    rows, _ = await Told().answer("kinds")
    assert rows == [["2026-11-22T03:00:00.000Z", 1.5, 2.5, None, True]]


async def test_health_and_info_come_from_one_look_of_any_connector(chatty):
    rows, _ = await Told().answer("health")
    assert ["state", None, None, None, "up"] in rows
    assert ["rtt", None, 0.5, "seconds", None] in rows
    rows, _ = await Told().answer("info")
    assert rows == [["state", "up"], ["version", "7"]]


@pytest.mark.parametrize(
    ("order", "error_class", "words"),
    [
        ({"name": "drop"}, "unsupported", "no command 'drop'"),
        ({"name": "count", "to": -1}, "bad_parameters", "at least 0"),
        ({"name": "count", "colour": "red"}, "bad_parameters", "no parameter 'colour'"),
        ({"name": "count", "raw": "{"}, "bad_parameters", "cannot be read"),
        ({"name": "count", "raw": "[" * 9_000}, "bad_parameters", "cannot be read"),
        ({"name": "count", "raw": "x" * 20_000}, "bad_parameters", "20000 bytes"),
        ({"name": "count", "target_id": 8}, "not_watched", "does not look at this target"),
        ({"name": "fail"}, "connector_crash", "ValueError: told to"),
        ({"name": "lie"}, "connector_crash", "n is not of type integer"),
        ({"name": "refuse"}, "refused_by_host", "does not allow"),
        ({"name": "wait", "within_s": 0.2}, "timeout", "within 0.2 s"),
    ],
)
async def test_what_cannot_be_done_is_said_and_why(chatty, order, error_class, words):
    told = Told()
    _, end = await told.answer(order.pop("name"), **order)
    assert end.error_class == error_class
    assert words in end.message


async def test_a_secret_of_the_target_is_in_no_row_and_no_message(chatty):
    told = Told(password="s3cr3t-vedette")
    told.order("secret", 1)
    told.order("fail", 2)
    assert json.loads((await told.end(1)).rows_json) == [["it is …"]]
    assert "s3cr3t" not in (await told.end(2)).message


@pytest.mark.parametrize(
    ("allowed", "runs"), [("all", True), (["count"], True), (["health"], False), ("none", False)]
)
async def test_the_hosts_owner_has_the_last_word(chatty, allowed, runs):
    rows, end = await Told(allowed=allowed).answer("count")
    assert bool(rows) is runs
    assert end.error_class == ("" if runs else "refused_by_host")


def test_agent_yaml_says_all_none_or_names():
    assert read_host_rules({}).asks == "all"
    assert read_host_rules({"asks": "none"}).asks == "none"
    assert read_host_rules({"asks": ["locks", "info"]}).asks == ["locks", "info"]
    for wrong in ("some", False, 3, [1]):
        with pytest.raises(Invalid):
            read_host_rules({"asks": wrong})


async def test_a_long_answer_goes_in_parts_and_is_cut_where_it_must(chatty):
    rows, end = await Told().answer("count", to=2_000, length=400)
    assert len(rows) == 2_000
    told = Told()
    rows, end = await told.answer("count", to=5_000, length=400)
    assert end.truncated == "bytes"
    assert sum(len(said.rows_json) for said in told.said) < SIZE_BYTES + 10_000
    assert max(len(said.rows_json) for said in told.said) <= PART_BYTES
    assert [said.number for said in told.said] == list(range(1, len(told.said) + 1))
    rows, end = await Told().answer("count", to=100, rows=10)
    assert (len(rows), end.truncated) == (10, "rows")
    rows, end = await Told().answer("count", to=10_001)
    assert (len(rows), end.truncated) == (10_000, "rows")
    rows, _ = await Told().answer("count", to=1, length=100_000)
    assert rows[0][1].endswith("x…")
    assert len(rows[0][1]) == 4_000


async def test_the_same_order_is_run_once_and_told_again(chatty):
    told = Told()
    _, end = await told.answer("count")
    told.order("count")
    assert told.said == [end, end]
    assert chatty.RUNS.count("count") == 1


async def test_an_order_that_comes_again_while_it_runs_goes_on_where_it_is(chatty):
    told = Told()
    told.order("wait", within_s=1.0)
    await asyncio.wait_for(chatty.RUNNING.wait(), 5)
    told.said.clear()
    told.order("wait", within_s=1.0)
    end = await told.end()
    assert chatty.RUNS.count("wait") == 1
    assert json.loads(end.rows_json) == [[1]]


async def test_what_is_no_longer_kept_is_not_run_again_but_said_to_be_gone(chatty, monkeypatch):
    monkeypatch.setattr(obey, "KEPT_BYTES", 100)
    told = Told()
    await told.answer("count", to=50)
    told.order("count", 2, to=50)
    await told.end(2)
    told.said.clear()
    told.order("count", 1, to=50)
    assert (await told.end(1)).error_class == "forgotten"
    assert chatty.RUNS.count("count") == 2


async def test_so_many_at_once_and_no_more(chatty):
    told = Told()
    for number in range(1, AT_ONCE + 2):
        told.order("wait", number)
    assert (await told.end(AT_ONCE + 1)).error_class == "busy"
    await told.obedience.stop()
    assert chatty.RUNS.count("closed") == chatty.RUNS.count("wait")


async def test_a_cancelled_command_ends_and_says_nothing_more(chatty):
    told = Told()
    told.order("wait")
    await asyncio.wait_for(chatty.RUNNING.wait(), 5)
    told.obedience.cancel(1)
    told.obedience.cancel(99)
    await told.obedience.stop()
    assert chatty.RUNS == ["wait", "closed"]
    assert not any(said.last for said in told.said)


async def test_a_strangers_connector_is_asked_in_its_own_process(tmp_path, monkeypatch):
    name = plugin(tmp_path, monkeypatch)
    strange = tmp_path / "site" / "strange.py"
    strange.write_text(
        CHATTY.replace("Chatty", "Strange").replace('name="chatty"', 'name="strange"')
    )
    from vedette import plugins

    plugins._foreign.cache_clear()
    told = Told(connector=name)
    try:
        rows, end = await told.answer("count", to=2)
        assert (rows, end.error_class) == ([[0, "x"], [1, "x"]], "")
        told.order("kinds", 2)
        assert json.loads((await told.end(2)).rows_json)[0][1:] == [1.5, 2.5, None, True]
        told.order("fail", 3)
        assert "told to" in (await told.end(3)).message
    finally:
        await told.obedience._host.close()
        plugins._foreign.cache_clear()


async def test_over_the_link_an_order_comes_down_and_its_answer_goes_up(tmp_path):
    server = FakeServer()
    await server.start()
    answers = []

    async def listen(context):
        await context.write(
            pb.ToAgent(
                command=pb.Command(id=5, name="info", target=7, within_ms=5000, rows=9, bytes=9_999)
            )
        )
        while isinstance(message := await context.read(), pb.FromAgent):
            if message.WhichOneof("kind") == "answer":
                answers.append(message.answer)
                await server._tell()

    server._listen = listen
    server.configuration = pb.Configuration(
        revision=1, targets=[target(7, "here", "host", every_ms=60_000)]
    )
    async with Agent(Options(data_dir=enrolled(server, tmp_path / "a"))):
        await server.until(lambda: answers)
    await server.stop()
    rows = json.loads(answers[-1].rows_json)
    assert ["os", "Linux"] in rows
    assert (answers[-1].id, answers[-1].last, answers[-1].error_class) == (5, True, "")
