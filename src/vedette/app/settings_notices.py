"""Who is told of incidents, through which mail server or webhook: the section `notices` and its flags."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from msgspec import Meta, Struct

from vedette.app.settings_hooks import SECRET_VARIABLE, hooks_of
from vedette.errors import Invalid, Missing
from vedette.incidents.smtp import MailServer, Security
from vedette.incidents.webhook import Webhook

PASSWORD_VARIABLE = "VEDETTE_NOTICES_SMTP_PASSWORD"  # noqa: S105 - its name
PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
HERE = ("localhost", "127.0.0.1", "::1")
"""Where a password may go without TLS: it does not leave the machine."""
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")  # fmt: skip
DOTS = re.compile(r"^\.|\.\.|\.@")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")

Word = Literal["starttls", "tls", "none"]
LanguageWord = Literal["en", "de"]


def _says(text: str) -> Meta:
    return Meta(description=text)


class NoticesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of incidents and maintenances, by mail and by webhook; read at the start."""

    to: Annotated[
        list[str], _says("Addresses that are told of all that is public; default nobody.")
    ] = msgspec.field(default_factory=list)
    sender: Annotated[str | None, msgspec.Meta(description="The address that mail comes from.")] = (
        msgspec.field(default=None, name="from")
    )
    language: Annotated[LanguageWord | None, _says("Of our own words in it; default en.")] = None
    smtp_host: Annotated[str | None, _says("The mail server that takes it.")] = None
    smtp_port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        _says("Its port; default 587, with `tls` 465, with `none` 25."),
    ] = None
    smtp_tls: Annotated[
        Word | None, _says("`starttls` (default), `tls` from the start, or `none`.")
    ] = None
    smtp_user: Annotated[str | None, _says("Whom to sign in as; default nobody.")] = None
    smtp_password_file: Annotated[str | None, _says("File with the password.")] = None
    webhooks: Annotated[
        list[str], _says("Addresses of programs that are told, signed; https:// or this machine.")
    ] = msgspec.field(default_factory=list)
    webhook_secret_file: Annotated[
        str | None, _says("File with the secret that signs what goes to `webhooks`.")
    ] = None
    chats: Annotated[
        list[str], _says("Incoming webhooks of chats that take `text`, as Slack and Mattermost.")
    ] = msgspec.field(default_factory=list)


def _flag(env: str, help_text: str) -> Parameter:
    return Parameter(env_var=env, help=help_text, negative="")


