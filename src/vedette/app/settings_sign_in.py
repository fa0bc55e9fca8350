"""How people sign in: the section `sign_in` and its flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from msgspec import Meta, Struct, field

from vedette.access.model import Role, roles_of
from vedette.access.openid_options import OpenId
from vedette.access.provider_http import refuse_open_url
from vedette.errors import Invalid

RoleName = Literal["viewer", "operator", "investigator", "admin"]
Group = Annotated[str, Meta(min_length=1, max_length=300)]

DEFAULT_SCOPES = ("openid", "profile", "email")
DEFAULT_CLAIM = "groups"


def _says(text: str) -> Meta:
    return Meta(description=text)


class SignInSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider of OpenID Connect that people sign in at; read at the start."""

    issuer: Annotated[str | None, _says("The provider, to the letter as it calls itself.")] = None
    client_id: Annotated[str | None, _says("What we are called there.")] = None
    client_secret_file: Annotated[
        str | None, _says("File with our secret there; none: a public client.")
    ] = None
    scopes: Annotated[
        list[str], _says("Asked of the provider; default openid, profile, email.")
    ] = field(default_factory=list)
    groups_claim: Annotated[
        str | None,
        _says("Claim that lists a person's groups, as `realm_access.roles`; default `groups`."),
    ] = None
    roles: Annotated[
        dict[RoleName, list[Group]], _says("Role → groups that have it; `*` is everybody.")
    ] = field(default_factory=dict)
    base_url: Annotated[
        str | None, _says("Where browsers find us, https://HOST; default as they ask.")
    ] = None


def _flag(env: str, help_text: str) -> Parameter:
    return Parameter(env_var=env, help=help_text, negative="")


@Parameter(name="*", group="Sign-in")
@dataclass(frozen=True, kw_only=True)
class SignInFlags:
    """Flags of `up` and `serve`; None: not said."""

    sign_in_issuer: Annotated[
        str | None, _flag("VEDETTE_SIGN_IN_ISSUER", "Provider of OpenID Connect; default none.")
    ] = None
    sign_in_client_id: Annotated[
        str | None, _flag("VEDETTE_SIGN_IN_CLIENT_ID", "What this server is called there.")
    ] = None
    sign_in_client_secret_file: Annotated[
        Path | None, _flag("VEDETTE_SIGN_IN_CLIENT_SECRET_FILE", "File with its secret there.")
    ] = None
    sign_in_scopes: Annotated[
        list[str] | None,
        _flag("VEDETTE_SIGN_IN_SCOPES", "Scopes to ask for; default openid profile email."),
    ] = None
    sign_in_groups_claim: Annotated[
        str | None,
        _flag("VEDETTE_SIGN_IN_GROUPS_CLAIM", "Claim with a person's groups; default groups."),
    ] = None
    sign_in_roles: Annotated[
        list[str] | None,
        _flag("VEDETTE_SIGN_IN_ROLES", "ROLE=GROUP, as in operator=sre; * is everybody."),
    ] = None
    sign_in_base_url: Annotated[
        str | None,
        _flag("VEDETTE_SIGN_IN_BASE_URL", "Where browsers find us; default as they ask."),
    ] = None


def sign_in_of(flags: SignInFlags, said: SignInSettings) -> OpenId | None:
    """Return what flags and environment say, and below them the file; None: people have tokens alone.

    Raises Invalid for what is half said, Missing when the secret is not in its file.
    """
    issuer = flags.sign_in_issuer or said.issuer
    client_id = flags.sign_in_client_id or said.client_id
    roles = _roles(flags.sign_in_roles) if flags.sign_in_roles else _given(said.roles)
    if issuer is None:
        if client_id or roles:
            raise Invalid("sign_in names no issuer", hint="give --sign-in-issuer https://…")
        return None
    refuse_open_url(issuer, "--sign-in-issuer")
    if not client_id:
        raise Invalid("sign_in names no client", hint="give --sign-in-client-id NAME")
    if not roles:
        raise Invalid(
            "sign_in gives nobody a role", hint="give --sign-in-roles operator=GROUP, or viewer=*"
        )
    base_url = flags.sign_in_base_url or said.base_url
    if base_url is not None:
        refuse_open_url(base_url, "--sign-in-base-url")
    path = flags.sign_in_client_secret_file or (
        Path(said.client_secret_file) if said.client_secret_file else None
    )
    found = OpenId(
        issuer=issuer,
        client_id=client_id,
        client_secret_file=path,
        scopes=tuple(flags.sign_in_scopes or said.scopes or DEFAULT_SCOPES),
        groups_claim=flags.sign_in_groups_claim or said.groups_claim or DEFAULT_CLAIM,
        roles=roles,
        base_url=base_url,
    )
    found.client_secret()
    return found


def _given(said: Mapping[RoleName, list[str]]) -> dict[Role, tuple[str, ...]]:
    return {Role(role): tuple(groups) for role, groups in said.items() if groups}


def _roles(pairs: list[str]) -> dict[Role, tuple[str, ...]]:
    found: dict[Role, tuple[str, ...]] = {}
    for pair in pairs:
        word, _, group = pair.partition("=")
        if not group:
            raise Invalid(f"--sign-in-roles {pair[:80]!a} is no ROLE=GROUP", hint="operator=sre")
        [role] = roles_of([word])
        found[role] = (*found.get(role, ()), group)
    return found
