"""What the settings file says of the world outside."""

import msgspec
import pytest

from vedette.app.settings import Settings, to_declaration
from vedette.web.feeds.outside import Outside


def settings(**said) -> Settings:
    return msgspec.convert(said, Settings)


def test_the_address_and_who_may_frame_us_are_handed_on():
    said = {"url": "https://status.example.org", "embed_in": ["https://*.example.org"]}
    assert settings(public=said).public.outside() == Outside(
        url="https://status.example.org", embed_in=("https://*.example.org",)
    )
    assert settings().public.outside() == Outside()


@pytest.mark.parametrize(
    "said",
    [
        {"url": "status.example.org"},
        {"url": "https://status.example.org/?x=<y>"},
        {"embed_in": ["*"]},
        {"embed_in": ["https://a.example; script-src *"]},
        {"embed_in": ["https://a.example\r\nx: y"]},
        {"embed_in": ["https://a.example\n"]},
        {"embed_in": ["'self'"]},
        {"embedin": []},
    ],
)
def test_what_is_no_address_is_refused(said):
    with pytest.raises(msgspec.ValidationError):
        settings(public=said)


def test_a_service_is_kept_to_operators_by_an_attribute_of_its_components():
    declared = to_declaration(
        settings(
            services=[
                {"name": "Orders", "attributes": {"team": "shop"}},
                {"name": "Ledger", "attributes": {"team": "money"}, "public": False},
            ]
        )
    )
    assert [service.attributes for service in declared.services] == [
        {"team": "shop"},
        {"team": "money", "public": "false"},
    ]
