"""Sign-in at a provider of OpenID Connect: discovery, the code flow with PKCE, who someone is.

What the provider says is read within limits of time and size, over TLS unless it is on this machine,
and no redirect of its API is followed. Discovery and keys are kept for a while, since sign-ins are rare
and the provider may be slow.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog

from vedette import clock as wall
from vedette.access.handover import challenge_of
from vedette.access.id_token import ALGORITHMS, UnknownKey, claims_of, keys_of
from vedette.access.model import Role
from vedette.access.openid_options import OpenId
from vedette.access.provider_http import ask, refuse_open_url
from vedette.errors import Denied, Invalid, Missing, Unavailable

KEPT_FOR = timedelta(hours=1)
KEYS_ASKED_EVERY = timedelta(seconds=30)
"""An unknown key makes us ask again, and no more often than this."""
GROUPS_LIMIT = 1_000
EVERYBODY = "*"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
NAME_CLAIMS = ("preferred_username", "email", "name", "sub")

log = structlog.get_logger(__name__)


class Flow(msgspec.Struct, array_like=True, frozen=True):
    """A sign-in under way, kept sealed in its browser: what must come back, and where to go then."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    next: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says someone is; id_token: in which words, to remind it of them when they sign out."""

    issuer: str
    subject: str
    name: str
    roles: tuple[Role, ...]
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Provider:
    authorization: str
    token: str
    keys: str
    userinfo: str
    end_session: str
    device: str
    algorithms: frozenset[str]
    takes_basic: bool
    heard_at: datetime


