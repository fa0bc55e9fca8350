"""`vedette lab`: throw-away targets of what is installed, to try Vedette on."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from vedette.cli.output import Format, Listing, plain, show
from vedette.cli.where import data_dir as directory_of
from vedette.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from vedette.lab.model import Lab

app = App(name="lab", help="Start throw-away targets to try Vedette on.")

DataDir = Annotated[
    Path | None,
    Parameter(env_var="VEDETTE_DATA_DIR", help="Below whose `lab` they live."),
]

ANSWERS_WITHIN_S = 90.0
LOOK_S = 5.0
BETWEEN_S = 0.2
_LABS = Listing("labs", ("name", "kind", "state", "address", "since", "program", "folder"), "name")


@app.command
def start(
    kind: str,
    /,
    *,
    name: Annotated[str, Parameter(help="Of the target and its folder; default the kind.")] = "",
    nodes: Annotated[int, Parameter(help="How many of it; more than one: cockroachdb.")] = 1,
    port: Annotated[
        int | None, Parameter(help="Where it answers; the next ones for more nodes. Default: free.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Start cockroachdb, envoy, etcd, http, mariadb, mosquitto, nats, postgres, rabbitmq or redis.

    It runs on after this command, on 127.0.0.1, until `vedette lab stop`. When it answers, a
    settings file that watches it is printed on stdout: `vedette lab start redis > vedette.yaml`.
    """
    from vedette.lab.start import start as start_lab

    lab = start_lab(kind, directory_of(data_dir), name=name, nodes=nodes, port=port)
    try:
        asyncio.run(_answered(lab))
    except BaseException:
        _stop(lab.name, data_dir)
        raise
    _say(f"{lab.name} runs on {lab.address} ({lab.program}); vedette lab stop {lab.name} ends it")
    sys.stdout.write(_settings(lab))


@app.command
def stop(
    name: str | None = None,
    /,
    *,
    everything: Annotated[
        bool, Parameter(name="--all", negative="", help="Every one there is.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """End a throw-away target and remove everything it left; safe to repeat after a crash."""
    from vedette.lab.store import kept

    if everything == (name is not None):
        raise Invalid("one lab is stopped by its name, all of them by --all", hint="give either")
    for each in [lab.name for lab in kept(directory_of(data_dir))] if name is None else [name]:
        _stop(each, data_dir)
        _say(f"{each} is stopped and its folder removed")


@app.command(name="list")
def list_labs(*, output: Format = "table", data_dir: DataDir = None) -> None:
    """List the throw-away targets of a data directory, those that have ended by themselves too."""
    from vedette.lab.start import is_up
    from vedette.lab.store import kept

    rows: list[dict[str, Any]] = []
    for lab in kept(directory_of(data_dir)):
        row = {column: getattr(lab, column, "") for column in _LABS.columns}
        rows.append(row | {"state": "running" if is_up(lab) else "ended"})
    show(rows, _LABS, output)


async def _answered(lab: "Lab") -> None:
    """Look at it as an agent would, until it is seen to answer; raise `Unavailable` in its words."""
    from vedette.agent.try_once import try_once
    from vedette.health.model import State
    from vedette.lab.start import is_up, last_words

    said = {"settings": _with_secrets(lab.settings)}
    seen = "no look ended"
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            while is_up(lab):
                report = (await try_once(lab.connector, said, timeout_s=LOOK_S)).report
                # A busy machine is no reason not to begin.
                if report.state in (State.UP, State.DEGRADED):
                    return
                seen = report.message
                await asyncio.sleep(BETWEEN_S)
    except TimeoutError:
        raise Unavailable(
            f"{lab.name} does not answer within {ANSWERS_WITHIN_S:g} s: {plain(seen)}"
        ) from None
    raise Unavailable(f"{lab.name} ended at once: {plain(last_words(lab) or seen)}")


def _with_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    # The rules of a host speak of the files its agent may read; these are our own.
    return {
        key.removesuffix("_file"): Path(value).read_text("utf-8")
        if key == "password_file"
        else value
        for key, value in settings.items()
    }


def _settings(lab: "Lab") -> str:
    import yaml

    target = {
        "name": lab.name,
        "connector": lab.connector,
        "every": "5s",
        "settings": lab.settings,
    }
    text = yaml.safe_dump({"targets": [target]}, sort_keys=False, allow_unicode=True)
    return f"# {plain(lab.program)}; watch it: vedette up -c FILE\n{text}"


def _stop(name: str, data_dir: Path | None) -> None:
    from vedette.lab.start import stop as stop_lab

    stop_lab(name, directory_of(data_dir))


def _say(words: str) -> None:
    sys.stderr.write(f"{plain(words)}\n")
