"""What fails is on the public page by itself, and off it again: real program, real target, no hand in between."""

import json
import socket
from datetime import datetime

import pytest
from tests.app.up_world import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SETTINGS = """
incidents:
  policy: {{publish_after: 2s}}
services:
- {{name: Orders, category: Shop, regions: [EU-DE]}}
targets:
- name: orders-door
  connector: tcp
  every: 1s
  bad_after: 1
  good_after: 1
  component: {{service: Orders, region: EU-DE}}
  settings: {{host: 127.0.0.1, port: {port}}}
"""


def listening(port=0):
    door = socket.create_server(("127.0.0.1", port))
    door.settimeout(0.1)
    return door


def test_a_door_that_shuts_is_told_and_one_that_opens_is_over_and_the_same_again(tmp_path):
    door = listening()
    port = door.getsockname()[1]
    settings = tmp_path / "vedette.yaml"
    settings.write_text(SETTINGS.format(port=port))
    with running(tmp_path / "data", "-c", settings) as up:

        def explained():
            return up.get("/api/v1/components/orders-eu-de/explain").json()

        def told(kind="incident"):
            return [line["text"] for line in explained()["because"] if line["about"] == kind]

        def front():
            return up.get("/", headers={"Authorization": ""}).text

        def incidents():
            return json.loads(up.get("/api/v1/events").text)

        up.until(lambda: explained()["state"] == "up")
        assert "unavailable" not in front()
        door.close()
        up.until(lambda: any("draft" in text or "public" in text for text in told()))
        up.until(lambda: "Orders (Shop, EU-DE) is unavailable" in front())
        [first] = incidents()
        began, published = (
            datetime.fromisoformat(first[key]) for key in ("starts_at", "published_at")
        )
        assert (published - began).total_seconds() >= 2
        assert up.cli("status").returncode == 3
        door = listening(port)
        up.until(lambda: explained()["state"] == "up")
        up.until(lambda: not incidents()[0]["is_open"])
        door.close()
        up.until(lambda: incidents()[0]["is_open"])
        assert [one["id"] for one in incidents()] == [first["id"]]
        said = up.cli("explain", "orders-eu-de").stdout
        assert "was opened again, since the trouble came back soon" in said
        door = listening(port)
        up.until(lambda: not incidents()[0]["is_open"])
        door.close()
