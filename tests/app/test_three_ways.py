"""Whatever a long-running program can be told, it can be told by flag, environment and file."""

import os
from copy import deepcopy
from dataclasses import fields
from types import SimpleNamespace

import pytest
import yaml

from vedette.app.tree import tree
from vedette.errors import VedetteError

LOG = {
    "log-format": ("json", "text"),
    "log-level": ("debug", "error"),
    "log-file": ("one.log", "two.log"),
    "log-file-size": ("2MB", "3MB"),
    "log-file-keep": (2, 3),
}
SERVER = LOG | {
    "http": ("127.0.0.1:8001", "127.0.0.1:8002"),
    "grpc": ("127.0.0.1:4001", "127.0.0.1:4002"),
    "grpc-clients": ("127.0.0.1:4003", "127.0.0.1:4004"),
    "grpc-reach": ("a.example:1", "b.example:2"),
    "dbmon-port": ("127.0.0.1:4005", "127.0.0.1:4006"),
    "tls-cert": ("one", "two"),
    "tls-key": ("one", "two"),
    "behind-proxy": (["10.0.0.0/8"], ["10.1.0.0/16"]),
    "database-url": ("postgresql://h/one", "postgresql://h/two"),
    "database-url-file": ("one", "two"),
    "seal-key-file": ("one", "two"),
    "spool": ("one-dir", "two-dir"),
    "keep-spooled": ("1h", "2d"),
    "data-dir": ("one-dir", "two-dir"),
    "reporter-secret-file": ("one", "two"),
    "reporter-claim": ("one", "two"),
    "reporter-titles": ("compatible", "named"),
    "cache-type": ("redis", "null"),
    "cache-key-prefix": ("one:", "two:"),
    "cache-default-timeout": ("20", "2m"),
    "cache-redis-url": ("redis://one", "redis://two/1"),
    "cache-redis-host": ("one", "two"),
    "cache-redis-port": (6381, 6382),
    "cache-redis-password-file": ("one", "two"),
    "notices-to": (["one@example.org"], ["two@example.org"]),
    "notices-from": ("one@example.org", "two@example.org"),
    "notices-language": ("de", "en"),
    "notices-smtp-host": ("one", "two"),
    "notices-smtp-port": (26, 27),
    "notices-smtp-tls": ("tls", "none"),
    "notices-smtp-user": ("one", "two"),
    "notices-smtp-password-file": ("one", "two"),
    "notices-webhooks": (["https://one.example"], ["https://two.example"]),
    "notices-webhook-secret-file": ("one", "two"),
    "notices-chats": (["https://one.example"], ["https://two.example"]),
    "records-max-body": ("20MiB", "30MiB"),
    "records-causes-within": ("2h", "0s"),
    "records-expire-after": ("1h", "2h"),
    "records-keep-days": ("31d", "62d"),
    "records-keep-looks": ("31d", "62d"),
    "compat-latest-per-scope": (True, False),
    "compat-dora-without-token": (True, False),
    "sign-in-issuer": ("https://one", "https://two"),
    "sign-in-client-id": ("one", "two"),
    "sign-in-client-secret-file": ("one", "two"),
    "sign-in-scopes": (["openid"], ["profile"]),
    "sign-in-groups-claim": ("one", "two"),
    "sign-in-roles": (["operator=one"], ["admin=two"]),
    "sign-in-base-url": ("https://a.example", "https://b.example"),
}
ENROLMENT = LOG | {
    "server": ("a.example:1", "b.example:2"),
    "join": ("vdj_one", "vdj_two"),
    "join-file": ("one", "two"),
    "ca-fingerprint": ("sha256:one", "sha256:two"),
    "name": ("one", "two"),
    "data-dir": ("one-dir", "two-dir"),
}
SAMPLES = {
    "serve": SERVER,
    "up": SERVER
    | {
        "agent": (False, True),
        "db-listen": ("127.0.0.1:5001", "127.0.0.1:5002"),
        "insecure": (True, None),
        "pg-bin": ("one-dir", "two-dir"),
    },
    "agent": ENROLMENT
    | {
        "metrics": ("127.0.0.1:9001", "127.0.0.1:9002"),
        "checkin": (True, False),
        "trust-root": (f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"),
        "trust-threshold": (2, 3),
        "trust-root-file": ("one-roots", "two-roots"),
        "trust-bundle": ("one", "two"),
    },
    "collector": ENROLMENT
    | {
        "listen": ("127.0.0.1:4011", "127.0.0.1:4012"),
        "enrol": ("127.0.0.1:4013", "127.0.0.1:4014"),
        "reach": ("a.example:1", "b.example:2"),
        "spool-size": ("1MB", "2MB"),
        "spool-age": ("1d", "2d"),
    },
}
"""Program → flag → two values it may have; of the second, None: no flag says it."""

NOT_IN_THE_FILE = {
    ("agent", "data-dir"): "agent.yaml stands in it",
    ("collector", "data-dir"): "collector.yaml stands in it",
    ("agent", "join"): "a token is good once and no setting; join_file names where it is",
    ("collector", "join"): "a token is good once and no setting; join_file names where it is",
}
NAMES_THE_FILE = "config"
SECTIONS = {
    "log": "log",
    "spool": "spool",
    "reporter": "reporters",
    "sign-in": "sign_in",
    "cache": "cache",
    "notices": "notices",
    "records": "records",
    "compat": "compat",
    "trust": "trust",
}
"""How a flag begins whose key stands in a section of its own."""

VARIABLES = {"join": "VEDETTE_JOIN_TOKEN"}
"""Flags whose variable has a name of its own."""

SIGN_IN = {
    "sign_in": {"issuer": "https://base", "client_id": "base", "roles": {"viewer": ["base"]}}
}
NOTICES = {
    "notices": {"to": ["a@example.org"], "from": "b@example.org", "smtp_host": "localhost"}
    | {"smtp_user": "base", "smtp_password_file": "base"}
    | {"webhooks": ["https://base.example"], "webhook_secret_file": "base"}
}
BASES = {
    "serve": {"server": {"database_url": "postgresql://h/base", "seal_key_file": "base"}}
    | SIGN_IN
    | NOTICES,
    "up": {"server": {"data_dir": "base-dir"}} | SIGN_IN | NOTICES,
    "agent": {"server": "h:1", "ca_fingerprint": "sha256:x", "join_file": "base"},
    "collector": {"server": "h:1", "ca_fingerprint": "sha256:x", "join_file": "base"},
}
BESIDE = {
    "tls-cert": {"tls_cert": "base", "tls_key": "base"},
    "tls-key": {"tls_cert": "base", "tls_key": "base"},
    "keep-spooled": {"spool": "one-dir"},
    "insecure": {"db_listen": "10.0.0.1:5432"},
    "trust-root": {"trust": {"threshold": 2}},
    "trust-threshold": {"trust": {"root": f"sha256:{'1' * 64}"}},
}
"""What must be said too, so that the flag has an effect."""

CASES = [(program, flag) for program, samples in SAMPLES.items() for flag in samples]


def flags_of(program):
    return {
        argument.name.removeprefix("--"): argument
        for argument in tree()[program].assemble_argument_collection()
        if argument.show
    }


@pytest.mark.parametrize("program", SAMPLES)
def test_every_flag_is_tried_here_and_has_its_variable(program):
    flags = flags_of(program)
    assert set(flags) - {NAMES_THE_FILE} == set(SAMPLES[program])
    for flag, argument in flags.items():
        variable = VARIABLES.get(flag, "VEDETTE_" + flag.upper().replace("-", "_"))
        assert variable in (argument.parameter.env_var or ()), flag


class World:
    """A folder with what flags may name, and the programs up to where they would begin to run."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder, monkeypatch
        self.seen = []
        for name in ("one", "two", "base"):
            (folder / name).write_text(f"postgresql://host/{name}-file")
            (folder / f"{name}-dir").mkdir()
        for number, name in enumerate(("one-roots", "two-roots"), 1):
            (folder / name).write_text(f"root: sha256:{str(number) * 64}\nthreshold: 2\n")
        monkeypatch.chdir(folder)
        for name in [name for name in os.environ if name.startswith(("VEDETTE_", "DASHDOTDB_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setattr("vedette.app.program.run_program", self._run)
        monkeypatch.setattr("vedette.agent.enrol.enrol", self._enrol)
        monkeypatch.setattr("vedette.logs.configure_logs", lambda said, **_: self.seen.append(said))
        monkeypatch.setattr("vedette.app.commands.collector._run", self._relay)
        monkeypatch.setattr("os.execve", lambda _, words, __: self.seen.append(words[-1]))

    def _run(self, program, log):
        told = dict(program.cr_frame.f_locals)
        program.close()
        if "upping" in told:
            told = {
                field.name: getattr(told["upping"], field.name) for field in fields(told["upping"])
            }
        # What the file said differs, of course, by where the setting stood.
        self.seen += [log, {key: value for key, value in told.items() if key != "settings"}]

    async def _enrol(self, directory, joining, *, tags):
        self.seen += [directory, joining, tags]
        return SimpleNamespace(held=SimpleNamespace(name="x"))

    async def _relay(self, who, *told):
        self.seen += told

    def effect(self, program, *words, file, env=None):
        """What the program would begin to run with, as text; a refusal is its line."""
        self.seen.clear()
        config = self.folder / "settings.yaml"
        config.write_text(yaml.safe_dump(file))
        with self.patch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            try:
                tree()(
                    [program, "--config=settings.yaml", *words],
                    exit_on_error=False,
                    print_error=False,
                    result_action="return_value",
                )
            except VedetteError as error:
                return str(error)
        return "\n".join(map(repr, self.seen))


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def in_file(program, flag, value):
    """The settings file in which that flag's key has that value; None: as it is without it."""
    base = {
        key: dict(part) if isinstance(part, dict) else part for key, part in BASES[program].items()
    }
    home = base.setdefault("server", {}) if program in {"serve", "up"} else base
    home.update(deepcopy(BESIDE.get(flag, {})))
    if value is None:
        return base
    section = next((word for word in SECTIONS if flag.startswith(f"{word}-")), "")
    if section:
        key = flag.removeprefix(f"{section}-").replace("-", "_")
        part = base.setdefault(SECTIONS[section], {})
        part[key] = (
            {role: [group] for role, group in (word.split("=") for word in value)}
            if key == "roles"
            else value
        )
    else:
        home[flag.replace("-", "_")] = value
    if flag == "database-url-file":
        home.pop("database_url", None)
    return base


def as_flag(flag, value):
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag}={value[0] if isinstance(value, list) else value}"


