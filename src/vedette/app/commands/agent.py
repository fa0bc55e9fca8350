"""`vedette agent`: enrol this host if it is not, then become its agent."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from vedette.app.log_flags import LogFlags
from vedette.app.trust_flags import TrustFlags
from vedette.errors import Invalid, VedetteError

if TYPE_CHECKING:
    from vedette.agent.program import Options

DATA_DIR = Path("vedette-agent")
QUERY = "vedette.app.commands.agent_query:query"
JOURNAL = "vedette.app.commands.agent_journal:journal"
UPDATE = "vedette.app.commands.agent_update:update"
LOG = LogFlags()
TRUST = TrustFlags()

FRUGAL = {
    "GRPC_VERBOSITY": "NONE",  # what it knows stands in our own log
    "MALLOC_ARENA_MAX": "1",  # threads are few, and each arena keeps its own free memory
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "PYTHONNODEBUGRANGES": "1",  # a trace shows the line, not the column
    "PYTHONOPTIMIZE": "2",  # nobody reads docstrings there
}
"""The environment in which an agent lives in the least memory; what is set already stays."""


app = App(name="agent", help="Start an agent of a server.")
app.command(QUERY, name="query", help="Ask a module about this host.")
app.command(JOURNAL, name="journal", help="Say what this host was ever asked to run.")
app.command(UPDATE, name="update", help="Put in place the release that people signed.")


@app.default
def agent(
    *,
    server: Annotated[str, Parameter(env_var="VEDETTE_SERVER")] = "",
    join: Annotated[str, Parameter(env_var="VEDETTE_JOIN_TOKEN", show_env_var=True)] = "",
    join_file: Annotated[Path | None, Parameter(env_var="VEDETTE_JOIN_FILE")] = None,
    ca_fingerprint: Annotated[str, Parameter(env_var="VEDETTE_CA_FINGERPRINT")] = "",
    name: Annotated[str, Parameter(env_var="VEDETTE_NAME")] = "",
    data_dir: Annotated[Path, Parameter(env_var="VEDETTE_DATA_DIR")] = DATA_DIR,
    config: Annotated[Path | None, Parameter(env_var="VEDETTE_CONFIG")] = None,
    metrics: Annotated[str, Parameter(env_var="VEDETTE_METRICS")] = "",
    checkin: Annotated[bool | None, Parameter(env_var="VEDETTE_CHECKIN")] = None,
    trust: TrustFlags = TRUST,
    log: LogFlags = LOG,
) -> None:
    """Start an agent of a server.

    The first start needs --server, --ca-fingerprint and a join token; later ones need none of them.
    The agent never listens, unless --metrics asks for it. Exit codes: 5 the server will not have
    it, 7 another machine uses its identity, 8 with --checkin no server was there.

    Parameters
    ----------
    server
        HOST:PORT of the server's clients' address (`--grpc-clients` there).
    join
        A join token of `vedette agents token`. Other users of this host can read a command line:
        prefer --join-file, which goes before it, or the environment.
    join_file
        A file that holds the join token.
    ca_fingerprint
        The fingerprint of the server's authority, as the server prints it: sha256:…
    name
        The name wished for; the join token's own name wins. Default: the host's name.
    data_dir
        Where key, certificate and spool are kept; one directory an agent.
    config
        The host owner's agent.yaml. Default: agent.yaml in the data directory.
    metrics
        HOST:PORT for this agent's own /metrics and /healthz.
    checkin
        Come, run what waits, say so and leave, as a job of cron.
    """
    from vedette.agent.program import Options
    from vedette.logs import configure_logs

    options = Options(data_dir=data_dir.absolute(), config=config.absolute() if config else None)
    rules = options.rules()
    options = msgspec.structs.replace(
        options,
        metrics=metrics or rules.metrics,
        log=log.over(rules.log),
        trust=trust.over(rules.trust),
        checkin=rules.checkin if checkin is None else checkin,
    )
    # Here too: a log that cannot be written must not cost a join token.
    configure_logs(options.log, usually="text")
    _enrol_at_need(
        options.data_dir,
        rules.tags,
        server or rules.server,
        ca_fingerprint or rules.ca_fingerprint,
        name or rules.name,
        (join, join_file or (Path(rules.join_file) if rules.join_file and not join else None)),
    )
    _become(options)


def _enrol_at_need(
    directory: Path,
    tags: dict[str, str],
    server: str,
    fingerprint: str,
    name: str,
    token: tuple[str, Path | None],
) -> None:
    import asyncio

    from vedette.agent.enrol import Joining, enrol
    from vedette.agent.identity import IdentityFiles

    if IdentityFiles(directory).exists:
        return
    wanting = {
        "--server": server,
        "--ca-fingerprint": fingerprint,
        "--join-file": read_token(*token),
    }
    for flag, value in wanting.items():
        if not value:
            raise Invalid(
                f"{directory} holds no agent yet; to enrol one, {flag} is needed",
                hint="vedette agents token, on the server, prints the whole command",
            )
    joining = Joining(
        server=server, token=wanting["--join-file"], fingerprint=fingerprint, name=name
    )
    identity = asyncio.run(enrol(directory, joining, tags=tags))
    sys.stderr.write(f"vedette: enrolled as {identity.held.name}\n")


def read_token(given: str, file: Path | None) -> str:
    """Return the join token, from its file if one is named."""
    if file is None:
        return given.strip()
    try:
        return file.read_text().strip()
    except OSError as fault:
        raise Invalid(f"{file} cannot be read: {fault.strerror}") from None


def _become(options: "Options") -> None:
    """Replace this process by the agent itself, without its command line and what read it."""
    environment = {key: value for key, value in os.environ.items() if key != "VEDETTE_JOIN_TOKEN"}
    for key, value in FRUGAL.items():
        environment.setdefault(key, value)
    sys.stderr.flush()
    arguments = [sys.executable, "-m", "vedette.agent", options.to_json()]
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - our own interpreter


def main() -> None:
    """Run `vedette-agent`, the console script of the agent's own distribution."""
    from vedette.errors import EXIT_CODES

    program = App(name="vedette-agent", version=_version, help_format="plaintext")
    program.default(agent)
    program.command(QUERY, name="query")
    program.command(JOURNAL, name="journal")
    program.command(UPDATE, name="update")
    try:
        program()
    except VedetteError as error:
        sys.stderr.write(f"vedette: {error}\n")
        sys.exit(EXIT_CODES[error.kind])


def _version() -> str:
    """Return the version of an agent that could start: a release in which a part is missing says none."""
    import vedette.agent.__main__
    import vedette.agent.act_run  # what an action needs is imported with the first one

    return vedette.__version__
