"""A provider where people sign in from elsewhere, as RFC 8628 has it, on a clock that a test turns."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.openid import FakeProvider, _Handler

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LASTS_S = 600.0


class DeviceProvider(FakeProvider):
    """One device at a time: `decision` is what its person does, "agree", "refuse" or nothing yet.

    clock_s: the provider's time. least_s: how often it may be asked, whatever `said` told the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _DeviceHandler
        self.document["device_authorization_endpoint"] = f"{self.url}/device"
        self.claims = {"groups": ["sre"], "preferred_username": "ada"}
        self.clock_s = 0.0
        self.least_s = 1.0
        self.decision = ""
        self.said: dict[str, Any] = {
            "device_code": "d-1",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/activate",
            "verification_uri_complete": f"{self.url}/activate?user_code=WDJB-MJHT",
            "expires_in": int(LASTS_S),
            "interval": 1,
        }
        self._begun_s: float | None = None
        self._asked_s: float | None = None

    def authorized(self) -> tuple[int, Any]:
        self._begun_s, self._asked_s = self.clock_s, None
        return 200, self.said

    def redeemed_for(self, form: dict[str, str]) -> tuple[int, Any]:
        """Answer the token endpoint; RFC 8628, 3.5."""
        last, self._asked_s = self._asked_s, self.clock_s
        if form.get("device_code") != "d-1" or self._begun_s is None:
            return 400, {"error": "invalid_grant"}
        if self.clock_s - self._begun_s > LASTS_S:
            return 400, {"error": "expired_token"}
        if self.decision == "refuse":
            return 400, {"error": "access_denied"}
        if last is not None and self.clock_s - last < self.least_s:
            self.least_s += 5
            return 400, {"error": "slow_down"}
        if self.decision != "agree":
            return 400, {"error": "authorization_pending"}
        self._begun_s = None
        return 200, {"token_type": "Bearer", "access_token": "a-1", "id_token": self.id_token()}


class _DeviceHandler(_Handler):
    server: DeviceProvider

    def do_POST(self) -> None:
        if self.path not in ("/device", "/token") or self.path in self.server.answers:
            super().do_POST()
            return
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.redeemed.append(form)
        if self.path == "/device":
            status, said = self.server.authorized()
        elif form.get("grant_type") == GRANT:
            status, said = self.server.redeemed_for(form)
        else:
            status, said = 400, {"error": "unsupported_grant_type"}
        answer = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@contextmanager
def device_provider() -> Iterator[DeviceProvider]:
    """Run it while the block lasts."""
    server = DeviceProvider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