@Parameter(name="*", group="Notices")
@dataclass(frozen=True, kw_only=True)
class NoticesFlags:
    """Flags of `up` and `serve`; None: not said."""

    notices_to: Annotated[
        list[str] | None,
        _flag("VEDETTE_NOTICES_TO", "Address that is told of incidents by mail; repeatable."),
    ] = None
    notices_from: Annotated[
        str | None, _flag("VEDETTE_NOTICES_FROM", "The address that mail comes from.")
    ] = None
    notices_language: Annotated[
        LanguageWord | None,
        _flag("VEDETTE_NOTICES_LANGUAGE", "Of our own words in mail; default en."),
    ] = None
    notices_smtp_host: Annotated[
        str | None, _flag("VEDETTE_NOTICES_SMTP_HOST", "The mail server that takes it.")
    ] = None
    notices_smtp_port: Annotated[
        int | None, _flag("VEDETTE_NOTICES_SMTP_PORT", "Its port; default 587, 465 or 25.")
    ] = None
    notices_smtp_tls: Annotated[
        Word | None,
        _flag("VEDETTE_NOTICES_SMTP_TLS", "starttls (default), tls from the start, or none."),
    ] = None
    notices_smtp_user: Annotated[
        str | None, _flag("VEDETTE_NOTICES_SMTP_USER", "Whom to sign in as; default nobody.")
    ] = None
    notices_smtp_password_file: Annotated[
        Path | None,
        _flag(
            "VEDETTE_NOTICES_SMTP_PASSWORD_FILE",
            "File with the password; nobody reads it on the command line.",
        ),
    ] = None
    notices_webhooks: Annotated[
        list[str] | None,
        _flag("VEDETTE_NOTICES_WEBHOOKS", "Address of a program that is told; repeatable."),
    ] = None
    notices_webhook_secret_file: Annotated[
        Path | None,
        _flag("VEDETTE_NOTICES_WEBHOOK_SECRET_FILE", "File with the secret that signs it."),
    ] = None
    notices_chats: Annotated[
        list[str] | None,
        _flag(
            "VEDETTE_NOTICES_CHATS",
            "Incoming webhook of a chat; repeatable. What is a secret belongs in the file.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Whom one server tells. server: None tells nobody by mail. Files: where what they hold came from."""

    to: tuple[str, ...] = ()
    sender: str = ""
    language: str = "en"
    server: MailServer | None = None
    password_file: Path | None = None
    hooks: tuple[Webhook, ...] = ()
    secret_file: Path | None = None


def notices_of(
    flags: NoticesFlags, said: NoticesSettings, environ: Mapping[str, str] = os.environ
) -> Notices:
    """Return what flags and environment say, and below them the file; raises Invalid or Missing."""
    to = tuple(dict.fromkeys(flags.notices_to or said.to))
    sender = flags.notices_from or said.sender or ""
    for address in (*to, *([sender] if sender else [])):
        if not ADDRESS.fullmatch(address) or DOTS.search(address):
            raise Invalid(f"{address[:80]!a} is no address of a mail", hint="as ops@example.org")
    language = flags.notices_language or said.language or "en"
    server = _server(flags, said, environ)
    if to and (server is None or not sender):
        raise Invalid(
            "notices need a mail server and a sender",
            hint="--notices-smtp-host and --notices-from, or notices.smtp_host and notices.from",
        )
    secret_file = _secret_file(flags.notices_webhook_secret_file, said, environ)
    return Notices(
        to=to,
        sender=sender,
        language=language,
        server=server if to else None,
        password_file=_password_file(flags, said, environ),
        hooks=hooks_of(
            flags.notices_webhooks or said.webhooks,
            flags.notices_chats or said.chats,
            _read(secret_file, "--notices-webhook-secret-file", environ.get(SECRET_VARIABLE, "")),
        ),
        secret_file=secret_file,
    )


def _server(
    flags: NoticesFlags, said: NoticesSettings, environ: Mapping[str, str]
) -> MailServer | None:
    host = flags.notices_smtp_host or said.smtp_host
    if not host:
        return None
    if not HOST.fullmatch(host):
        raise Invalid("--notices-smtp-host is no name of a host")
    security = Security(flags.notices_smtp_tls or said.smtp_tls or Security.STARTTLS)
    port = flags.notices_smtp_port or said.smtp_port or PORTS[security]
    if not 0 < port < 65_536:
        raise Invalid(f"--notices-smtp-port {port} is no port")
    user = flags.notices_smtp_user or said.smtp_user or ""
    password = _password(flags, said, environ)
    if user and security is Security.NONE and host not in HERE:
        raise Invalid(
            "the password of the mail server would cross a network in the clear",
            hint="--notices-smtp-tls starttls or tls",
        )
    if user and not password:
        raise Missing(
            f"the mail server wants the password of {user!a}",
            hint=f"--notices-smtp-password-file or {PASSWORD_VARIABLE}",
        )
    return MailServer(host=host, port=port, security=security, user=user, password=password)


def _password(flags: NoticesFlags, said: NoticesSettings, environ: Mapping[str, str]) -> str:
    named = _password_file(flags, said, environ)
    return _read(named, "--notices-smtp-password-file", environ.get(PASSWORD_VARIABLE, ""))


def _read(named: Path | None, flag: str, otherwise: str) -> str:
    """Return what the file holds, where one is named."""
    if named is None:
        return otherwise
    try:
        secret = named.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Missing(f"{flag} {named} cannot be read: {reason}") from None
    if not secret:
        raise Missing(f"{flag} {named} is empty")
    return secret


def _password_file(
    flags: NoticesFlags, said: NoticesSettings, environ: Mapping[str, str]
) -> Path | None:
    # A password in the environment goes before a file that the settings file names.
    if flags.notices_smtp_password_file is not None or environ.get(PASSWORD_VARIABLE):
        return flags.notices_smtp_password_file
    return Path(said.smtp_password_file) if said.smtp_password_file else None


def _secret_file(
    named: Path | None, said: NoticesSettings, environ: Mapping[str, str]
) -> Path | None:
    if named is not None or environ.get(SECRET_VARIABLE):
        return named
    return Path(said.webhook_secret_file) if said.webhook_secret_file else None
