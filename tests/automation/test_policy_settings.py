"""What the settings file says of policies, and what it must not."""

from datetime import timedelta

import pytest

from vedette.app.settings_file import settings_of
from vedette.app.settings_incidents import policies_of
from vedette.errors import Invalid
from vedette.incidents.model import Impact

WHOLE = """
incidents:
  policy: {publish_after: 1m, cap: outage}
services:
- name: Orders
  regions: [EU-DE, US]
  policy: {close: ask, flap_high: 30}
  region_policies:
    US: {enabled: false}
- name: Mail
"""


def test_policies_are_said_for_all_for_a_service_and_for_a_region():
    settings = settings_of(WHOLE)
    said = policies_of(
        settings.incidents.policy,
        {each.name: (each.policy, each.region_policies) for each in settings.services},
    )
    assert said == {
        ("", ""): {"publish_after": timedelta(minutes=1), "cap": Impact.OUTAGE},
        ("Orders", ""): {"close": "ask", "flap_high": 30},
        ("Orders", "US"): {"enabled": False},
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("incidents: {policy: {publish_after: 31d}}", "more than 30d"),
        ("incidents: {policy: {cap: huge}}", "cap"),
        ("incidents: {policy: {publish: perhaps}}", "publish"),
        ("incidents: {policy: {flap_low: 20}}", "must be less than flap_high (20)"),
        ("incidents: {policy: {flap_high: 101}}", "more than 100"),
        ("incidents: {policy: {publsh: auto}}", "did you mean 'publish'"),
        ("services: [{name: A, region_policies: {US: {cap: minor}}}]", "'US' is no region of 'A'"),
        (
            (
                "{incidents: {policy: {flap_high: 90, flap_low: 50}},"
                " services: [{name: A, policy: {flap_high: 40}}]}"
            ),
            "services[0].policy.flap_high: flap_low (50) must be less than flap_high (40)",
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_place(text, complaint):
    with pytest.raises(Invalid) as refused:
        settings_of(text)
    assert complaint in str(refused.value)
