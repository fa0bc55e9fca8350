"""The command tree, and the one place where an error becomes a line and an exit code.

Commands are named here and imported when run, so that `vedette --help` and every client command
start as fast as an empty program, on Windows too.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from cyclopts import App, CycloptsError, Group, UnknownCommandError

from vedette import __version__
from vedette.errors import EXIT_CODES, VedetteError

EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

SERVER = Group("Run", sort_key=1)
CLIENT = Group("Ask a server", sort_key=2)
TOOLS = Group("Other", sort_key=3)

COMMANDS: tuple[tuple[str, Group, str, str], ...] = (
    ("up", SERVER, "vedette.app.commands.up:up", "Start everything: database, server, one agent."),
    ("serve", SERVER, "vedette.app.commands.serve:serve", "Start a server on a database of yours."),
    ("agent", SERVER, "vedette.app.commands.agent:app", "Start an agent of a server."),
    ("collector", SERVER, "vedette.app.commands.collector:collector", "Stand in for agents."),
    ("db", SERVER, "vedette.app.commands.db:app", "Look after the database."),
    (
        "bootstrap",
        SERVER,
        "vedette.app.commands.bootstrap:app",
        "Fill the catalogue of components.",
    ),
    ("import", SERVER, "vedette.app.commands.take_over:app", "Take over another system's data."),
    ("accounts", SERVER, "vedette.app.commands.accounts:app", "Accounts for emergencies."),
    ("config", SERVER, "vedette.app.commands.config:app", "Check a settings file."),
    ("status", CLIENT, "vedette.cli.status:status", "Say in one line how everything is."),
    (
        "get",
        CLIENT,
        "vedette.cli.get:app",
        "List targets, components, agents, records of any kind.",
    ),
    (
        "apply",
        CLIENT,
        "vedette.cli.apply:app",
        "Hand in reports of scanners, validators, pipelines.",
    ),
    ("find", CLIENT, "vedette.cli.find:find", "Say where a vulnerability is, and since when."),
    ("top", CLIENT, "vedette.cli.top:top", "Say which vulnerabilities to mend first."),
    ("diff", CLIENT, "vedette.cli.diff:diff", "List vulnerabilities that came and went."),
    ("triage", CLIENT, "vedette.cli.triage:app", "Decide which of them need not be mended."),
    ("watch", CLIENT, "vedette.cli.watch:watch", "Show every change as it happens."),
    ("explain", CLIENT, "vedette.cli.explain:explain", "Say why a component is as it is."),
    ("ask", CLIENT, "vedette.cli.ask:ask", "Ask a target what its connector can be asked."),
    ("login", CLIENT, "vedette.cli.login:login", "Sign in with a browser."),
    ("logout", CLIENT, "vedette.cli.login:logout", "End the command line's session."),
    ("whoami", CLIENT, "vedette.cli.login:whoami", "Say for whom the commands act."),
    ("incidents", CLIENT, "vedette.cli.incidents:app", "Open, update and close incidents."),
    ("maintenance", CLIENT, "vedette.cli.maintenance:app", "Plan, begin and finish maintenances."),
    (
        "notices",
        CLIENT,
        "vedette.cli.notices:app",
        "What people and programs are told of incidents.",
    ),
    (
        "availability",
        CLIENT,
        "vedette.cli.availability:availability",
        "Say how available components were by month.",
    ),
    ("act", CLIENT, "vedette.cli.act:app", "Ask hosts, by actions that people sign."),
    ("trust", CLIENT, "vedette.cli.trust:app", "Say whom agents obey, signed by roots."),
    ("agents", CLIENT, "vedette.cli.agents:app", "Let agents in, and send them away."),
    ("tokens", CLIENT, "vedette.cli.tokens:app", "Make, list and revoke API tokens."),
    (
        "clients",
        CLIENT,
        "vedette.cli.clients:app",
        "Certify programs that read reports, list and revoke them.",
    ),
    ("connectors", TOOLS, "vedette.app.commands.connectors:app", "What can be watched, and how."),
    ("lab", TOOLS, "vedette.app.commands.lab:app", "Start throw-away targets to try it on."),
    ("discover", TOOLS, "vedette.app.commands.discover:discover", "Find what could be watched."),
    (
        "completion",
        TOOLS,
        "vedette.app.commands.completion:completion",
        "Completion for your shell.",
    ),
    ("version", TOOLS, "vedette.app.commands.version:version", "Say which version this is."),
)
"""Name, group, where it lives, what it does."""

EPILOGUE = (
    "Exit codes: 0 well, 1 a bug, 2 wrong input, 3 something is down, 4 cannot tell, 5 denied, "
    "6 not there, 7 conflict, 8 something needed does not answer, 130 Ctrl-C. "
    "`--debug` shows the trace of an error."
)


def tree() -> App:
    """Return the whole command tree; nothing of it is imported yet."""
    app = App(
        name="vedette",
        help="Watch what you run, and tell those who depend on it.",
        version=__version__,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for name, group, place, help_line in COMMANDS:
        app.command(place, name=name, group=group, help=help_line)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are one line on stderr."""
    tokens, debug = _take_debug(arguments)
    try:
        outcome: Any = tree()(
            tokens, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except UnknownCommandError as error:
        return _say(_unknown(error), "see --help", EXIT_USAGE)
    except CycloptsError as error:
        return _say(_one_line(str(error)), "vedette --help", EXIT_USAGE)
    except VedetteError as error:
        if debug:
            traceback.print_exc()
        return _say(error.message, error.hint, EXIT_CODES[error.kind])
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does; a second complaint at exit helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last door: a bug is one line unless asked for more
        if debug:
            traceback.print_exc()
        bug = f"a bug: {type(error).__name__}: {_one_line(str(error))}"
        return _say(bug, None if debug else "run it again with --debug for the trace", EXIT_BUG)
    return outcome if isinstance(outcome, int) else 0


def debugging() -> bool:
    """Say whether this process was asked to show traces (`--debug`, `VEDETTE_DEBUG=1`)."""
    return os.environ.get("VEDETTE_DEBUG", "") not in {"", "0"}


def _take_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    # `--debug` belongs to every command, so it is taken out before any of them looks.
    own, rest = list(arguments), []
    if "--" in own:
        cut = own.index("--")
        own, rest = own[:cut], own[cut:]
    if "--debug" in own:
        os.environ["VEDETTE_DEBUG"] = "1"  # children of ours show theirs too
        own = [word for word in own if word != "--debug"]
    return own + rest, debugging()


def _unknown(error: UnknownCommandError) -> str:
    # cyclopts would import every command to find the nearest one.
    word = (error.unused_tokens or ["?"])[0]
    here = " ".join(("vedette", *(error.command_chain or ())))
    known = [name for name, *_ in COMMANDS]
    near = get_close_matches(word, known, n=1) if here == "vedette" else []
    return f"{here} has no command {word!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(message: str, hint: str | None, code: int) -> int:
    way_out = f" ({hint})" if hint else ""
    print(f"vedette: {_one_line(message)}{way_out}", file=sys.stderr)  # noqa: T201
    return code
