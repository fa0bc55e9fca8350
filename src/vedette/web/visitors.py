"""Who is asking, for every page that is not for everybody: a token or a session, header or cookie.

`Visitors.whose` is the same door that REST asks, so a page never knows somebody whom REST does not.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from vedette.errors import Denied
from vedette.rest.guard import ADMIN, Bearer
from vedette.web.answers import Answer, Request, see_other
from vedette.web.reader import N_
from vedette.web.session import Sessions, is_ours

READ = "read"
FORM_FIELD = "form_key"
HOME = "/targets"
PLACES = (
    HOME,
    "/agents",
    "/actions",
    "/services",
    "/images",
    "/advisories",
    "/find",
    "/sessions",
    "/desk",
    "/incidents",
    "/maintenance",
    "/login/command-line",
)

Authenticate = Callable[[str], Awaitable[Bearer | None]]
"""Whose token or session this is; None when nobody's."""


class Nobody(Denied):
    """Whoever asks is not known: no token, no session, or one that is over."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks; form_key stands in every form that the page shows them, as the field `form_key`."""

    name: str
    scopes: Collection[str]
    secret: str = field(repr=False)
    form_key: str = field(repr=False)

    def may(self, scope: str) -> bool:
        """Return whether this is allowed: the scope itself, or `admin`."""
        return scope in self.scopes or ADMIN in self.scopes

    @property
    def is_emergency(self) -> bool:
        """Whether they use an account that is for emergencies alone."""
        return self.name.startswith("account:")


class Visitors:
    """Recognises who asks for a page."""

    def __init__(
        self, authenticate: Authenticate, cookie_key: bytes, clock: Callable[[], datetime]
    ) -> None:
        self.whose = authenticate
        self.cookies = Sessions(cookie_key)
        self._clock = clock

    async def who(self, request: Request, scope: str = READ) -> Visitor:
        """Return who asks; raises Nobody, or Denied when they do not have the scope."""
        found = await self.maybe(request)
        if found is None:
            raise Nobody(
                N_("this page needs a session or a token, and one that is known and not over"),
                hint=N_("Authorization: Bearer …, or /login in a browser"),
            )
        if not found.may(scope):
            raise Denied(f"{found.name!r} may not do this", hint=f"it needs the scope {scope}")
        return found

    async def maybe(self, request: Request) -> Visitor | None:
        """Return who asks; None for the public."""
        secret = _bearer(request) or self.cookies.secret(request, now=self._clock())
        actor = await self.whose(secret) if secret else None
        if secret is None or actor is None:
            return None
        return Visitor(actor.name, actor.scopes, secret, self.cookies.form_key(secret))

    async def posted(self, request: Request, scope: str = READ) -> tuple[Visitor, dict[str, str]]:
        """Return who sent a form, and its fields; raises Nobody, Denied, Invalid.

        A form must come from a page of ours, and from one that this very session was shown.
        """
        visitor = await self.who(request, scope)
        fields = await request.form()
        _check_key(request, visitor, fields.get(FORM_FIELD, ""))
        return visitor, fields

    async def posted_at_length(
        self, request: Request, scope: str, *, most_bytes: int, most_fields: int
    ) -> tuple[Visitor, dict[str, list[str]]]:
        """Return the same of a form with long texts, or with many values of one name."""
        visitor = await self.who(request, scope)
        fields = await request.long_form(most_bytes=most_bytes, most_fields=most_fields)
        _check_key(request, visitor, fields.get(FORM_FIELD, [""])[-1])
        return visitor, fields


def _check_key(request: Request, visitor: Visitor, given: str) -> None:
    # A program that shows its token with each request needs no form of ours.
    if _bearer(request):
        return
    refuse_foreign(request)
    if not hmac.compare_digest(given.encode(), visitor.form_key.encode()):
        raise Denied(
            N_("this form belongs to another session, or to one that is over"),
            hint=N_("load the page again and send it once more; nothing was changed"),
        )


def refuse_foreign(request: Request) -> None:
    """Raise Denied for a form that no page of ours has sent."""
    if not is_ours(request):
        raise Denied(
            N_("this form was not sent from a page of this server"),
            hint=N_("load the page here and send it once more; nothing was changed"),
        )


def sign_in_first(request: Request) -> Answer | None:
    """Return the way to `/login` and back; None for programs, which have no use for a form."""
    if b"authorization" in request.headers or b"text/html" not in request.headers.get(
        b"accept", b""
    ):
        return None
    asked = quote(request.scope["path"])
    if request.method == "GET" and (query := request.scope["query_string"].decode("latin-1")):
        asked += f"?{query}"
    return see_other(f"/login?next={quote(asked, safe='')}")


def after_sign_in(asked: str) -> str:
    """Return where to go after signing in: a page of ours for people, whatever was asked."""
    is_one = any(asked == page or asked.startswith((page + "/", page + "?")) for page in PLACES)
    return asked if is_one and asked.isprintable() and asked.isascii() else HOME


def _bearer(request: Request) -> str | None:
    kind, _, given = request.headers.get(b"authorization", b"").partition(b" ")
    return given.decode("latin-1").strip() if kind.lower() == b"bearer" else None
