"""`vedette login`, `logout` and `whoami`: the command line acts for a person, as their browser says."""

import base64
import hashlib
import hmac
import secrets
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.login_device import session_from_device
from vedette.cli.session_file import forget_session, keep_session, session_for
from vedette.cli.where import Asking, url_of
from vedette.errors import Denied, Invalid, Missing, Unavailable

HERE = Asking()
WAITS_S = 300.0
DONE = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Vedette</title>"
    b"<p>The command line has heard. You may close this page."
)


def login(
    *,
    browser: Annotated[
        bool, Parameter(help="Open a browser here; else print the address and ask for a code.")
    ] = True,
    device: Annotated[
        bool,
        Parameter(
            negative="",
            help="Print an address of the provider and a code to type there, on any machine.",
        ),
    ] = False,
    asking: Asking = HERE,
) -> None:
    """Sign in with a browser; the commands then act for you at that server.

    The session is kept in sessions.json of your config folder, for you alone, for a week at most.
    """
    url = url_of(asking)
    with Client(asking) as client:
        begun = (
            session_from_device(client) if device else _handed_over(client, url, browser=browser)
        )
    where = keep_session(url, begun["secret"])
    _say(f"signed in at {url} as {begun['name']}; kept in {where}")


def _handed_over(client: Client, url: str, *, browser: bool) -> dict[str, Any]:
    """Return the session that a browser hands over."""
    verifier = secrets.token_urlsafe(48)
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )
    code = _from_browser(url, challenge) if browser else _from_hand(url, challenge)
    return dict(client.post("/api/v1/session", {"code": code, "verifier": verifier}))


def logout(*, asking: Asking = HERE) -> None:
    """End the command line's session at that server, there and here."""
    url = url_of(asking)
    secret = session_for(url)
    if secret is None:
        raise Missing(f"nobody is signed in at {url}", hint="`vedette login` signs in")
    try:
        with Client(asking, token=secret) as client:
            client.delete("/api/v1/session")
    except Denied:
        pass  # it was over already
    forget_session(url)
    _say(f"signed out at {url}")


def whoami(*, asking: Asking = HERE) -> None:
    """Say for whom the commands act at that server, and what they may."""
    with Client(asking) as client:
        found = client.get("/api/v1/session")
    roles = f" ({', '.join(found['roles'])})" if found["roles"] else ""
    ends = f", until {found['ends_at']} at the latest" if found["ends_at"] else ""
    print(f"{found['name']}{roles}{ends}")  # noqa: T201
    print(f"may: {', '.join(found['scopes'])}")  # noqa: T201


def _from_hand(url: str, challenge: str) -> str:
    _say(f"open {url}/login/command-line?{urlencode({'challenge': challenge})}")
    _say("sign in there, let the command line in, and type the code it shows:")
    code = sys.stdin.readline().strip()
    if not code:
        raise Invalid("no code was typed")
    return code


def _from_browser(url: str, challenge: str) -> str:
    state = secrets.token_urlsafe(24)
    with _listener(state) as server:
        port = server.server_address[1]
        query = urlencode({"challenge": challenge, "port": port, "state": state})
        address = f"{url}/login/command-line?{query}"
        _say(f"waiting for your browser; should none open, go to {address}")
        _say("(on another machine than your browser's: vedette login --no-browser)")
        webbrowser.open(address)
        until = monotonic() + WAITS_S
        while server.code is None and monotonic() < until:
            server.handle_request()
        if server.code is None:
            raise Unavailable("the browser did not come back in time", hint="vedette login")
        return server.code


class _Listener(HTTPServer):
    timeout = 1.0
    code: str | None = None
    state: str


class _Back(BaseHTTPRequestHandler):
    """Takes the one request of the browser that knows the state; every other is nobody's."""

    timeout: ClassVar[float] = 5.0
    server: _Listener

    def do_GET(self) -> None:
        """Answer the browser."""
        query = parse_qs(urlsplit(self.path).query)
        given, code = (query.get(name, [""])[0] for name in ("state", "code"))
        if not code or not hmac.compare_digest(given.encode(), self.server.state.encode()):
            self.send_error(404)
            return
        self.server.code = code
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(DONE)))
        self.end_headers()
        self.wfile.write(DONE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Say nothing: the code stands in the address."""


@contextmanager
def _listener(state: str) -> Iterator[_Listener]:
    server = _Listener(("127.0.0.1", 0), _Back)
    server.state = state
    try:
        yield server
    finally:
        server.server_close()


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