def as_variable(flag, value):
    text = (
        value[0]
        if isinstance(value, list)
        else str(value).lower()
        if value in (True, False)
        else str(value)
    )
    return {VARIABLES.get(flag, "VEDETTE_" + flag.upper().replace("-", "_")): text}


@pytest.mark.parametrize(("program", "flag"), CASES)
def test_flag_variable_and_key_have_the_same_effect(world, program, flag):
    value = SAMPLES[program][flag][0]
    bare = in_file(program, flag, None)
    by_flag = world.effect(program, as_flag(flag, value), file=bare)
    by_variable = world.effect(program, file=bare, env=as_variable(flag, value))
    assert by_variable == by_flag
    assert by_flag != world.effect(program, file=bare), "it has an effect"
    if (program, flag) not in NOT_IN_THE_FILE:
        assert world.effect(program, file=in_file(program, flag, value)) == by_flag


@pytest.mark.parametrize(("program", "flag"), CASES)
def test_a_flag_goes_before_the_variable_and_that_before_the_file(world, program, flag):
    one, two = SAMPLES[program][flag]
    if two is None:
        pytest.skip("it is said or not")
    bare = in_file(program, flag, None)
    by_one = world.effect(program, as_flag(flag, one), file=bare)
    assert (
        world.effect(program, as_flag(flag, one), file=bare, env=as_variable(flag, two)) == by_one
    )
    if (program, flag) not in NOT_IN_THE_FILE:
        other = in_file(program, flag, two)
        assert world.effect(program, file=other, env=as_variable(flag, one)) == by_one
        assert world.effect(program, as_flag(flag, one), file=other) == by_one
