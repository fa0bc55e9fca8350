"""What a module orders is carried out by the agent, under the same checks as an ask."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.agent import act_world
from tests.agent.test_obey import Told, chatty
from tests.signing_world import needs_ssh

from vedette.agent.carry import Carrier
from vedette.agent.modules import Context, Result, read_parameters
from vedette.agent.modules.command import Command
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid

__all__ = ["chatty"]


def order(command: str, target: str = "talker", **parameters: Any) -> bytes:
    given = {"target": target, "command": command, "parameters": parameters}
    return msgspec.json.encode(Command().run(read_parameters(Command, given), Context()))


async def carry(
    answer: bytes, told: Told | None = None, module: str = "command", **more: Any
) -> dict[str, Any]:
    carrier = Carrier((told or Told()).obedience, {"talker": 7, "gone": 8}.get)
    said: dict[str, Any] = json.loads(
        await carrier.out(module, answer, **{"within_s": 5.0, **more})
    )
    return said


async def test_a_targets_command_is_asked(chatty: Any) -> None:
    answer = await carry(order("count", to=2))
    assert answer["elements"] == {
        "target": "talker",
        "command": "count",
        "columns": [
            {"name": "n", "type": "integer", "unit": ""},
            {"name": "text", "type": "text", "unit": ""},
        ],
        "rows": [[0, "x"], [1, "x"]],
        "truncated": "",
    }
    assert (answer["success"], answer["foundanything"], answer["errors"]) == (True, True, [])
    assert answer["statistics"]["rows"] == 2
    assert chatty.RUNS == ["count", "closed"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (order("drop"), "unsupported: chatty has no command 'drop'"),
        (order("count", to=-1), "bad_parameters: "),
        (order("count", colour="red"), "no parameter 'colour'"),
        (order("count", target="gone"), "not_watched: "),
        (order("count", target="nosuch"), "does not look at a target called 'nosuch'"),
        (order("fail"), "connector_crash: ValueError: told to"),
        (order("refuse"), "refused by this host: "),
    ],
)
async def test_what_cannot_be_done_is_said_and_why(chatty: Any, asked: bytes, words: str) -> None:
    answer = await carry(asked)
    assert not answer["success"]
    assert words in answer["errors"][0]


async def test_the_hosts_owner_has_the_last_word(chatty: Any) -> None:
    answer = await carry(order("count"), Told(allowed="none"))
    assert answer["errors"][0].startswith("refused by this host: asks in agent.yaml")
    assert chatty.RUNS == []


async def test_it_ends_with_its_time(chatty: Any) -> None:
    answer = await carry(order("wait"), within_s=0.2)
    assert "timeout: no whole answer within 0.2 s" in answer["errors"][0]
    assert answer["elements"]["rows"] == [[1]]


async def test_a_secret_of_the_target_is_in_no_answer(chatty: Any) -> None:
    told = Told(password="s3cr3t-vedette")
    for command in ("secret", "fail"):
        assert "s3cr3t" not in json.dumps(await carry(order(command), told))


async def test_texts_are_masked_where_the_host_says_so(chatty: Any) -> None:
    answer = await carry(order("count", to=1), privacy=True)
    assert answer["elements"]["rows"] == [[0, "masked"]]


async def test_an_answer_is_bounded_as_an_ask_is(chatty: Any) -> None:
    answer = await carry(order("count", to=10_001))
    assert (len(answer["elements"]["rows"]), answer["elements"]["truncated"]) == (10_000, "rows")


async def test_of_other_modules_an_answer_is_only_an_answer(chatty: Any) -> None:
    told = Told()
    for module in ("file", "stranger"):
        assert (await carry(order("count"), told, module=module))["success"] is False
    assert chatty.RUNS == []


@pytest.mark.parametrize("elements", [None, [], "x", {"target": 1}, {"target": "talker", "x": 1}])
async def test_what_is_no_order_is_left_as_it_is(chatty: Any, elements: Any) -> None:
    answer = msgspec.json.encode(Result(elements=elements, errors=["as it was"]))
    for module in ("command", "agentdestroy"):
        assert await carry(answer, module=module) == json.loads(answer)


async def test_the_module_alone_asks_nothing_and_says_so() -> None:
    asked = {"target": "orders-db", "command": "locks"}
    ran = await run_operation("command", asked, OperationLimits(), privacy=False, partial=True)
    assert ran.ended is Ended.RETURNED, ran.message
    result = json.loads(ran.result)
    assert result["success"] is False
    assert "nothing was done" in result["errors"][0]


@needs_ssh
async def test_what_people_signed_is_asked_and_answered_as_an_action(
    chatty: Any, tmp_path: Path
) -> None:
    obeying = act_world.Host(tmp_path / "agent")
    await obeying.start()
    await obeying.acting.trust(act_world.signed_bundle(act_world.bundle()))
    obeying.acting.carrier = Carrier(Told().obedience, {"talker": 7}.get)
    asked = {"target": "talker", "command": "count", "parameters": {"to": 2}}
    kept = {"module": "fswatch", "parameters": {}}
    try:
        said = await obeying.answers(
            act_world.order({"module": "command", "parameters": asked}, kept)
        )
    finally:
        await obeying.acting.stop()
    first, second = said["results"]
    assert first["elements"]["rows"] == [[0, "x"], [1, "x"]]
    assert (first["success"], second["success"]) == (True, False)
    assert "not kept running here" in second["errors"][0]


@pytest.mark.parametrize(
    "given",
    [
        {"target": "x"},
        {"target": "", "command": "x"},
        {"target": "x", "command": "y", "parameters": {"a": None}},
        {"target": "x", "command": "y", "parameters": {"a": "x" * 4_001}},
        {"target": "x", "command": "y", "parametres": {}},
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="module command"):
        read_parameters(Command, given)
