"""The loader: ask a server for the manifest that is meant for this host, and believe nothing of it unsigned.

What people signed are the digests of files; they count by the trust bundle whose roots this host pinned,
whatever a server says. The wire is MIG's: a form with one field of JSON, Collection+JSON in answer.
"""

import base64
import binascii
import gzip
import hashlib
import io
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from vedette.errors import Denied, Invalid, Missing, Unavailable
from vedette.trust.bundle import Bundle
from vedette.trust.manifest import Entry, hold_manifest, read_entries
from vedette.trust.verify import MOST_SIGNATURES

ANSWER_BYTES = 128 << 20
"""Of an answer of the server, in which a file is base64."""
FILE_BYTES = 256 << 20
"""Of a file without its compression."""
TIMEOUT_S = 60
LOCAL = ("localhost", "127.0.0.1", "::1")

AGENT_FILES = ("vedette-agent", "mig-agent")
"""What the agent itself is called in a manifest: our name, and MIG's.

MIG's loader puts further files in place: here they are left alone. An agent's key is made on its host,
certificates come over the link, and what a host allows is its owner's to write.
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """A manifest as a server gave it; nothing of it is believed yet."""

    entries: tuple[Entry, ...]
    signatures: tuple[str, ...]

    def agent(self) -> Entry:
        """Return the file that is the agent; raises Missing when the manifest has none."""
        for entry in self.entries:
            if entry.name in AGENT_FILES:
                return entry
        raise Missing(f"the manifest has no file {' or '.join(AGENT_FILES)}")

    def others(self) -> tuple[str, ...]:
        """Return the names of what else is in it, which is left alone."""
        return tuple(one.name for one in self.entries if one != self.agent())


class _NoRedirects(HTTPRedirectHandler):
    """A key goes to the server that was named, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Follow nothing."""


class Server:
    """The server's REST interface, as a loader calls it."""

    def __init__(self, address: str, key: str, *, authority: Path | None = None) -> None:
        """address: https://HOST[:PORT]; key: the loader's. authority: a file of PEM beside the system's."""
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            raise Invalid(
                "the server's address must begin with https://, since the loader's key goes there"
            )
        self._url = address.rstrip("/") + "/api/v1/manifest/"
        self._key = key
        context = ssl.create_default_context()
        if authority is not None:
            try:
                context.load_verify_locations(authority)
            except OSError as fault:  # ssl's too
                words = fault.strerror or str(fault)
                raise Invalid(f"{authority} is no file of certificates (PEM): {words}") from None
        self._opener = build_opener(HTTPSHandler(context=context), _NoRedirects())

    def manifest(self, host: Mapping[str, Any]) -> Offered:
        """Return the manifest that is meant for this host; raises Missing when there is none."""
        found = self._ask("agent/", {"agent": host}, "manifest")
        signatures = found.get("signatures")
        if not isinstance(signatures, list) or len(signatures) > MOST_SIGNATURES:
            raise Invalid("the server's manifest has no list of signatures")
        return Offered(read_entries(found.get("entries")), tuple(str(one) for one in signatures))

    def file(self, host: Mapping[str, Any], entry: Entry) -> bytes:
        """Return the file of an entry; raises Denied when it is not the one that was signed."""
        found = self._ask("fetch/", {"agent": host, "object": entry.name}, "content")
        content = _unpacked(str(found.get("data", "")))
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise Denied(f"the server's {entry.name} is not the file that people signed")
        return content

    def _ask(self, path: str, parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        body = urlencode({"parameters": msgspec.json.encode(parameters).decode()}).encode()
        headers = {
            "X-LOADERKEY": self._key,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        request = Request(self._url + path, data=body, headers=headers)  # noqa: S310 - https, above
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                said = answer.read(ANSWER_BYTES + 1)
        except HTTPError as refused:
            raise _refusal(refused.code, refused.read(1 << 16)) from None
        except OSError as fault:
            why = fault.reason if isinstance(fault, URLError) else fault
            words = (why.strerror if isinstance(why, OSError) else "") or why
            raise Unavailable(f"{self._url} does not answer: {words}") from None
        return _value(said, name)


def hold(bundle: Bundle, offered: Offered, *, agent: str, now: datetime) -> tuple[str, ...]:
    """Return who signed the manifest; raises Untrusted unless they weigh enough for this host.

    agent: the fingerprint of its key.
    """
    return hold_manifest(bundle, offered.signatures, offered.entries, agent=agent, now=now)


def _refusal(status: int, body: bytes) -> Exception:
    try:
        words = msgspec.json.decode(body)["collection"]["error"]["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        words = f"HTTP {status}"
    if status in (401, 403):
        return Denied(f"the server refuses this loader: {words}")
    if status == 404:
        return Missing(f"the server has nothing for this host: {words}")
    return Unavailable(f"the server answered {status}: {words}")


def _value(said: bytes, name: str) -> Mapping[str, Any]:
    if len(said) > ANSWER_BYTES:
        raise Invalid(f"the server's answer has more than {ANSWER_BYTES} bytes")
    try:
        for item in msgspec.json.decode(said)["collection"]["items"]:
            for one in item["data"]:
                if one["name"] == name and isinstance(one["value"], dict):
                    value: Mapping[str, Any] = one["value"]
                    return value
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        pass
    raise Invalid(f"the server's answer holds no {name}")


def _unpacked(data: str) -> bytes:
    try:
        packed = base64.b64decode(data.encode("ascii"), validate=True)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            content = file.read(FILE_BYTES + 1)
    except (binascii.Error, UnicodeEncodeError, OSError, EOFError, zlib.error) as wrong:
        raise Invalid(f"the server's file cannot be read: {wrong}") from None
    if len(content) > FILE_BYTES:
        raise Invalid(f"the server's file has more than {FILE_BYTES} bytes")
    return content
