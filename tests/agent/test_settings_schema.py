"""A target's settings, checked by what its connector says of them."""

import jsonschema
import pytest

from vedette import plugins
from vedette.agent.connector import Description, Setting
from vedette.agent.settings_schema import json_schema, parse
from vedette.errors import Invalid

SHOP = Description(
    name="shop",
    help="Watches a shop.",
    settings=(
        Setting("host", "str", "Where.", required=True),
        Setting("port", "int", "Port.", default=80),
        Setting("ratio", "float", "Share.", default=0.5),
        Setting("open", "bool", "Whether.", default=False),
        Setting("patience", "duration", "How long.", default=5.0),
        Setting("shelves", "list", "Which."),
        Setting("prices", "map", "What."),
        Setting("password", "str", "Secret.", secret=True),
    ),
    measures=(),
)


def test_what_is_left_out_has_its_default():
    assert parse(SHOP, {"host": "a"}) == {
        "host": "a",
        "port": 80,
        "ratio": 0.5,
        "open": False,
        "patience": 5.0,
        "shelves": None,
        "prices": None,
        "password": None,
    }


@pytest.mark.parametrize(
    "key, given, parsed",
    [
        ("host", 4711, "4711"),
        ("port", "8080", 8080),
        ("ratio", "0.25", 0.25),
        ("ratio", 1, 1.0),
        ("open", "yes", True),
        ("patience", "1m30s", 90.0),
        ("patience", 2, 2.0),
        ("shelves", "one", ["one"]),
        ("shelves", ("a", "b"), ["a", "b"]),
        ("prices", {"tea": 3}, {"tea": 3}),
    ],
)
def test_values_are_read_as_their_type(key, given, parsed):
    first = parse(SHOP, {"host": "a", key: given})
    assert first[key] == parsed
    assert parse(SHOP, first) == first, "parsing what was parsed changes nothing"


@pytest.mark.parametrize(
    "key, given",
    [
        ("host", ["a"]),
        ("host", True),
        ("port", 1.5),
        ("port", "http"),
        ("port", True),
        ("ratio", "much"),
        ("open", 1),
        ("patience", "soon"),
        ("patience", ""),
        ("prices", "tea"),
        ("shelves", {"a": 1}),
    ],
)
def test_a_wrong_type_is_named_with_the_key(key, given):
    with pytest.raises(Invalid, match=f"'{key}' must be"):
        parse(SHOP, {"host": "a", key: given})


def test_a_secret_is_not_shown_when_it_is_wrong():
    with pytest.raises(Invalid) as refused:
        parse(SHOP, {"host": "a", "password": ["hunter2"]})
    assert "hunter2" not in str(refused.value)


def test_a_missing_and_a_misspelt_key_are_told_with_the_way_out():
    with pytest.raises(Invalid, match="needs the setting 'host'"):
        parse(SHOP, {})
    with pytest.raises(Invalid, match="did you mean 'password'"):
        parse(SHOP, {"host": "a", "pasword": "x"})


def test_who_may_not_read_references_lets_them_stand():
    given = {"host_file": "/run/host", "port": "${PORT}", "password_file": "/run/pw"}
    parsed = parse(SHOP, given, references=True)
    assert parsed["port"] == "${PORT}"
    with pytest.raises(Invalid):
        parse(SHOP, given)
    with pytest.raises(Invalid):
        parse(SHOP, {"host": "a", "port_file": "/run/port"}, references=True)


@pytest.mark.parametrize("name", plugins.names("vedette.connectors"))
def test_schemas_are_valid_json_schema(name):
    schema = json_schema(plugins.load("vedette.connectors", name).description)
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_takes_references_and_refuses_the_unknown():
    validator = jsonschema.Draft202012Validator(json_schema(SHOP))
    assert validator.is_valid({"host": "a", "port": 80, "password_file": "/run/pw"})
    assert validator.is_valid({"host_file": "/run/host", "patience": "5s"})
    assert not validator.is_valid({"port": 80})
    assert not validator.is_valid({"host": "a", "pasword": "x"})
