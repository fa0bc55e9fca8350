"""`vedette agent update`: a release comes from a server that nobody needs to trust, signed by those the host obeys."""

import asyncio
import base64
import hashlib
import io
import json
import os
import socket
import sys
import tarfile
import zipapp
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from tests.agent.act_world import enrol

from actions_world import signed_bundle
from mig_client import EVERYTHING, Mig, fingerprint, pgp_bundle, values
from rest_world import rest_over
from signing_world import gpg_sign, needs_gpg, ssh_public
from vedette import __version__, clock
from vedette.actions.push_trust import push_trust
from vedette.agent.release import Releases, release_of
from vedette.agent.trusted import Roots, Trusted
from vedette.app.commands import agent
from vedette.app.front import front
from vedette.app.httpd import httpd, serving
from vedette.app.options import Address, Options
from vedette.app.tree import run
from vedette.errors import Conflict, Invalid, Unavailable
from vedette.trust.bundle import roots_digest
from vedette.trust.manifest import Entry, signed_text
from vedette.trust.signed import write_signed

pytestmark = needs_gpg
PROGRAM = "#!/bin/sh\necho {version}\n"


def archive(number=1, version="", *, program=PROGRAM, release=True, extra=()):
    """A release as a tar.gz: its program and what it says of itself."""
    version = version or f"{number}.0"
    files = {"bin/vedette-agent": program.format(version=version).encode(), "lib/a.py": b"a = 1\n"}
    if release:
        files["release.json"] = json.dumps({"number": number, "version": version}).encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(body), 0o4777 if name.startswith("bin/") else 0o666
            tar.addfile(member, io.BytesIO(body))
        for member in extra:
            tar.addfile(member)
    return content.getvalue()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def bundle_of(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return base64.b64encode(content.getvalue()).decode()


class World:
    """A server on a socket, and a host with pinned roots."""

    def __init__(self, rest, url, tmp_path):
        self.rest, self.url, self.tmp_path = rest, url, tmp_path
        self.releases = tmp_path / "releases"
        self.data = tmp_path / "agent"
        self.key = enrol(self.data)
        self.roots = Roots(roots_digest([ssh_public("root")]), 1)
        self.ada = Mig(httpx.AsyncClient(base_url=url), "ada")

    def trust(self, made):
        Trusted(self.data, self.roots).take(write_signed(signed_bundle(made)), now=clock.now())

    async def loader(self):
        said = await self.ada.post("loader/new/", loader=json.dumps({"name": "this-host"}))
        value = values(said)[0][1]
        file = self.tmp_path / "loader.key"
        file.write_text(value["prefix"] + value["key"] + "\n")
        return file

    async def offer(self, files, *people):
        record = {"name": "release", "target": "true", "content": bundle_of(files)}
        said = await self.ada.post("manifest/new/", manifest=json.dumps(record))
        made = values(said)[0][1]["id"]
        entries = [Entry(name, digest(body)) for name, body in files.items()]
        for one in people:
            signature = gpg_sign(signed_text(entries), fingerprint(one))
            await self.ada.post("manifest/sign/", manifestid=made, signature=signature)
        return made

    async def update(self, *words):
        fixed = {
            "--server": self.url,
            "--loader-key-file": self.tmp_path / "loader.key",
            "--releases": self.releases,
            "--data-dir": self.data,
            "--trust-root": self.roots.digest,
            "--trust-threshold": 1,
        }
        flags = [str(part) for pair in fixed.items() for part in pair]
        return await asyncio.to_thread(run, ["agent", "update", *flags, *words])

    def current(self):
        return os.readlink(self.releases / "current")


@asynccontextmanager
async def served(dsn, tmp_path):
    async with rest_over(dsn) as rest:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            somewhere = Address("127.0.0.1", 0)
            options = Options(
                http=Address("127.0.0.1", port),
                grpc=somewhere,
                grpc_clients=somewhere,
                seal_key=tmp_path / "seal.key",
            )
            async with serving(httpd(front({}, rest.app), options), listening):
                yield rest, f"http://127.0.0.1:{port}"


def lasting(version=1, **changes):
    now = clock.now()
    return pgp_bundle(
        version, made_at=now - timedelta(days=1), expires_at=now + timedelta(days=9), **changes
    )


@pytest.fixture
async def world(fresh_app_url, tmp_path):
    async with served(fresh_app_url, tmp_path) as (rest, url):
        world = World(rest, url, tmp_path)
        async with rest.pool.connection() as conn:
            await push_trust(conn, signed_bundle(lasting()), by="root", now=clock.now())
            await conn.execute("UPDATE actions.investigator SET permissions = %s", [EVERYTHING])
        world.trust(lasting())
        async with world.ada.http:
            await world.loader()
            yield world


async def test_a_release_that_two_people_signed_is_put_in_place_and_the_agent_restarted(
    world, capfd
):
    first, second = archive(1), archive(2)
    restarted = world.tmp_path / "restarted"
    await world.offer({"mig-agent": first, "configuration": b"tags: {}"}, "ada", "bob")
    assert await world.update("--restart", f"touch {restarted}") == 0
    said = capfd.readouterr().out
    assert "left alone: configuration" in said
    assert "release 1 (1.0) is in place, signed by ada, bob" in said
    assert restarted.exists()
    assert not (world.data / "agent.yaml").exists()
    program = world.releases / "current" / "bin" / "vedette-agent"
    assert program.stat().st_mode & 0o7777 == 0o755
    assert await world.update() == 0
    assert "in place already" in capfd.readouterr().out
    await world.offer({"vedette-agent": second}, "ada", "bob")
    assert await world.update("--check") == 3
    assert await world.update() == 0
    assert world.current() == f"2-{digest(second)[:12]}"
    assert os.readlink(world.releases / "current.old") == f"1-{digest(first)[:12]}"
    assert await world.update("--back") == 0
    assert world.current() == f"1-{digest(first)[:12]}"


async def test_what_too_few_signed_by_this_hosts_own_bundle_is_refused_whatever_the_server_says(
    world, capfd
):
    await world.offer({"mig-agent": archive(1)}, "ada", "bob")
    world.trust(lasting(2, manifest=3))
    assert await world.update() == 5
    assert "2 of 3" in capfd.readouterr().err
    assert not world.releases.exists()


async def test_a_stolen_server_gives_neither_another_file_nor_another_manifest(world, capfd):
    await world.offer({"mig-agent": archive(1)}, "ada", "bob")
    evil = base64.b64decode(bundle_of({"mig-agent": archive(1, "evil")}))
    async with world.rest.pool.connection() as conn:
        await conn.execute("UPDATE actions.manifest SET content = %s", [evil])
    assert await world.update() == 5
    assert "not the file that people signed" in capfd.readouterr().err
    entries = [{"name": "mig-agent", "sha256": digest(archive(1, "evil"))}]
    async with world.rest.pool.connection() as conn:
        await conn.execute("UPDATE actions.manifest SET entries = %s", [json.dumps(entries)])
    # This server is not stolen but in its rows: it weighs, too, and gives such a manifest to nobody.
    assert await world.update() == 6
    assert not world.releases.exists()


async def test_no_server_brings_an_older_release_back(world, capfd):
    await world.offer({"mig-agent": archive(2)}, "ada", "bob")
    assert await world.update() == 0
    await world.offer({"mig-agent": archive(1)}, "ada", "bob")
    assert await world.update() == 7
    assert "no newer than 2" in capfd.readouterr().err
    assert world.current().startswith("2-")


async def test_without_pinned_roots_or_a_known_key_nothing_is_done(world, capfd):
    await world.offer({"mig-agent": archive(1)}, "ada", "bob")
    (world.tmp_path / "loader.key").write_text("x" * 40)
    assert await world.update() == 5
    assert "refuses this loader" in capfd.readouterr().err
    said = await world.ada.post("loader/key/", loaderid="1")
    value = values(said)[0][1]
    (world.tmp_path / "loader.key").write_text(value["prefix"] + value["key"])
    for file in world.data.glob("trust-*"):
        file.unlink()
    assert await world.update() == 5
    assert "no trust bundle came here yet" in capfd.readouterr().err
    assert not world.releases.exists()


async def test_the_loaders_key_goes_nowhere_unencrypted(world, capfd):
    world.url = "http://example.org"
    assert await world.update() == 2
    assert "https://" in capfd.readouterr().err


async def test_what_the_loader_needs_is_named(world, capfd):
    (world.tmp_path / "no.pem").write_text("nothing")
    for file in ("none.pem", "no.pem"):
        assert await world.update("--authority", str(world.tmp_path / file)) == 2
        assert f"{file} is no file of certificates" in capfd.readouterr().err
    for url, code, said in (
        ("", 2, "--server is needed"),
        ("https://127.0.0.1:1", 8, "does not answer: Connection refused"),
    ):
        world.url = url
        assert await world.update() == code
        assert said in capfd.readouterr().err


async def test_a_restart_that_fails_puts_the_release_before_back(world, capfd):
    await world.offer({"mig-agent": archive(1)}, "ada", "bob")
    assert await world.update() == 0
    await world.offer({"mig-agent": archive(2)}, "ada", "bob")
    assert await world.update("--restart", "false") == 8
    assert "the release before is in place again" in capfd.readouterr().err
    assert world.current().startswith("1-")


# A release on disk.


def placed(releases, content):
    return releases.place(content, digest(content))


def test_a_zipapp_is_a_release_too(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "__main__.py").write_text("print('3.0')\n")
    (source / "release.json").write_text('{"number": 3, "version": "3.0"}')
    zipapp.create_archive(source, tmp_path / "agent.pyz")
    content = (tmp_path / "agent.pyz").read_bytes()
    found = placed(Releases(tmp_path / "releases"), content)
    assert (found.release.version, found.is_new) == ("3.0", True)
    assert (tmp_path / "releases/current/bin/vedette-agent").read_bytes() == content


def test_a_release_that_does_not_start_never_becomes_current(tmp_path):
    releases = Releases(tmp_path / "releases")
    placed(releases, archive(1))
    with pytest.raises(Unavailable, match="does not start: broken"):
        placed(releases, archive(2, program="#!/bin/sh\necho broken >&2\nexit 1\n"))
    assert os.readlink(tmp_path / "releases/current").startswith("1-")
    assert sorted(one.name[:2] for one in releases.folder.iterdir()) == ["1-", "cu", "he"]


def test_an_agent_in_which_a_part_is_missing_does_not_say_its_version(monkeypatch):
    assert agent._version() == __version__
    monkeypatch.setitem(sys.modules, "vedette.agent.act_run", None)
    with pytest.raises(ImportError):
        agent._version()


def test_the_current_release_and_the_one_before_are_kept_and_no_more(tmp_path):
    releases = Releases(tmp_path / "releases")
    for number in (1, 2, 3, 4):
        placed(releases, archive(number))
    folders = sorted(one.name[:1] for one in releases.folder.iterdir() if one.name[0].isdigit())
    assert folders == ["3", "4"]
    with pytest.raises(Conflict, match="no newer"):
        placed(releases, archive(4, "4.1"))


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "extra",
    [
        link("lib/evil", "/etc"),
        link("bin2", ".."),
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("/tmp/outside"),
    ],
)
def test_links_and_ways_out_of_the_folder_are_refused_signed_or_not(tmp_path, extra):
    releases = Releases(tmp_path / "releases")
    with pytest.raises(Invalid, match="no file within it"):
        placed(releases, archive(1, extra=[extra]))
    assert list(releases.folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", archive(release=False), archive(0)])
def test_what_says_no_number_is_no_release(content):
    with pytest.raises(Invalid):
        release_of(content)
