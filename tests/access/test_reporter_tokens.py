"""Reporters' tokens: what they send is taken, what could be forged is not."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.factories import at

from vedette.access import reporter_tokens as module
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


def test_a_token_that_was_taken_is_asked_for_its_time_each_time():
    key = ReporterKey(SECRET)
    text = token({"stackmon": "dummy", "nbf": NOW.timestamp(), "exp": NOW.timestamp() + 60})
    seconds = (0, 59, 60, 0, -1)
    found = [key.whose(text, now=NOW + timedelta(seconds=s)) is not None for s in seconds]
    assert found == [True, True, False, True, False]


def test_a_token_that_was_taken_at_one_door_is_not_known_at_all():
    key, text = ReporterKey(SECRET), token({"status_dashboard": "dummy"})
    assert key.whose(text, now=NOW, any_claims=True) is not None
    assert key.whose(text, now=NOW) is None


def test_what_a_changed_secret_did_not_sign_is_not_known():
    text = token({"stackmon": "dummy"})
    assert ReporterKey(SECRET).whose(text, now=NOW) is not None
    assert ReporterKey(SECRET[::-1]).whose(text, now=NOW) is None


def test_a_known_token_vouches_for_no_other():
    key, text = ReporterKey(SECRET), token({"stackmon": "dummy"})
    head, _, mac = text.split(".")
    assert key.whose(text, now=NOW) is not None
    assert key.whose(f"{head}.{part({'stackmon': 'other'})}.{mac}", now=NOW) is None
    assert key.whose(text[:-2] + "AA", now=NOW) is None


def test_no_more_tokens_are_remembered_than_fit(monkeypatch):
    monkeypatch.setattr(module, "KNOWN_LIMIT", 2)
    key = ReporterKey(SECRET)
    texts = [token({"stackmon": nth}) for nth in range(4)]
    assert all(key.whose(text, now=NOW) for text in (*texts, *texts))
    assert len(key._known) == 2


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
