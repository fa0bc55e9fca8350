"""Reporters' tokens: what they send is taken, what could be forged is not."""

import base64
import hashlib
import hmac
import json

import pytest
from structlog.testing import capture_logs
from tests.factories import at

from vedette.access.reporter_tokens import ReporterKey
from vedette.errors import Invalid

NOW = at("12:00")
SECRET = b"a secret of more than thirty-two bytes"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(
    claims: object, *, secret: bytes = SECRET, alg: str = "HS256", digest=hashlib.sha256
) -> str:
    """A token as the reporter makes it, without `typ`."""
    signed = f"{part({'alg': alg})}.{part(claims)}"
    mac = hmac.new(secret, signed.encode(), digest).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def whose(text: str, **key) -> str | None:
    found = ReporterKey(SECRET, **key).whose(text, now=NOW)
    return found.name if found else None


@pytest.mark.parametrize(
    "claims",
    [
        {"stackmon": "dummy"},
        {"stackmon": ""},
        {"stackmon": None, "exp": NOW.timestamp() + 1, "nbf": NOW.timestamp() - 1},
    ],
)
def test_what_reporters_send_is_taken(claims):
    assert whose(token(claims)) == "reporter"


def test_it_may_post_and_nothing_else():
    actor = ReporterKey(SECRET).whose(token({"stackmon": "dummy"}), now=NOW)
    assert set(actor.scopes) == {"component_status"}
    assert not actor.may("read")


@pytest.mark.parametrize(
    "text",
    [
        token({"stackmon": "dummy"}, secret=b"another secret of thirty-two bytes!"),
        token({"stackmon": "dummy"}, alg="none"),
        token({"stackmon": "dummy"}, alg="HS512", digest=hashlib.sha512),
        token({"stackmon": "dummy"}, alg="RS256"),
        token({"status_dashboard": "dummy"}),
        token({"stackmon": "dummy", "aud": "us"}),
        token({"stackmon": "dummy", "exp": NOW.timestamp() - 1}),
        token({"stackmon": "dummy", "exp": "tomorrow"}),
        token({"stackmon": "dummy", "exp": True}),
        token({"stackmon": "dummy", "nbf": NOW.timestamp() + 60}),
        token(["stackmon"]),
        f"{part({'alg': 'none'})}.{part({'stackmon': 1})}.",
        "a.b.c",
        "..",
        "ÿ.ÿ.ÿ",
        "x" * 100_000,
        "[" * 5_000 + ".a.b",
    ],
)  # fmt: skip
def test_what_is_forged_or_over_is_not(text):
    assert whose(text) is None


def test_the_claim_may_have_another_name():
    assert whose(token({"status": 1}), claim="status") == "reporter"


def test_a_short_secret_counts_and_is_said():
    with capture_logs() as said:
        key = ReporterKey(b"dev")
    assert key.whose(token({"stackmon": "dummy"}, secret=b"dev"), now=NOW) is not None
    assert [line["event"] for line in said] == ["the reporters' secret is short"]


def test_no_secret_is_no_key():
    with pytest.raises(Invalid, match="empty"):
        ReporterKey(b"")
