"""Signing in from a machine without a browser: what we ask of the provider, and what we believe of it."""

import asyncio
from datetime import timedelta

import pytest
from tests.fakes.device_provider import device_provider

from vedette import clock
from vedette.access.device_sign_in import BEGUN_A_MINUTE, DeviceSignIns
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.errors import Denied, Missing, TooMany, Unavailable

KEY = b"k" * 32


@pytest.fixture
def fake():
    with device_provider() as server:
        yield server


def devices_at(fake, key=KEY, **changed):
    options = {"issuer": fake.url, "client_id": "vedette", "roles": {Role.OPERATOR: ("sre",)}}
    return DeviceSignIns(Provider(OpenId(**options | changed)), key)


@pytest.fixture
def devices(fake):
    return devices_at(fake)


async def begun(devices):
    return await devices.begin(now=clock.now())


def after(asked, seconds):
    """So long after it began; it lasts ten minutes."""
    return asked.ends_at - timedelta(seconds=600 - seconds)


async def test_a_device_is_told_what_to_show_and_the_provider_who_asks(devices, fake):
    asked = await begun(devices)
    assert (asked.user_code, asked.interval_s) == ("WDJB-MJHT", 1)
    assert asked.where_complete == f"{fake.url}/activate?user_code=WDJB-MJHT"
    assert timedelta(minutes=9) < asked.ends_at - clock.now() < timedelta(minutes=11)
    assert fake.redeemed == [{"scope": "openid profile email", "client_id": "vedette"}]
    assert "d-1" not in repr(asked)


async def test_whoever_agreed_is_known_with_their_roles(devices, fake):
    asked = await begun(devices)
    assert await devices.poll(asked.handle, now=after(asked, 1)) == "authorization_pending"
    fake.decision, fake.clock_s = "agree", 60
    identity = await devices.poll(asked.handle, now=after(asked, 60))
    assert (identity.subject, identity.name, identity.roles) == ("u-1", "ada", (Role.OPERATOR,))
    with pytest.raises(Denied, match="is over"):
        await devices.poll(asked.handle, now=after(asked, 61))


async def test_whoever_asks_too_soon_waits_five_seconds_longer_and_the_provider_hears_nothing(
    devices, fake
):
    asked = await begun(devices)
    told = len(fake.redeemed)
    answers = [await devices.poll(asked.handle, now=after(asked, s)) for s in (1, 1.9, 7.8, 18.7)]
    assert answers == ["authorization_pending", "slow_down", "slow_down", "slow_down"]
    assert len(fake.redeemed) == told + 1
    fake.decision, fake.clock_s = "agree", 60
    assert await devices.poll(asked.handle, now=after(asked, 34.6)) == "slow_down"
    assert (await devices.poll(asked.handle, now=after(asked, 55.7))).name == "ada"


async def test_many_questions_at_once_are_one_to_the_provider_even_when_all_is_over(devices, fake):
    asked = await begun(devices)
    fake.decision, told = "refuse", len(fake.redeemed)
    at = after(asked, 1)
    found = await asyncio.gather(
        *(devices.poll(asked.handle, now=at) for _ in range(50)), return_exceptions=True
    )
    assert isinstance(found[0], Denied)
    assert found[1:] == ["slow_down"] * 49
    assert len(fake.redeemed) == told + 1


async def test_a_provider_that_is_asked_too_often_slows_the_device_down(devices, fake):
    asked = await begun(devices)
    fake.least_s = 4
    assert await devices.poll(asked.handle, now=after(asked, 1)) == "authorization_pending"
    fake.clock_s = 2
    assert await devices.poll(asked.handle, now=after(asked, 3)) == "slow_down"
    told = len(fake.redeemed)
    assert await devices.poll(asked.handle, now=after(asked, 8.9)) == "slow_down"
    assert len(fake.redeemed) == told


async def test_one_device_in_a_hurry_holds_up_no_other(devices, fake):
    one = await begun(devices)
    fake.said["device_code"] = "d-2"
    other = await begun(devices)
    assert [await devices.poll(one.handle, now=after(one, 1)) for _ in "ab"][1] == "slow_down"
    with pytest.raises(Denied, match="is over"):
        await devices.poll(other.handle, now=after(other, 1))


async def test_whoever_says_no_and_whoever_comes_too_late_stays_outside(devices, fake):
    asked = await begun(devices)
    fake.decision = "refuse"
    with pytest.raises(Denied, match="you said no"):
        await devices.poll(asked.handle, now=after(asked, 1))
    fake.decision, fake.clock_s = "agree", 601
    with pytest.raises(Denied, match="is over"):
        await devices.poll(asked.handle, now=after(asked, 599))
    told = len(fake.redeemed)
    with pytest.raises(Denied, match="is over"):
        await devices.poll(asked.handle, now=asked.ends_at)
    assert len(fake.redeemed) == told


async def test_a_handle_is_good_on_every_server_of_the_house_and_nowhere_else(devices, fake):
    asked = await begun(devices)
    fake.decision = "agree"
    strangers = devices_at(fake, b"x" * 32)
    for forged in (b"", b"\0", asked.handle[:-1], asked.handle + b"x", b"x" * 9_000):
        with pytest.raises(Denied, match="is over"):
            await devices.poll(forged, now=clock.now())
    with pytest.raises(Denied, match="is over"):
        await strangers.poll(asked.handle, now=clock.now())
    other = await devices_at(fake).poll(asked.handle, now=clock.now())
    assert other.name == "ada"


@pytest.mark.parametrize(
    "claims", [{"iss": "https://evil.example"}, {"aud": "somebody"}, {"exp": 1}, {"sub": ""}]
)
async def test_its_id_token_must_hold_as_any_other(devices, fake, claims):
    asked = await begun(devices)
    fake.decision = "agree"
    fake.claims |= claims
    with pytest.raises(Denied, match="does not count"):
        await devices.poll(asked.handle, now=clock.now())


async def test_a_provider_without_such_a_way_is_named_with_another(devices, fake):
    del fake.document["device_authorization_endpoint"]
    with pytest.raises(Missing, match="--no-browser"):
        await begun(devices)


@pytest.mark.parametrize(
    "said",
    [
        {"user_code": "\x1b[2J"},
        {"user_code": ""},
        {"user_code": "x" * 65},
        {"user_code": 7},
        {"device_code": None},
        {"verification_uri": "http://id.example/activate"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": None},
        {"verification_uri": "https://id.example/\x1b[2J"},
        {"verification_uri_complete": "file:///etc/passwd"},
    ],
)
async def test_what_no_terminal_should_print_is_refused(devices, fake, said):
    fake.said |= said
    with pytest.raises(Unavailable, match="of no use"):
        await begun(devices)


@pytest.mark.parametrize(
    ("said", "interval_s"), [(None, 5), (0, 5), (-1, 5), ("1", 5), (True, 5), (10**9, 5), (90, 60)]
)
async def test_an_interval_is_within_reason(devices, fake, said, interval_s):
    fake.said["interval"] = said
    assert (await begun(devices)).interval_s == interval_s


async def test_a_server_begins_so_many_a_minute(devices, fake):
    now = clock.now()
    for _ in range(BEGUN_A_MINUTE):
        await devices.begin(now=now)
    with pytest.raises(TooMany):
        await devices.begin(now=now + timedelta(seconds=59))
    await devices.begin(now=now + timedelta(seconds=60))
