"""A provider of OpenID Connect that misbehaves as it is told: on a free port of loopback, in a thread."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from joserfc import jws
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "two"})


class FakeProvider(ThreadingHTTPServer):
    """`document`, `claims`, `keys` and `answers` are what it says; a test changes them.

    key: signs the ID tokens. answers: path → (status, body) instead of what it would say. asked: paths in their
    order. redeemed: the forms of the token endpoint, with `basic` when it was shown.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.document: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/logout?a=1",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "u-1"}
        self.keys = [KEY]
        self.key = KEY
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.silent_s = 0.0
        self.asked: list[str] = []
        self.redeemed: list[dict[str, str]] = []

    def id_token(self) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": "vedette", "sub": "u-1", "iat": now, "exp": now + 60}
        header = {"alg": "RS256", "kid": self.key.kid}
        payload = json.dumps({**said, **self.claims})
        return jws.serialize_compact(header, payload, self.key, algorithms=["RS256"])

    def said_at(self, path: str) -> Any:
        if path.startswith("/.well-known"):
            return self.document
        if path == "/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        if path == "/userinfo":
            return self.userinfo
        return {"token_type": "Bearer", "access_token": "a-1", "id_token": self.id_token()}


class _Handler(BaseHTTPRequestHandler):
    server: FakeProvider

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        time.sleep(self.server.silent_s)
        status, body = self.server.answers.get(path) or (
            200,
            json.dumps(self.server.said_at(path)).encode(),
        )
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # whoever asked may have had enough
            self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        kind, _, shown = (self.headers["Authorization"] or "").partition(" ")
        if kind == "Basic":
            form["basic"] = unquote_plus(b64decode(shown).decode())
        self.server.redeemed.append(form)
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Say nothing."""


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """Run it while the block lasts."""
    server = FakeProvider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
