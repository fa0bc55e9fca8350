"""Signing in and out: at the provider, with an account for emergencies, or with a token."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from psycopg_pool import AsyncConnectionPool

from vedette.access.local_accounts import check_password, there_are_accounts
from vedette.access.openid import Provider
from vedette.access.people import recognise
from vedette.access.sessions import (
    BROWSER,
    LOCAL,
    actor_name,
    begin_session,
    end_session,
    hint_of,
    session_of,
)
from vedette.errors import Denied, Invalid, Missing, Unavailable
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.lent import lent
from vedette.web.reader import N_, gettext, in_their_words
from vedette.web.session import FLOW_LASTS
from vedette.web.templates import render
from vedette.web.visitors import READ, Visitors, after_sign_in, refuse_foreign

HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?")
CODE_LIMIT = 4_096


@dataclass(frozen=True, slots=True)
class SignIn:
    """What lets people in: the provider, None without one; pepper: what their secrets are digested with."""

    pepper: bytes = field(repr=False)
    provider: Provider | None = None


class Login:
    """The pages of signing in and out."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        sign_in: SignIn,
        visitors: Visitors,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._sign_in = sign_in
        self._visitors = visitors
        self._cookies = visitors.cookies
        self._clock = clock

    async def page(self, request: Request) -> Answer:
        """Answer `/login?next=`: every way in that there is."""
        return await self._page(after_sign_in(request.query.get("next", "")))

    async def with_token(self, request: Request) -> Answer:
        """Answer `/sign-in`, and a token sent to it; a wrong one only hears that it is."""
        if request.method == "GET":
            return await self.page(request)
        # Else another site could sign a browser in with a token of its own choosing.
        refuse_foreign(request)
        form = await request.form()
        secret, where = form.get("token", "").strip(), after_sign_in(form.get("next", ""))
        actor = await self._visitors.whose(secret) if secret else None
        if actor is None:
            refusal = gettext("That token is not known here, has expired or was revoked.")
        elif not {READ, "admin"}.intersection(actor.scopes):
            refusal = gettext("That token lacks the scope “{scope}”.").format(scope=READ)
        else:
            return await self._enter(request, secret, where)
        return await self._page(where, refusal=refusal)

    async def with_account(self, request: Request) -> Answer:
        """Answer `/login`, and a name and password sent to it."""
        if request.method == "GET":
            return await self.page(request)
        refuse_foreign(request)
        form = await request.form()
        where, address = after_sign_in(form.get("next", "")), address_of(request)
        async with lent(self._pool) as conn:
            try:
                account = await check_password(
                    conn,
                    form.get("name", "").strip(),
                    form.get("password", ""),
                    now=self._clock(),
                    address=address,
                )
            except (Denied, Unavailable) as error:
                refusal = in_their_words(f"{error.message[0].upper()}{error.message[1:]}.")
                return await self._page(where, account_refusal=refusal)
            secret = await begin_session(
                conn,
                account.id,
                kind=BROWSER,
                rules="",
                pepper=self._sign_in.pepper,
                now=self._clock(),
                by=actor_name(LOCAL, account.name),
                address=address,
                client=client_of(request),
            )
        return await self._enter(request, secret, where)

    async def begin(self, request: Request) -> Answer:
        """Answer `/login/openid?next=`: on to the provider; raises Missing, Unavailable."""
        provider = self._provider()
        back = f"{self._base_url(request)}/login/callback"
        where = after_sign_in(request.query.get("next", ""))
        url, flow = await provider.begin(back, next=where, lasts=FLOW_LASTS)
        return see_other(url, self._cookies.flow_cookie(request, flow))

    async def callback(self, request: Request) -> Answer:
        """Answer `/login/callback`: back from the provider; raises Denied, Unavailable."""
        provider, now = self._provider(), self._clock()
        flow, query = self._cookies.flow(request, now=now), request.query
        given = query.get("state", "").encode()
        if flow is None or not hmac.compare_digest(given, flow.state.encode()):
            raise Denied(
                N_("this sign-in did not begin in this browser, or it was over"),
                hint=N_("begin at /login"),
            )
        if why := query.get("error"):
            raise Denied(
                f"the provider did not let you in: {why[:80]!a}", hint=N_("begin at /login")
            )
        code = query.get("code", "")
        if not 0 < len(code) <= CODE_LIMIT:
            raise Invalid(N_("the provider sent no code"), hint=N_("begin at /login"))
        identity = await provider.identify(code, flow)
        address = address_of(request)
        async with lent(self._pool) as conn:
            person = await recognise(
                conn,
                issuer=identity.issuer,
                subject=identity.subject,
                name=identity.name,
                roles=identity.roles,
                now=now,
                source=address,
            )
            secret = await begin_session(
                conn,
                person.id,
                kind=BROWSER,
                rules=provider.options.mark,
                pepper=self._sign_in.pepper,
                now=now,
                by=person.actor,
                address=address,
                client=client_of(request),
                hint=self._cookies.hint_sealed(identity.id_token),
            )
        return await self._enter(request, secret, flow.next, self._cookies.no_flow_cookie(request))

    async def sign_out(self, request: Request) -> Answer:
        """Answer a posted `/logout`: end the session, here and, for its people, at the provider."""
        refuse_foreign(request)
        gone = self._cookies.no_cookie(request)
        if await self._visitors.maybe(request) is None:
            return see_other("/", gone)
        visitor, _ = await self._visitors.posted(request)
        issuer, id_token = await self._end(visitor.secret, address_of(request))
        provider = self._sign_in.provider
        if provider is None or issuer != provider.options.issuer:
            return see_other("/", gone)
        back = f"{self._base_url(request)}/"
        url = await provider.end_session_url(back, id_token=id_token)
        if url is None:
            return see_other("/", gone)
        # Not a redirect: our own policy lets no form of ours lead to another site.
        body = render("signed_out.html", url=url, host=urlsplit(url).hostname)
        return Answer(body, cache=NO_STORE, headers=(gone,))

    async def _enter(
        self, request: Request, secret: str, where: str, *headers: tuple[bytes, bytes]
    ) -> Answer:
        """Let the browser in; the session it had before is over, so that it cannot be a planted one."""
        now = self._clock()
        before = self._cookies.secret(request, now=now)
        if before is not None:
            await self._end(before, address_of(request))
        return see_other(where, self._cookies.cookie(request, secret, now=now), *headers)

    async def _end(self, secret: str, source: str) -> tuple[str, str]:
        """End the session of that secret; return its issuer and ID token, "" when it is a token's or over."""
        pepper, now = self._sign_in.pepper, self._clock()
        async with lent(self._pool) as conn:
            session = await session_of(conn, secret, pepper=pepper, now=now)
            if session is None:
                return "", ""
            hint = self._cookies.hint(await hint_of(conn, session))
            await end_session(conn, session, session.id, source=source)
        return session.issuer, hint

    async def _page(self, where: str, *, refusal: str = "", account_refusal: str = "") -> Answer:
        provider = self._sign_in.provider
        async with lent(self._pool) as conn:
            has_accounts = await there_are_accounts(conn)
        body = render(
            "sign_in.html",
            next=where,
            openid=f"/login/openid?next={quote(where, safe='')}" if provider else "",
            provider=urlsplit(provider.options.issuer).hostname if provider else "",
            has_accounts=has_accounts,
            refusal=refusal,
            account_refusal=account_refusal,
        )
        return Answer(body, status=403 if refusal or account_refusal else 200, cache=NO_STORE)

    def _provider(self) -> Provider:
        if self._sign_in.provider is None:
            raise Missing(
                N_("this server knows no provider to sign in at"),
                hint=N_("`sign_in` of its settings names one; a token does without: /sign-in"),
            )
        return self._sign_in.provider

    def _base_url(self, request: Request) -> str:
        provider = self._sign_in.provider
        if provider is not None and provider.options.base_url:
            return provider.options.base_url.rstrip("/")
        host = request.headers.get(b"host", b"").decode("latin-1")
        if not HOST.fullmatch(host):
            raise Invalid(N_("the request does not say which host it means"))
        return f"{'https' if request.is_secure else 'http'}://{host}"


def address_of(request: Request) -> str:
    """Return the address the request came from, for the audit log."""
    client = request.scope.get("client")
    return str(client[0]) if client else ""


def client_of(request: Request) -> str:
    """Return what the browser calls itself."""
    return request.headers.get(b"user-agent", b"").decode("latin-1")
