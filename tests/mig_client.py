"""A client that calls the API as MIG's own do: a signed token a request, forms, items of Collection+JSON."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from actions_world import bundle
from signing_world import gpg_key, gpg_public, gpg_sign
from vedette.trust.bundle import Investigator, Minimum, Weight

NONCES = itertools.count(1_000)
API = "/api/v1/"
EVERYTHING = (1 << 19) - 1


def fingerprint(name):
    return gpg_key(f"{name} <{name}@example.org>")


def public_key(name):
    return gpg_public(fingerprint(name))


def pgp_bundle(version=1, *, people=("ada", "bob"), minimum=1, manifest=2, **changes):
    """Each of these people weighs 1 for everything, and 1 for manifests; eve nothing."""
    everybody = (*people, "eve")
    return bundle(
        version,
        investigators=tuple(
            Investigator(name=name, keys=(public_key(name),)) for name in everybody
        ),
        minimums=(
            Minimum(group="all", module="*", weight=minimum),
            Minimum(group="all", module="manifest", weight=manifest),
        ),
        weights=tuple(
            Weight(investigator=name, group="all", module=module, weight=1)
            for name in people
            for module in ("*", "manifest")
        ),
        **changes,
    )


def token(name, *, at=None, nonce=None, key=None):
    at = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"1;{at};{next(NONCES) if nonce is None else nonce}"
    said = f"{text}\n".encode()
    return f"{text};{gpg_sign(said, key or fingerprint(name))}"


class Mig:
    """What `mig-console` does for one investigator."""

    def __init__(self, http, name):
        self.http, self.name = http, name

    async def ask(self, method, path, **more):
        headers = {"X-PGPAUTHORIZATION": token(self.name), **more.pop("headers", {})}
        return await self.http.request(method, API + path, headers=headers, **more)

    async def get(self, path):
        return await self.ask("GET", path)

    async def post(self, path, **form):
        return await self.ask("POST", path, data=form)

    async def items(self, path):
        """The values of a listing by their names, until there are no results, as MIG's client asks."""
        said = await self.get(path)
        if said.status_code == 404 and error(said) == "no results found":
            return []
        assert said.status_code == 200, said.text
        return values(said)

    async def search(self, kind, **where):
        words = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in where.items())
        found = await self.items(f"search?type={kind}&{words}")
        return [value for name, value in found if name == kind]

    async def launch(self, document):
        return await self.post("action/create/", action=json.dumps(document))


def values(said):
    return [
        (data["name"], data["value"])
        for item in said.json()["collection"]["items"]
        for data in item["data"]
    ]


def error(said):
    return said.json()["collection"]["error"].get("message", "")


def document(name="look for passwd", target="os='linux'", **changes):
    """An action as MIG's clients write it, for five minutes."""
    now = datetime.now(UTC).replace(microsecond=0)
    times = (now - timedelta(minutes=1), now + timedelta(minutes=5))
    begins, ends = (one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in times)
    parameters = {"searches": {"s1": {"paths": ["/etc"], "names": ["^passwd$"]}}}
    return {
        "id": 0,
        "name": name,
        "target": target,
        "description": {"author": "Ada", "email": "ada@example.org", "revision": 201410031030},
        "threat": {"family": "compliance", "level": "low"},
        "operations": [{"module": "file", "parameters": parameters}],
        "validfrom": begins,
        "expireafter": ends,
        "pgpsignatures": [],
        "investigators": None,
        "status": "",
        "starttime": "0001-01-01T00:00:00Z",
        "finishtime": "0001-01-01T00:00:00Z",
        "lastupdatetime": "0001-01-01T00:00:00Z",
        "counters": {},
        "syntaxversion": 2,
        **changes,
    }


def signed(made, *people):
    """The document with these people's signatures over MIG's string."""
    from vedette.actions.document import signed_text
    from vedette.actions.document_read import read_action

    text = signed_text(read_action(json.dumps(made).encode()))
    return {**made, "pgpsignatures": [gpg_sign(text, fingerprint(one)) for one in people]}
