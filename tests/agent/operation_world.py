"""Operations of rogues, as tests run them."""

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.agent import rogues as rogues_module

from vedette.agent.operation import OperationLimits, Ran, run_operation

SHORT = OperationLimits(seconds=20, cpu_s=10)


def install(directory: Path) -> Path:
    """Install the rogues as a package of others below this directory; returns what to import from."""
    package = directory / "rogues-site"
    information = package / "rogues-1.0.dist-info"
    information.mkdir(parents=True)
    shutil.copy(inspect.getfile(rogues_module), package / "rogues.py")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rogues\nVersion: 1.0\n")
    lines = [
        f"{each.name} = rogues:{each.__name__}"
        for each in vars(rogues_module).values()
        if isinstance(each, type) and issubclass(each, rogues_module.Rogue)
    ]
    (information / "entry_points.txt").write_text("\n".join(["[vedette.modules]", *lines, ""]))
    return package


@pytest.fixture
def rogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    return


async def run(
    code: str,
    module: str = "rogue",
    limits: OperationLimits = SHORT,
    *,
    privacy: bool = False,
    partial: bool = False,
    root: Path = Path("/"),
) -> Ran:
    """Let a rogue run this code."""
    return await run_operation(
        module,
        {"code": inspect.cleandoc(code)},
        limits,
        privacy=privacy,
        partial=partial,
        root=root,
    )


def found(ran: Ran) -> Any:
    """What the rogue left in `found`; fails with the message when it did not return."""
    assert ran.ended == "returned", ran
    return msgspec.json.decode(ran.result)["elements"]
