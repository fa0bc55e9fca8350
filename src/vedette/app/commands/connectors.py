"""`vedette connectors`: what can be watched, and how."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from vedette import durations, plugins
from vedette.agent.connector import Description
from vedette.agent.packs import shown
from vedette.errors import Invalid
from vedette.health.model import State

GROUP = "vedette.connectors"
EXIT_NOT_UP = 3
EXIT_UNKNOWN = 4

app = App(name="connectors", help="What can be watched, and how.")


@app.command(name="list")
def list_connectors() -> None:
    """List the installed connectors, yours among them."""
    for name in plugins.names(GROUP):
        _say(f"{name:<16}{_description(name).help}")


@app.command
def describe(name: str, /) -> None:
    """Say what a connector wants to know and what it brings home."""
    said = _description(name)
    _say(f"{said.name}: {said.help}", "", "settings:")
    for setting in said.settings:
        facts = [setting.type, *(["required"] if setting.required else [])]
        if setting.default is not None:
            facts.append(f"default {setting.default}")
        _say(f"  {setting.name} ({', '.join(facts)}): {setting.help}")
    _say("", "measurements:")
    for measure in said.measures:
        unit = f" ({measure.unit})" if measure.unit else ""
        _say(f"  {measure.name}{unit}: {measure.help}")
    if said.pack:
        _say("", "degraded past (`thresholds` of a target go before):")
        for name, threshold in said.pack.items():
            _say(f"  {name}: {shown(threshold)}")
    if said.entities:
        _say("", f"entities: {', '.join(said.entities)}")


@app.command(name="test")
def test_connector(
    name: str,
    /,
    *,
    settings: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative=(), help="The connector's, as key=value."),
    ] = None,
    settings_file: Annotated[
        Path | None,
        Parameter(help="YAML of settings; or of a target, with requests, thresholds and so on."),
    ] = None,
    config: Annotated[
        Path | None, Parameter(help="An agent.yaml whose rules hold; default: the defaults.")
    ] = None,
    timeout: Annotated[str, Parameter(help="Limit of the look.")] = "5s",
    looks: Annotated[
        int, Parameter(help="Look so often, a second apart, and show the last: two give rates.")
    ] = 1,
    output: Annotated[
        Literal["table", "json", "yaml"], Parameter(name=["--output", "-o"], help="How to print.")
    ] = "table",
) -> int:
    """Look once from here and show everything that is seen. Exit code 0: up; 3: not; 4: unknown."""
    from vedette.agent.try_once import try_once
    from vedette.app.commands._connector_test import say_tried, target_of

    _description(name)  # raises, naming what there is
    timeout_s = durations.seconds(timeout)
    if timeout_s <= 0 or looks < 1:
        raise Invalid("timeout and looks must be more than 0")
    target = target_of(settings or (), settings_file)
    tried = asyncio.run(try_once(name, target, timeout_s=timeout_s, looks=looks, config=config))
    sys.stdout.write(say_tried(tried, output))
    state = tried.report.state
    if state is State.UP:
        return 0
    return EXIT_UNKNOWN if state is State.UNKNOWN else EXIT_NOT_UP


def _description(name: str) -> Description:
    description: Description = plugins.load(GROUP, name).description
    return description


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
