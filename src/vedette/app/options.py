"""What a server is started with: flags before `VEDETTE_*` before the settings file before defaults.

cyclopts has already put the environment under the flags (`env_var`), so a flag that is None was
said by neither.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vedette.access.openid_options import OpenId
from vedette.actions.spool_rules import Spooling
from vedette.app.addresses import Address, parse_address
from vedette.app.settings import ServerSettings
from vedette.app.settings_cache import Cache
from vedette.app.settings_notices import Notices
from vedette.app.settings_reporters import Reporters
from vedette.errors import Invalid, Missing
from vedette.logs import LogSettings
from vedette.records.options import RecordOptions

DEFAULT_HTTP = "127.0.0.1:8080"
DEFAULT_GRPC = "127.0.0.1:4000"
DEFAULT_GRPC_CLIENTS = "127.0.0.1:0"

STDERR = LogSettings()
NO_REPORTERS = Reporters()
IN_ITSELF = Cache()
NOBODY_IS_TOLD = Notices()
AS_USUAL = RecordOptions()

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _flag(env: str | list[str], help_text: str, name: str | None = None) -> Parameter:
    return Parameter(name=name, env_var=env, help=help_text, negative="")


@Parameter(name="*", group="Listening")
@dataclass(frozen=True, kw_only=True)
class Listening:
    """Flags of `up` and `serve`; None: not said."""

    http: Annotated[
        str | None, _flag("VEDETTE_HTTP", "Pages and REST; default 127.0.0.1:8080.")
    ] = None
    grpc: Annotated[
        str | None, _flag("VEDETTE_GRPC", "Agents, with a certificate; default 127.0.0.1:4000.")
    ] = None
    grpc_clients: Annotated[
        str | None,
        _flag("VEDETTE_GRPC_CLIENTS", "Enrolment and clients; default a free loopback port."),
    ] = None
    grpc_reach: Annotated[
        str | None,
        _flag("VEDETTE_GRPC_REACH", "HOST:PORT of --grpc as agents reach it; default as bound."),
    ] = None
    dbmon_port: Annotated[
        str | None,
        _flag(
            "VEDETTE_DBMON_PORT",
            "[HOST:]PORT where clients of dbmon pull in the clear, without sign-in; default nowhere, "
            "and 127.0.0.1 where only a port is given.",
        ),
    ] = None
    tls_cert: Annotated[
        str | None, _flag("VEDETTE_TLS_CERT", "Certificate chain of --http, PEM.")
    ] = None
    tls_key: Annotated[str | None, _flag("VEDETTE_TLS_KEY", "Its private key, PEM.")] = None
    behind_proxy: Annotated[
        list[str] | None,
        _flag("VEDETTE_BEHIND_PROXY", "Network (CIDR) of the proxy that ends TLS; repeatable."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A server that may be started: every rule about listening holds.

    dbmon: where dbmon's clients come in the clear; None is nowhere. behind_proxy: networks whose
    forwarded headers are believed. config: the settings file; None leaves what was declared before.
    """

    http: Address
    grpc: Address
    grpc_clients: Address
    grpc_reach: Address | None = None
    dbmon: Address | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: tuple[str, ...] = ()
    config: Path | None = None
    seal_key: Path
    data_dir: Path | None = None
    reporters: Reporters = NO_REPORTERS
    sign_in: OpenId | None = None
    cache: Cache = IN_ITSELF
    notices: Notices = NOBODY_IS_TOLD
    records: RecordOptions = AS_USUAL
    spool: Spooling | None = None
    log: LogSettings = STDERR

    @property
    def ports(self) -> tuple[tuple[Address, str], ...]:
        """Where it listens, each with the flag that says so."""
        return (
            (self.http, "--http"),
            (self.grpc, "--grpc"),
            (self.grpc_clients, "--grpc-clients"),
            *([(self.dbmon, "--dbmon-port")] if self.dbmon else []),
        )


