"""`vedette login --device`: the person agrees at the provider, with whatever browser they have (RFC 8628)."""

import sys
from datetime import datetime
from time import sleep
from typing import Any

from vedette import clock
from vedette.cli.client import Client
from vedette.errors import Denied, Unavailable

PATH = "/api/v1/session/device"
SLOWER_S = 5.0
"""RFC 8628, 3.5: so much is added whenever the provider finds us too eager."""
MOST_S = 60.0
"""However often the server did not answer."""


def session_from_device(client: Client) -> dict[str, Any]:
    """Return the session a person agrees to at the provider; raises Denied, Missing, Unavailable."""
    begun = client.post(PATH, {})
    complete = begun["verification_uri_complete"]
    _say(f"open {begun['verification_uri']} and type {begun['user_code']}")
    if complete:
        _say(f"or open {complete}, and see that it shows {begun['user_code']}")
    ends_at, wait_s = datetime.fromisoformat(begun["ends_at"]), float(begun["interval_s"])
    while clock.now() < ends_at:
        sleep(wait_s)
        try:
            said = client.post(f"{PATH}/poll", {"handle": begun["handle"]})
        except Unavailable:
            wait_s = min(MOST_S, wait_s * 2)
            continue
        if "secret" in said:
            return dict(said)
        if said["slow_down"]:
            wait_s += SLOWER_S
    raise Denied("nobody agreed in time", hint="vedette login --device")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
