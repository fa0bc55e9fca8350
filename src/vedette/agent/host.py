"""`agent.yaml`: what the owner of this host lets pushed configuration use.

The server names targets and settings; whether a program may be run, a secret be read or an address
be reached from here is decided by this file alone, which no server can change.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from vedette import durations
from vedette.agent.host_actions import LimitRules, TrustRules, check_limits, check_words
from vedette.errors import Invalid
from vedette.logs import LogSettings
from vedette.sizes import size_bytes


class SpoolRules(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much may wait on disk for a server that is away.

    size: at most so much (`256MiB`). age: and nothing older (`7d`).
    """

    size: str = "256MiB"
    age: str = "7d"


class HostRules(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything `agent.yaml` may say; what it does not say is not allowed, except to connect.

    commands: name → program and arguments; the server sends the name, never a command line.
    secrets_dir: files below it may be named by a target's `*_file`; relative ones start here.
    secret_files: further files that may be, each by its exact path.
    env: names of environment variables a target's `${NAME}` may use.
    reach: `host:port` patterns; see `agent/reach.py`. Empty: everywhere but link-local addresses.
    asks: what targets may be asked through this agent: `all`, `none`, or a list of commands' names.
    spool: bounds of the spool.
    actions: what signed actions may run here: `all`, `none`, or a list of modules' names.
    trust: whom this host obeys; nobody when empty.
    limits: how much an operation of an action may take; they win over what the action says.
    sandbox: `full`, or `partial`: run modules, too, where the kernel cannot keep them in as it should.
    privacy: mask names of files and users, and other people's addresses, in what modules answer.
    persistent: modules that keep running here (fswatch, audit, dispatch), each with its settings.
    checkin: do what waits and leave, instead of staying.
    tags: what this agent claims of itself; decides nothing on the server.
    metrics: `HOST:PORT` for this agent's own /metrics and /healthz; none when empty.
    server, ca_fingerprint, join_file, name: how it enrols, as the flags of `vedette agent`.
    log: where its log goes. Flags and environment go before `metrics` and all that follows.
    """

    commands: dict[str, list[str]] = {}
    secrets_dir: str = ""
    secret_files: list[str] = []
    env: list[str] = []
    reach: list[str] = []
    asks: list[str] | str = "all"
    spool: SpoolRules = SpoolRules()
    actions: list[str] | str = "all"
    trust: TrustRules = TrustRules()
    limits: LimitRules = LimitRules()
    sandbox: str = "full"
    privacy: bool = False
    persistent: dict[str, dict[str, Any]] = {}
    checkin: bool = False
    tags: dict[str, str] = {}
    metrics: str = ""
    server: str = ""
    ca_fingerprint: str = ""
    join_file: str = ""
    name: str = ""
    log: LogSettings = LogSettings()


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "spool": SpoolRules,
    "trust": TrustRules,
    "limits": LimitRules,
    "log": LogSettings,
}


def load_host_rules(path: Path | None) -> HostRules:
    """Return what the file says, the defaults without one; raises `Invalid` naming the key."""
    if path is None:
        return HostRules()
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        said = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - a safe loader, in C if there
    except OSError as fault:
        raise Invalid(
            f"{path} cannot be read: {fault.strerror}", hint="--config names the agent.yaml"
        ) from None
    except yaml.YAMLError as fault:
        raise Invalid(f"{path} is not YAML: {' '.join(str(fault).split())}") from None
    return read_host_rules({} if said is None else said, str(path))


def read_host_rules(said: Any, source: str = "agent.yaml") -> HostRules:  # noqa: ANN401 - as YAML gave it
    """Check what was read and return it as rules."""
    refuse_unknown(said, HostRules, source)
    for key, form in _SECTIONS.items():
        if isinstance(said, dict) and key in said:
            refuse_unknown(said[key], form, f"{source}: {key}")
    try:
        rules = msgspec.convert(said, HostRules)
    except msgspec.ValidationError as fault:
        raise Invalid(f"{source}: {fault}") from None
    if isinstance(rules.asks, str) and rules.asks not in ("all", "none"):
        raise Invalid(f"{source}: asks is {rules.asks!r}", hint="write all, none or [locks, info]")
    check_words(rules.actions, rules.sandbox, source)
    check_limits(rules.limits, source)
    size_bytes(rules.spool.size)
    durations.parse(rules.spool.age)
    rules.log.checked()
    for name, command in rules.commands.items():
        if not command or not Path(command[0]).is_absolute():
            raise Invalid(
                f"{source}: the command {name!r} must be a list that begins with an absolute path"
            )
    if rules.secrets_dir and not Path(rules.secrets_dir).is_absolute():
        raise Invalid(f"{source}: secrets_dir must be an absolute path, not {rules.secrets_dir!r}")
    from vedette.agent.reach import Patterns

    Patterns(rules.reach)
    return rules


def allowed_environment(rules: HostRules) -> dict[str, str]:
    """Return those variables of this process that targets may use."""
    return {name: os.environ[name] for name in rules.env if name in os.environ}


def refuse_unknown(said: object, form: type[msgspec.Struct], source: str) -> None:
    """Raise `Invalid` at a key the form does not know, with the one that was meant."""
    known = form.__struct_fields__
    for key in said if isinstance(said, dict) else ():
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it knows: {', '.join(known)}"
            raise Invalid(f"{source} has no key {key!r}", hint=hint)
