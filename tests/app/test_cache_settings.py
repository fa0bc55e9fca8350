"""Where pages are kept: what is said, in which words, and what the Status Dashboard's names mean."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from vedette.app.old_names import OURS, adopt, refuse_its_database, tell
from vedette.app.settings_cache import Cache, CacheFlags, CacheSettings, Store, cache_of
from vedette.errors import Invalid, Missing, VedetteError


def cache(environ=None, said=None, **flags):
    flags = {f"cache_{name}": value for name, value in flags.items()}
    return cache_of(CacheFlags(**flags), CacheSettings(**(said or {})), environ or {})


def test_nothing_said_is_each_server_for_itself_for_thirty_seconds():
    assert cache() == Cache(store=Store.SIMPLE, kept_for=timedelta(seconds=30))


@pytest.mark.parametrize(
    ("word", "store"),
    [
        ("simple", Store.SIMPLE),
        ("SimpleCache", Store.SIMPLE),
        ("RedisCache", Store.REDIS),
        ("NullCache", Store.NULL),
    ],
)
def test_old_and_new_words_for_the_type(word, store):
    assert cache(type=word).store is store
    assert cache(said={"type": word}).store is store


@pytest.mark.parametrize(
    ("said", "redis"),
    [
        ({"redis_url": "rediss://r.example:1/2"}, "rediss://r.example:1/2"),
        ({"redis_host": "r.example"}, "redis://r.example:6379"),
        ({"redis_host": "::1", "redis_port": 7}, "redis://[::1]:7"),
        ({"redis_port": 7}, "redis://localhost:7"),
    ],
)
def test_whoever_names_a_redis_wants_it(said, redis):
    for found in (cache(**said), cache(said=said)):
        assert (found.store, found.redis) == (Store.REDIS, redis)


def test_an_explicit_type_goes_before_a_redis_that_is_named():
    assert cache(type="null", redis_url="redis://h").store is Store.NULL


def test_the_password_is_never_shown(tmp_path):
    (tmp_path / "p").write_text("hush-file\n")
    by_url = cache(redis_url="redis://me:hush@h:1/0")
    by_variable = cache({"VEDETTE_CACHE_REDIS_PASSWORD": "hush"}, redis_host="h")
    by_file = cache(redis_host="h", redis_password_file=tmp_path / "p")
    assert (by_variable.password, by_file.password) == ("hush", "hush-file")
    assert by_url.where == "redis://h:1/0"
    for found in (by_url, by_variable, by_file):
        assert "hush" not in repr(found)


@pytest.mark.parametrize(
    "said",
    [
        {"type": "memcached"},
        {"default_timeout": "0"},
        {"default_timeout": "2h"},
        {"default_timeout": "soon"},
        {"redis_url": "http://user:hush@h"},
        {"redis_url": "redis://user:hush@h:99999"},
        {"redis_host": "h/../x"},
        {"redis_port": 70_000},
    ],
)
def test_what_makes_no_sense_is_refused_without_its_secrets(said):
    with pytest.raises(Invalid) as refused:
        cache(**said)
    assert "hush" not in str(refused.value)


def test_an_empty_or_absent_password_file_is_told(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "absent"):
        with pytest.raises(Missing, match=name):
            cache(redis_password_file=tmp_path / name)


@given(st.text(), st.text(), st.text())
def test_any_text_is_an_address_or_a_refusal(url, host, timeout):
    for said in ({"redis_url": url}, {"redis_host": host}, {"default_timeout": timeout}):
        try:
            found = cache(**said)
        except VedetteError:
            continue
        assert found.store in Store


def test_the_status_dashboards_variables_count_where_ours_are_not_set():
    environ = {
        "SDB_CACHE_TYPE": '"RedisCache"',
        "SDB_CACHE_REDIS_PORT": "6380",
        "SDB_CACHE_DEFAULT_TIMEOUT": "60",
        "SDB_OPENID_REQUIRED_GROUP": "sre",
        "SDB_SECRET_KEY": "old",
        "VEDETTE_REPORTER_SECRET": "new",
    }
    adopt(environ)
    assert environ["VEDETTE_CACHE_TYPE"] == "RedisCache"
    assert environ["VEDETTE_CACHE_REDIS_PORT"] == "6380"
    assert environ["VEDETTE_SIGN_IN_ROLES"] == "operator=sre"
    assert environ["VEDETTE_REPORTER_SECRET"] == "new"


def test_each_old_variable_is_told_with_its_new_name_and_without_its_value():
    environ = dict.fromkeys(OURS, "hush") | {"SDB_GITHUB_CLIENT_ID": "hush"}
    with capture_logs() as lines:
        tell(environ)
    told = {line["variable"]: line.get("now") for line in lines}
    assert told == dict(OURS) | {"SDB_GITHUB_CLIENT_ID": None}
    assert "hush" not in str(lines)


@pytest.mark.parametrize("name", ["SDB_DATABASE_URI", "SDB_SQLALCHEMY_DATABASE_URI"])
def test_the_status_dashboards_database_is_refused_with_the_way_out(name):
    with pytest.raises(Invalid) as refused:
        refuse_its_database({name: "postgresql://me:hush@h/db"})
    assert "VEDETTE_DATABASE_URL" in (refused.value.hint or "")
    assert "hush" not in str(refused.value)