def listening(
    flags: Listening, settings: ServerSettings, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Return the parts of `Options` that say where and how to listen; raise `Invalid`."""
    said = {
        key: getattr(flags, key) or resolve(getattr(settings, key), environ, f"server.{key}")
        for key in ("http", "grpc", "grpc_clients", "grpc_reach", "tls_cert", "tls_key")
    }
    networks = flags.behind_proxy or [
        resolve(each, environ, "server.behind_proxy") or "" for each in settings.behind_proxy
    ]
    found: dict[str, Any] = {
        "http": parse_address(said["http"] or DEFAULT_HTTP, what="--http"),
        "grpc": parse_address(said["grpc"] or DEFAULT_GRPC, what="--grpc"),
        "grpc_clients": parse_address(
            said["grpc_clients"] or DEFAULT_GRPC_CLIENTS, what="--grpc-clients"
        ),
        "grpc_reach": said["grpc_reach"] and parse_address(said["grpc_reach"], what="--grpc-reach"),
        "dbmon": _dbmon(flags.dbmon_port, settings.dbmon_port, environ),
        "behind_proxy": tuple(_network(each) for each in networks),
        "tls_cert": _file(said["tls_cert"], "--tls-cert"),
        "tls_key": _file(said["tls_key"], "--tls-key"),
    }
    refuse_naked_http(found)
    return found


def _dbmon(
    flag: str | None, setting: str | int | None, environ: Mapping[str, str]
) -> Address | None:
    said = flag or resolve(None if setting is None else str(setting), environ, "server.dbmon_port")
    if not said:
        return None
    # Whoever gives a port alone opens it to this machine alone: nobody signs in there.
    alone = f"127.0.0.1:{said.strip()}" if said.strip().isdecimal() else said
    return parse_address(alone, what="--dbmon-port")


def refuse_naked_http(found: Mapping[str, Any]) -> None:
    """Raise `Invalid` when tokens would cross a network unencrypted, or half of TLS is missing."""
    http: Address = found["http"]
    if (found["tls_cert"] is None) != (found["tls_key"] is None):
        raise Invalid("--tls-cert and --tls-key go together")
    if http.is_loopback or found["tls_cert"] is not None or found["behind_proxy"]:
        return
    raise Invalid(
        f"--http {http} would carry tokens over a network without TLS",
        hint="give --tls-cert and --tls-key, or --behind-proxy CIDR of the proxy that ends TLS",
    )


def database_url(
    flag: str | None,
    file_flag: Path | None,
    settings: ServerSettings,
    environ: Mapping[str, str],
) -> str | None:
    """Return the URL of a database of yours; None: none was named. The flags come first."""
    if flag and file_flag:
        raise Invalid(
            "the database is named by --database-url and by --database-url-file",
            hint="give one of them; either may come from the environment",
        )
    if flag:
        return flag
    if file_flag is not None:
        return _url_in(file_flag, "--database-url-file")
    where = "server.database_url_file"
    if named := resolve(settings.database_url_file, environ, where):
        return _url_in(Path(named), where)
    return resolve(settings.database_url, environ, "server.database_url")


def _url_in(path: Path, what: str) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Missing(f"{what} {path} cannot be read: {reason}") from None


def path_of(
    flag: Path | None, key: str, settings: ServerSettings, environ: Mapping[str, str]
) -> Path | None:
    """Return the path that the flag names, or that key of `server`; None: none was named."""
    named = resolve(getattr(settings, key), environ, f"server.{key}")
    return flag or (Path(named) if named else None)


def resolve(text: str | None, environ: Mapping[str, str], where: str) -> str | None:
    """Return the text with every `${NAME}` replaced; raise `Missing` when one is not set."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise Missing(
                f"{where} names ${{{match[1]}}}, which is not set", hint=f"export {match[1]}=…"
            )
        return environ[match[1]]

    return None if text is None else _REFERENCE.sub(value, text)


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError as error:
        raise Invalid(f"--behind-proxy: {error}", hint="write a network as 10.0.0.0/8") from None


def _file(text: str | None, flag: str) -> Path | None:
    if text is None:
        return None
    path = Path(text)
    if not path.is_file():
        raise Missing(f"{flag}: there is no file {path}")
    return path
