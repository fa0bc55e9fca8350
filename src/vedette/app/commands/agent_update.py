"""`vedette agent update`: put in place the release that people signed for this host."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from vedette import clock
from vedette.app.commands.agent import DATA_DIR, TRUST
from vedette.app.trust_flags import TrustFlags
from vedette.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from vedette.agent.loader import Offered
    from vedette.agent.program import Options
    from vedette.agent.release import Releases

RESTART_S = 120
RELEASES = Path("/opt/vedette-agent")
Plain = Parameter(negative="")


def update(
    *,
    server: Annotated[str, Parameter(env_var="VEDETTE_LOADER_SERVER")] = "",
    loader_key_file: Annotated[Path | None, Parameter(env_var="VEDETTE_LOADER_KEY_FILE")] = None,
    authority: Annotated[Path | None, Parameter(env_var="VEDETTE_LOADER_AUTHORITY")] = None,
    releases: Annotated[Path, Parameter(env_var="VEDETTE_RELEASES")] = RELEASES,
    restart: Annotated[str, Parameter(env_var="VEDETTE_RESTART")] = "",
    check: Annotated[bool, Plain] = False,
    back: Annotated[bool, Plain] = False,
    data_dir: Annotated[Path, Parameter(env_var="VEDETTE_DATA_DIR")] = DATA_DIR,
    config: Annotated[Path | None, Parameter(env_var="VEDETTE_CONFIG")] = None,
    trust: TrustFlags = TRUST,
) -> int:
    """Put in place the release of the agent that people signed for this host.

    The server hands over a manifest and a file. They are believed only when the signatures weigh enough
    by the trust bundle whose roots are pinned here, and the file is the very one that was signed; an older
    release than one that was here is refused. A service starts RELEASES/current/bin/vedette-agent.

    Parameters
    ----------
    server
        https://HOST[:PORT] of the server's REST interface.
    loader_key_file
        A file that holds this host's loader key, as it was shown when the loader was made.
    authority
        A file of certificates (PEM) that the server's may be signed by, beside the system's.
    releases
        The folder of releases; `current` in it leads to the one in force, `current.old` to the one before.
    restart
        The command that restarts the agent, as in "systemctl restart vedette-agent". If it fails, the
        release before is put back.
    check
        Only say what would be put in place; exit code 3 when there is something.
    back
        Ask nobody and put the release before the current one back.
    data_dir
        The agent's directory, with its key and its trust bundle.
    config
        The host owner's agent.yaml. Default: agent.yaml in the data directory.
    """
    # What is an agent's is Unix's: a shell that only completes commands has it not.
    from vedette.agent.loader import Server
    from vedette.agent.own_folder import hold_own
    from vedette.agent.program import Options
    from vedette.agent.release import Releases

    if back and check:
        raise Invalid("--back asks nobody, so there is nothing to --check; give one of them")
    hold_own(releases)
    kept = Releases(releases.absolute())
    if back:
        sys.stdout.write(f"back to {kept.go_back()}\n")
        _restart(restart)
        return 0
    options = Options(data_dir=data_dir.absolute(), config=config.absolute() if config else None)
    host = _host(options)
    if not server:
        raise Invalid("--server is needed, as https://HOST of the server's REST interface")
    asked = Server(server, _key(loader_key_file), authority=authority)
    offered = asked.manifest(host)
    people = _signed_by(options, trust, offered)
    entry = offered.agent()
    if offered.others():
        sys.stdout.write(f"left alone: {', '.join(offered.others())}\n")
    if check:
        return _told(kept, entry.sha256, people)
    archive = asked.file(host, entry)
    placed = kept.place(archive, entry.sha256)
    words = f"release {placed.release.number} ({placed.release.version})"
    if not placed.is_new:
        sys.stdout.write(f"{words} is in place already\n")
        return 0
    sys.stdout.write(f"{words} is in place, signed by {', '.join(people)}\n")
    _restart(restart, or_back=kept)
    return 0


def _told(kept: "Releases", sha256: str, people: tuple[str, ...]) -> int:
    if kept.held.sha256 == sha256:
        sys.stdout.write("the release that is meant for this host is in place\n")
        return 0
    sys.stdout.write(f"there is another release, signed by {', '.join(people)}\n")
    return 3


def _signed_by(options: "Options", trust: TrustFlags, offered: "Offered") -> tuple[str, ...]:
    from vedette.agent.identity import IdentityFiles
    from vedette.agent.loader import hold
    from vedette.agent.trusted import Trusted

    now = clock.now()
    roots = trust.over(options.rules().trust).roots()
    bundle = Trusted(options.data_dir, roots).bundle(now=now)
    own = IdentityFiles(options.data_dir).fingerprint()
    return hold(bundle, offered, agent=own, now=now)


def _host(options: "Options") -> dict[str, Any]:
    from vedette.agent.facts import claims

    tags = options.rules().tags
    said = claims(started_at=clock.now(), tags=tags)
    return {
        "name": said.hostname,
        "queueloc": f"{said.os}.{said.machine_id}",
        "mode": "loader",
        "version": said.version,
        "environment": msgspec.json.decode(said.environment_json),
        "tags": dict(tags),
    }


def _key(file: Path | None) -> str:
    if file is None:
        raise Invalid("--loader-key-file is needed; the key was shown when the loader was made")
    try:
        return file.read_text().strip()
    except OSError as fault:
        raise Invalid(f"{file} cannot be read: {fault.strerror}") from None


def _restart(command: str, or_back: "Releases | None" = None) -> None:
    if not command:
        sys.stdout.write("restart the agent for it to count\n")
        return
    try:
        done = subprocess.run(  # noqa: S603 - what the owner of this host wrote
            shlex.split(command), capture_output=True, timeout=RESTART_S, check=False
        )
        words = done.stderr.decode(errors="replace").strip()[-300:] if done.returncode else ""
        failed = done.returncode != 0
    except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
        failed, words = True, str(fault)
    if not failed:
        return
    if or_back is not None and (or_back.folder / "current.old").exists():
        or_back.go_back()
        words += "; the release before is in place again"
    raise Unavailable(f"the agent could not be restarted: {words}")
