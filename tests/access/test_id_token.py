"""ID tokens: what a provider, or somebody in between, may send, and what counts."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode
from tests.factories import NOON

from vedette.access.id_token import UnknownKey, claims_of, keys_of
from vedette.errors import Denied

ISSUER, CLIENT, NONCE = "https://id.example", "vedette", "n-1"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "two"})
ED = OKPKey.generate_key("Ed25519", {"kid": "three"})
KEYS = keys_of({"keys": [key.as_dict(private=False) for key in (RSA, EC, ED)]})
EVERY = ("RS256", "ES256", "Ed25519", "HS256", "none")


def claims(**changed):
    moment = int(NOON.timestamp())
    said = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "u-1",
        "nonce": NONCE,
        "iat": moment,
        "exp": moment + 300,
    }
    return {name: value for name, value in {**said, **changed}.items() if value is not ...}


def token(said=None, *, key=RSA, alg="RS256", kid="one"):
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    payload = json.dumps(claims() if said is None else said)
    return jws.serialize_compact(header, payload, key, algorithms=[alg])


def read(text, *, keys=KEYS, algorithms=EVERY, now=NOON):
    return claims_of(
        text, keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, algorithms=algorithms, now=now
    )


@pytest.mark.parametrize(
    ("key", "alg", "kid"), [(RSA, "RS256", "one"), (EC, "ES256", "two"), (ED, "Ed25519", "three")]
)
def test_a_token_of_the_provider_counts(key, alg, kid):
    assert read(token(key=key, alg=alg, kid=kid))["sub"] == "u-1"


def test_a_provider_with_one_key_of_the_kind_need_not_name_it():
    assert read(token(kid=None))["sub"] == "u-1"


NOW = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"iss": ...}, "another issuer"),
        ({"aud": "somebody"}, "another audience"),
        ({"aud": ["somebody"]}, "another audience"),
        ({"aud": ...}, "another audience"),
        ({"aud": [CLIENT, "somebody"]}, "another party"),
        ({"azp": "somebody"}, "another party"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": ...}, "nonce"),
        ({"nonce": 1}, "nonce"),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": ...}, "time exp"),
        ({"exp": "tomorrow"}, "time exp"),
        ({"exp": True}, "time exp"),
        ({"exp": float("nan")}, "time exp"),
        ({"exp": float("inf")}, "time exp"),
        ({"iat": NOW - 601}, "just now"),
        ({"iat": NOW + 61}, "just now"),
        ({"nbf": NOW + 61}, "not count yet"),
        ({"sub": ...}, "nobody"),
        ({"sub": ""}, "nobody"),
        ({"sub": 7}, "nobody"),
        ({"sub": "x" * 256}, "nobody"),
        ({"sub": "a\0b"}, "nobody"),
    ],
)
def test_what_does_not_hold_is_refused_by_name(changed, why):
    with pytest.raises(Denied, match=why):
        read(token(claims(**changed)))


def test_several_audiences_count_when_we_are_the_party():
    assert read(token(claims(aud=[CLIENT, "api"], azp=CLIENT)))["sub"] == "u-1"


def test_an_unsigned_token_is_refused():
    head, body = ({"alg": "none", "kid": "one"}, claims())
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (head, body)]
    with pytest.raises(Denied, match="signed with 'none'"):
        read(f"{parts[0]}.{parts[1]}.")


def test_the_public_key_as_a_shared_secret_is_refused():
    pem = RSA.as_pem(private=False)
    head, body = ({"alg": "HS256", "kid": "one"}, claims())
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (head, body)]
    import hashlib
    import hmac

    mac = hmac.digest(pem, ".".join(parts).encode(), hashlib.sha256)
    forged = ".".join([*parts, urlsafe_b64encode(mac).decode()])
    with pytest.raises(Denied, match="signed with 'HS256'"):
        read(forged)


def test_an_algorithm_the_provider_does_not_name_is_refused():
    with pytest.raises(Denied, match="signed with 'RS256'"):
        read(token(), algorithms=("ES256",))


def test_a_key_nobody_knows_is_said_so_that_the_keys_are_asked_anew():
    stranger = RSAKey.generate_key(2048, {"kid": "nine"})
    with pytest.raises(UnknownKey):
        read(token(key=stranger, kid="nine"))
    with pytest.raises(Denied, match="signature"):
        read(token(key=stranger, kid="one"))


def test_two_keys_of_one_name_are_no_key():
    with pytest.raises(UnknownKey):
        read(token(), keys=(KEYS[0], KEYS[0]))


def test_a_changed_payload_is_refused():
    head, body, tail = token().split(".")
    other = urlsafe_b64encode(json.dumps(claims(sub="admin")).encode()).decode()
    with pytest.raises(Denied, match="signature"):
        read(f"{head}.{other}.{tail}")
    assert read(f"{head}.{body}.{tail}", now=NOON + timedelta(seconds=30))


def test_keys_that_do_not_sign_are_left_out():
    shared = OctKey.generate_key(256).as_dict()
    encrypting = {**KEYS[0], "use": "enc"}
    assert keys_of({"keys": [shared, encrypting, 7, {}, KEYS[1]]}) == (KEYS[1],)
    for nothing in (None, [], {}, {"keys": {}}, "x"):
        assert keys_of(nothing) == ()


@pytest.mark.parametrize(
    "key", [{"kty": "RSA", "kid": "one"}, {"kty": "RSA", "kid": "one", "n": 1}]
)
def test_a_key_that_cannot_be_read_is_refused(key):
    with pytest.raises(Denied):
        read(token(), keys=(key,))


@given(st.text(max_size=300) | st.builds("{}.{}.{}".format, *[st.text(max_size=40)] * 3))
def test_whatever_comes_it_is_refused_and_nothing_breaks(text):
    with pytest.raises(Denied):
        read(text)
