"""MIG's own action files run on this host as operations do, walls and all; none is silently empty.

A question of the whole host is given ten seconds: what it has by then is an answer that says so.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from vedette.actions.document_legacy import modern
from vedette.actions.document_read import read_action
from vedette.agent.operation import Ended, OperationLimits, run_operation

ACTIONS = Path(__file__).parents[3] / "shared/fixtures/mig/actions"
WHOLE_HOST = ("shellshock_iocs-0", "suspicious_files-0")


def operations() -> list[Any]:
    found: list[tuple[str, str, Any]] = []
    for path in sorted(ACTIONS.glob("*.json")):
        action, _ = modern(read_action(path.read_bytes()))
        found += [
            (f"{path.stem}-{number}", operation.module, operation.parameters)
            for number, operation in enumerate(action.operations)
        ]
    for path in sorted((ACTIONS / "scribe").glob("*.json")):
        found.append((path.stem, "scribe", {"scribedoc": json.loads(path.read_bytes())}))
    return [
        pytest.param(module, asked, id=name, marks=[pytest.mark.slow] * (name in WHOLE_HOST))
        for name, module, asked in found
    ]


@pytest.mark.skipif(not ACTIONS.exists(), reason="MIG's action files are not on this machine")
def test_there_are_such_actions() -> None:
    assert len(operations()) >= 12


@pytest.mark.parametrize(("module", "asked"), operations())
async def test_an_action_of_migs_is_answered_or_says_why_not(module: str, asked: Any) -> None:
    limits = OperationLimits(seconds=10)
    ran = await run_operation(module, asked, limits, privacy=False, partial=False)
    assert (ran.ended, ran.message) == (Ended.RETURNED, "")
    answer = json.loads(ran.result)
    if not answer["success"]:
        assert answer["errors"]
    if module == "file":
        searches = asked["searches"]
        assert list(answer["elements"]) == list(searches)
        assert answer["statistics"]["filescount"] > 0
        for label, hits in answer["elements"].items():
            checks = {kind for hit in hits for kind in hit["search"]} - {"options"}
            assert checks == set(searches[label]) - {"options"}  # none was passed by
            assert all(hit["search"]["paths"] == searches[label]["paths"] for hit in hits)
    elif module == "netstat":
        assert {kind: list(told) for kind, told in answer["elements"].items()} == {
            kind: list(dict.fromkeys(values)) for kind, values in asked.items()
        }
        assert answer["statistics"]["examined"] > 0
    elif module == "scribe":
        assert answer["success"]
        assert answer["elements"]
    else:
        assert module == "agentdestroy"
        assert not answer["success"]  # no process of this host is the agent they meant