class Provider:
    """One provider; safe to use by many sign-ins at once."""

    def __init__(self, options: OpenId, *, clock: Callable[[], datetime] = wall.now) -> None:
        refuse_open_url(options.issuer, "the issuer")
        self.options = options
        self._clock = clock
        self._found: _Provider | None = None
        self._keys: tuple[Mapping[str, Any], ...] = ()
        self._keys_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def begin(self, redirect_uri: str, *, next: str, lasts: timedelta) -> tuple[str, Flow]:  # noqa: A002 - as in the query
        """Return where to send the browser, and what it keeps meanwhile; raises Unavailable."""
        found = await self._provider()
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
            next=next,
            until=self._clock() + lasts,
        )
        query = {
            "response_type": "code",
            "client_id": self.options.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self.options.scopes))),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge_of(flow.verifier),
            "code_challenge_method": "S256",
        }
        return _with_query(found.authorization, query), flow

    async def identify(self, code: str, flow: Flow) -> Identity:
        """Return who came back with that code; raises Denied or Unavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        found = await self._provider()
        return await self._identity(found, await self._sent(found.token, form), flow.nonce)

    async def begin_device(self) -> dict[str, Any]:
        """Return what the provider says of a sign-in from elsewhere (RFC 8628, 3.2); raises Missing, Unavailable."""
        found = await self._provider()
        if not found.device:
            raise Missing(
                "the provider lets nobody sign in from a device", hint="vedette login --no-browser"
            )
        scope = " ".join(dict.fromkeys(("openid", *self.options.scopes)))
        return await self._sent(found.device, {"scope": scope})

    async def identify_device(self, device_code: str) -> Identity:
        """Return who agreed to that device; raises Refused while nobody has, Denied or Unavailable."""
        form = {"grant_type": DEVICE_GRANT, "device_code": device_code}
        found = await self._provider()
        return await self._identity(found, await self._sent(found.token, form), None)

    async def end_session_url(self, back: str, *, id_token: str = "") -> str | None:
        """Return where the browser signs out at the provider; None when it has no such place.

        id_token: the one it gave at the sign-in that ends, so that it need not ask who that was.
        """
        try:
            found = await self._provider()
        except Unavailable:
            return None
        if not found.end_session:
            return None
        query = {"client_id": self.options.client_id, "post_logout_redirect_uri": back}
        if id_token:
            query["id_token_hint"] = id_token
        return _with_query(found.end_session, query)

    def _roles(self, groups: object, name: str) -> tuple[Role, ...]:
        own = {groups} if isinstance(groups, str) else set()
        if isinstance(groups, list):
            own = {each for each in groups[:GROUPS_LIMIT] if isinstance(each, str)}
        if groups is None:
            log.warning("a person came without groups", name=name, claim=self.options.groups_claim)
        own.add(EVERYBODY)
        return tuple(role for role, named in self.options.roles.items() if own.intersection(named))

    async def _provider(self) -> _Provider:
        async with self._asking:
            now = self._clock()
            if self._found is None or now - self._found.heard_at > KEPT_FOR:
                self._found = await self._discover(now)
            return self._found

    async def _discover(self, now: datetime) -> _Provider:
        where = self.options.issuer.rstrip("/") + "/.well-known/openid-configuration"
        said = await ask("GET", where)
        if said.get("issuer") != self.options.issuer:
            raise Unavailable(
                f"the provider at {self.options.issuer} calls itself {str(said.get('issuer'))[:200]!a}",
                hint="sign_in.issuer must be what it calls itself, to the letter",
            )
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        algorithms = said.get("id_token_signing_alg_values_supported", ["RS256"])
        return _Provider(
            authorization=_endpoint(said, "authorization_endpoint"),
            token=_endpoint(said, "token_endpoint"),
            keys=_endpoint(said, "jwks_uri"),
            userinfo=_endpoint(said, "userinfo_endpoint", optional=True),
            end_session=_endpoint(said, "end_session_endpoint", optional=True),
            device=_endpoint(said, "device_authorization_endpoint", optional=True),
            algorithms=ALGORITHMS.intersection(word for word in algorithms if isinstance(word, str))
            if isinstance(algorithms, list)
            else frozenset(),
            takes_basic=isinstance(methods, list) and "client_secret_basic" in methods,
            heard_at=now,
        )

    async def _sent(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Return what the provider answers to a form of ours, sent as the client we are to it."""
        own, secret = self.options, self.options.client_secret()
        if secret is not None and (await self._provider()).takes_basic:
            # RFC 6749, 2.3.1: both are form-encoded before they become Basic.
            basic = (_quoted(own.client_id), _quoted(secret))
            return await ask("POST", url, form=form, basic=basic)
        known = {"client_id": own.client_id, **({"client_secret": secret} if secret else {})}
        return await ask("POST", url, form={**form, **known})

    async def _identity(
        self, found: _Provider, answer: Mapping[str, Any], nonce: str | None
    ) -> Identity:
        token = answer.get("id_token")
        claims = await self._claims(found, token, nonce)
        groups = _at(claims, self.options.groups_claim)
        if groups is None and found.userinfo:
            more = await self._userinfo(found, answer.get("access_token"), claims["sub"])
            claims = {**more, **claims}
            groups = _at(claims, self.options.groups_claim)
        name = next(str(claims[word]) for word in NAME_CLAIMS if claims.get(word))
        roles = self._roles(groups, name)
        return Identity(self.options.issuer, claims["sub"], name, roles, str(token))

    async def _claims(self, found: _Provider, token: Any, nonce: str | None) -> dict[str, Any]:  # noqa: ANN401 - JSON
        if not isinstance(token, str):
            raise Denied("the provider gave no ID token", hint="does it allow the scope openid?")
        rules: dict[str, Any] = {
            "issuer": self.options.issuer,
            "client_id": self.options.client_id,
            "nonce": nonce,
            "algorithms": found.algorithms,
            "now": self._clock(),
        }
        try:
            return claims_of(token, await self._known_keys(found), **rules)
        except UnknownKey:
            return claims_of(token, await self._known_keys(found, anew=True), **rules)

    async def _known_keys(
        self, found: _Provider, *, anew: bool = False
    ) -> tuple[Mapping[str, Any], ...]:
        async with self._asking:
            now = self._clock()
            age = None if self._keys_at is None else now - self._keys_at
            if age is None or age > KEPT_FOR or (anew and age >= KEYS_ASKED_EVERY):
                # Noted before it is asked: a provider that fails is not asked more often.
                self._keys_at = now
                self._keys = keys_of(await ask("GET", found.keys))
            return self._keys

    async def _userinfo(self, found: _Provider, token: object, subject: str) -> dict[str, Any]:
        if not isinstance(token, str):
            return {}
        said = await ask("GET", found.userinfo, bearer=token)
        if said.get("sub") != subject:
            raise Denied("the provider's userinfo is about somebody else", hint="sign in again")
        return said


def _endpoint(said: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    url = said.get(name)
    if url is None and optional:
        return ""
    try:
        refuse_open_url(str(url), name)
    except Invalid as error:
        raise Unavailable(f"the provider's discovery is of no use: {error.message}") from None
    return str(url)


def _at(claims: Mapping[str, Any], path: str) -> object:
    """Return the claim of that name, or along that path; None when there is none."""
    if path in claims:
        return claims[path]
    found: object = claims
    for word in path.split("."):
        found = found.get(word) if isinstance(found, dict) else None
    return found


def _quoted(text: str) -> str:
    return urlencode({"": text})[1:]


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return url + ("&" if urlsplit(url).query else "?") + urlencode(query)
