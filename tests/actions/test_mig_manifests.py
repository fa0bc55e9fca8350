"""Loaders and manifests as MIG's console and loader use them; active only by weight, given only to whom it means."""

import base64
import gzip
import hashlib
import io
import json
import tarfile

import pytest

from actions_world import signed_bundle
from mig_client import API, EVERYTHING, Mig, error, fingerprint, pgp_bundle, values
from rest_world import rest_over
from signing_world import gpg_sign, needs_gpg
from vedette import clock
from vedette.actions.push_trust import push_trust
from vedette.trust.manifest import Entry, signed_text

pytestmark = needs_gpg
FILES = {"mig-agent": b"#!/bin/sh\n" * 100, "configuration": b"tags: {}\n"}


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            await push_trust(conn, signed_bundle(pgp_bundle()), by="root", now=clock.now())
            await conn.execute("UPDATE actions.investigator SET permissions = %s", [EVERYTHING])
        yield rest


@pytest.fixture
def ada(rest):
    return Mig(rest.http, "ada")


def packed(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(f"./bundle/{name}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return base64.b64encode(content.getvalue()).decode()


def entries(files=FILES):
    return [
        {"name": name, "sha256": hashlib.sha256(body).hexdigest()} for name, body in files.items()
    ]


def signature(name, files=FILES):
    text = signed_text([Entry(**one) for one in entries(files)])
    return gpg_sign(text, fingerprint(name))


async def made(mig, **changes):
    record = {
        "id": 0,
        "name": "agents of November",
        "content": packed(FILES),
        "timestamp": "0001-01-01T00:00:00Z",
        "status": "staged",
        "target": "name LIKE 'web%'",
        "signatures": None,
        **changes,
    }
    return await mig.post("manifest/new/", manifest=json.dumps(record))


async def new_manifest(mig, **changes):
    said = await made(mig, **changes)
    assert said.status_code == 201, said.text
    return str(values(said)[0][1]["id"])


async def new_loader(mig, name="web-1", **changes):
    record = {"id": 0, "name": name, "prefix": "", "key": "", "enabled": True, **changes}
    said = await mig.post("loader/new/", loader=json.dumps(record))
    assert said.status_code == 201, said.text
    value = values(said)[0][1]
    return value, {"X-LOADERKEY": value["prefix"] + value["key"]}


def host(name="web-1.example.net", **changes):
    return {
        "name": name,
        "queueloc": f"linux.{name}",
        "mode": "loader",
        "version": "1",
        "environment": {"os": "linux", "arch": "amd64"},
        "tags": {"operator": "IT"},
        **changes,
    }


async def asked(rest, headers, path="agent", agent=None, **more):
    said = json.dumps({"agent": agent or host(), **more})
    return await rest.http.post(
        f"{API}manifest/{path}/", data={"parameters": said}, headers=headers
    )


async def status_of(mig, manifest):
    return (await mig.items(f"manifest?manifestid={manifest}"))[0][1]["status"]


async def test_a_manifest_from_the_console_to_the_loader(rest, ada):
    manifest = await new_manifest(ada)
    _, headers = await new_loader(ada)
    ((name, shown),) = await ada.items(f"manifest?manifestid={manifest}")
    assert (name, shown["status"], shown["signatures"]) == ("manifest", "staged", [])
    assert base64.b64decode(shown["content"])[:2] == b"\x1f\x8b"
    assert (
        error(await asked(rest, headers)) == "Unable to locate valid manifest for this loader entry"
    )
    await ada.post("manifest/sign/", manifestid=manifest, signature=signature("ada"))
    assert await status_of(ada, manifest) == "staged"
    said = await Mig(rest.http, "bob").post(
        "manifest/sign/", manifestid=manifest, signature=signature("bob")
    )
    assert values(said)[0][1]["status"] == "active"
    said = await asked(rest, headers)
    ((name, given),) = values(said)
    assert (name, given["loader_name"], given["entries"]) == ("manifest", "web-1", entries())
    assert len(given["signatures"]) == 2
    said = await asked(rest, headers, "fetch", object="mig-agent")
    ((name, value),) = values(said)
    assert name == "content"
    assert gzip.decompress(base64.b64decode(value["data"])) == FILES["mig-agent"]
    assert (await asked(rest, headers, "fetch", object="nothing")).status_code == 404
    assert (await asked(rest, headers, "fetch")).status_code == 400


async def test_signatures_are_verified_and_weighed_and_not_counted(rest, ada):
    # MIG's API counts what it stored; who signed what it does not look at.
    manifest = await new_manifest(ada)
    for wrong in ("x", signature("mallory"), signature("bob", {"mig-agent": b"other"})):
        said = await ada.post("manifest/sign/", manifestid=manifest, signature=wrong)
        assert said.status_code == 403, said.text
    for one in ("ada", "eve"):  # eve is known, and weighs nothing
        said = await ada.post("manifest/sign/", manifestid=manifest, signature=signature(one))
        assert said.status_code == 200
    assert await status_of(ada, manifest) == "staged"
    said = await ada.post("manifest/sign/", manifestid=manifest, signature=signature("ada"))
    assert (said.status_code, "already" in error(said)) == (409, True)


async def test_a_manifest_whose_signers_count_no_more_is_given_to_nobody(rest, ada):
    manifest = await new_manifest(ada)
    _, headers = await new_loader(ada)
    for one in ("ada", "bob"):
        await ada.post("manifest/sign/", manifestid=manifest, signature=signature(one))
    assert (await asked(rest, headers)).status_code == 200
    async with rest.pool.connection() as conn:
        less = signed_bundle(pgp_bundle(2, people=("ada",)))
        await push_trust(conn, less, by="root", now=clock.now())
    assert (await asked(rest, headers)).status_code == 404


async def test_staging_again_forgets_the_signatures_and_disabling_is_final(rest, ada):
    # In MIG this route is always 401 when authentication is on.
    manifest = await new_manifest(ada)
    for one in ("ada", "bob"):
        await ada.post("manifest/sign/", manifestid=manifest, signature=signature(one))
    assert await status_of(ada, manifest) == "active"
    assert (
        await ada.post("manifest/status/", manifestid=manifest, status="active")
    ).status_code == 400
    assert (
        await ada.post("manifest/status/", manifestid=manifest, status="staged")
    ).status_code == 200
    ((_, shown),) = await ada.items(f"manifest?manifestid={manifest}")
    assert (shown["status"], shown["signatures"]) == ("staged", [])
    await ada.post("manifest/status/", manifestid=manifest, status="disabled")
    for path, more in (("status", {"status": "staged"}), ("sign", {"signature": signature("ada")})):
        said = await ada.post(f"manifest/{path}/", manifestid=manifest, **more)
        assert (said.status_code, "for good" in error(said)) == (409, True)


async def test_the_newest_manifest_that_means_the_loader_is_given(rest, ada):
    _, headers = await new_loader(ada)
    targets = ("true", "name LIKE 'web%'", "name='db-1'", "environment->>'os'='darwin'")
    for number, target in enumerate(targets):
        files = {"mig-agent": f"release {number}".encode()}
        manifest = await new_manifest(ada, target=target, content=packed(files))
        for one in ("ada", "bob"):
            await ada.post("manifest/sign/", manifestid=manifest, signature=signature(one, files))
    said = await asked(rest, headers)
    assert values(said)[0][1]["entries"] == entries({"mig-agent": b"release 1"})
    loaders = await ada.items("manifest/loaders/?manifestid=2")
    assert [(name, value["name"], value["agentname"]) for name, value in loaders] == [
        ("loader", "web-1", "web-1.example.net")
    ]
    assert await ada.items("manifest/loaders/?manifestid=3") == []


@pytest.mark.parametrize(
    "target", ["env->>'os'='linux'", "loaders.tags->>'operator'='IT'", "loadername='web-1'"]
)
async def test_targets_may_use_the_columns_of_loaders(rest, ada, target):
    loader, headers = await new_loader(ada, expectenv=target)
    manifest = await new_manifest(ada, target=target)
    for one in ("ada", "bob"):
        await ada.post("manifest/sign/", manifestid=manifest, signature=signature(one))
    assert (await asked(rest, headers)).status_code == 200
    assert loader["expectenv"] == target


async def test_a_stolen_key_does_not_do_on_another_kind_of_host(rest, ada):
    loader, headers = await new_loader(ada)
    expectation = "environment->>'os'='darwin'"
    said = await ada.post("loader/expect/", loaderid=loader["id"], expectenv=expectation)
    assert said.status_code == 200
    said = await asked(rest, headers)
    assert (said.status_code, "environment verification" in error(said)) == (403, True)
    said = await ada.post("loader/expect/", loaderid=loader["id"], expectenv="os = = linux")
    assert said.status_code == 400


async def test_a_loader_is_disabled_and_gets_a_new_key(rest, ada):
    loader, headers = await new_loader(ada)
    shown = (await ada.items(f"loader?loaderid={loader['id']}"))[0][1]
    assert shown["key"] == ""
    said = await ada.post("loader/key/", loaderid=loader["id"])
    new = values(said)[0][1]
    assert (await asked(rest, headers)).status_code == 401
    headers = {"X-LOADERKEY": new["prefix"] + new["key"]}
    assert (await asked(rest, headers)).status_code == 404  # let in; there is no manifest
    await ada.post("loader/status/", loaderid=loader["id"], status="disabled")
    assert (await asked(rest, headers)).status_code == 401
    assert (await ada.search("loader", loadername="web%"))[0]["enabled"] is False
    await ada.post("loader/status/", loaderid=loader["id"], status="enabled")
    assert (await asked(rest, headers)).status_code == 404


async def test_keys_are_made_of_chance_or_taken_as_the_console_made_them(rest, ada):
    first, _ = await new_loader(ada, "one")
    second, _ = await new_loader(ada, "two")
    assert len(first["prefix"] + first["key"]) == 40
    assert first["key"] != second["key"]
    given, headers = await new_loader(ada, "three", prefix="abcdefgh", key="k" * 32)
    assert (await asked(rest, headers)).status_code == 404
    assert given["prefix"] == "abcdefgh"
    for wrong in ({"prefix": "abcdefgh", "key": ""}, {"prefix": "a", "key": "k" * 32}):
        said = await ada.post("loader/new/", loader=json.dumps({"name": "four", **wrong}))
        assert said.status_code == 400
    said = await ada.post("loader/new/", loader=json.dumps({"name": "one"}))
    assert said.status_code == 409


async def test_only_a_loaders_key_opens_what_is_the_loaders(rest, ada):
    for headers in ({}, {"X-LOADERKEY": "x" * 40}, {"X-LOADERKEY": "x"}):
        assert (await asked(rest, headers)).status_code == 401
    assert (await rest.post(f"{API}manifest/agent/", scopes=["admin"])).status_code == 401
    _, headers = await new_loader(ada)
    said = await rest.http.get(API + "dashboard", headers=headers)
    assert said.status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"target": ""},
        {"target": "name LIKE"},
        {"content": ""},
        {"content": "?"},
        {"content": base64.b64encode(b"no archive").decode()},
        {"content": base64.b64encode(gzip.compress(b"no tar")).decode()},
        {"content": packed({})},
        {"content": packed({"a b": b"x"})},
    ],
)
async def test_what_is_no_manifest_is_400(ada, change):
    said = await made(ada, **change)
    assert said.status_code == 400, said.text


async def test_an_archive_that_swells_beyond_bounds_is_refused(ada, monkeypatch):
    from vedette.actions import mig_bundle

    monkeypatch.setattr(mig_bundle, "UNPACKED_BYTES", 1000)
    said = await made(ada, content=packed({"mig-agent": b"0" * 2_000}))
    assert (said.status_code, "1000 bytes" in error(said)) == (400, True)


async def test_what_a_loader_says_of_its_host_is_bounded(rest, ada):
    _, headers = await new_loader(ada)
    for wrong in (host(name=""), host(environment={"x": "y" * 70_000}), host(name="n" * 2_000)):
        assert (await asked(rest, headers, agent=wrong)).status_code == 400
    for body in ("[]", "{", '{"agent": 1}', "[" * 5_000):
        said = await rest.http.post(
            API + "manifest/agent/", data={"parameters": body}, headers=headers
        )
        assert said.status_code == 400
