"""MIG's own action files ask these modules; each question is answered, none is silently empty."""

from pathlib import Path
from typing import Any

import pytest
from tests.agent.modules.asking import ask

from vedette import plugins
from vedette.actions.document_legacy import modern
from vedette.actions.document_read import read_action
from vedette.agent.modules import GROUP, read_parameters

ACTIONS = Path(__file__).parents[4] / "shared/fixtures/mig/actions"
ASKED = {"netstat", "ping", "pkg", "timedrift", "sshkey", "example"}


def operations() -> list[Any]:
    found = []
    for path in sorted(ACTIONS.glob("*.json")):
        action, _ = modern(read_action(path.read_bytes()))
        for number, operation in enumerate(action.operations):
            if operation.module in ASKED:
                found.append(pytest.param(operation, id=f"{path.stem}-{number}"))
    return found


@pytest.mark.skipif(not ACTIONS.exists(), reason="MIG's action files are not on this machine")
def test_there_are_such_operations() -> None:
    assert len(operations()) >= 3


@pytest.mark.parametrize("operation", operations())
def test_an_operation_of_migs_is_answered_for_every_value_it_asks_for(operation: Any) -> None:
    result = ask(plugins.load(GROUP, operation.module)(), operation.parameters)
    assert result.success, result.errors
    for kind, values in operation.parameters.items():
        assert list(result.elements[kind]) == list(dict.fromkeys(values))
    assert result.statistics["examined"] > 0


@pytest.mark.parametrize(
    ("module", "written"),
    [
        ("sshkey", {"paths": None, "maxdepth": 0}),
        ("example", {"gethostname": True, "getaddresses": False, "lookuphost": None}),
        ("ping", {"destination": "127.0.0.1", "destinationport": 9, "protocol": "udp", "count": 1}),
        ("pkg", {"pkgmatch": {"matches": ["^libc"]}, "vermatch": ""}),
        ("timedrift", {"drift": ""}),
        ("netstat", {"listeningport": ["22"], "namespaces": False}),
    ],
)
def test_what_migs_client_writes_is_read_as_it_is(module: str, written: dict[str, Any]) -> None:
    assert read_parameters(plugins.load(GROUP, module), written)
