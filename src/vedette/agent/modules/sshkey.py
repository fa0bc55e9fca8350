"""MIG's `sshkey` module: which SSH keys lie on this host, and who may log in with which.

MIG's defect is none of ours: every kind of key is known, in OpenSSH's own form and in the older ones.
The files are found by the `file` module; no private part is ever told.
"""

import os
from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette import clock
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file import Run
from vedette.agent.modules.file_parameters import Options, Search
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.file_question import questions
from vedette.agent.modules.host_files import MASKED, exists, plain, read
from vedette.agent.modules.ssh_keys import (
    KEY_TYPES,
    NoKey,
    fingerprint_md5,
    fingerprint_sha256,
    key_lines,
    private_key,
)
from vedette.agent.modules.tally import Tally

DEFAULT_PATHS = ("/root", "/home")
_DEPTH = 8
_MOST_BYTES = 1 << 20
_AUTHORIZED = "^authorized_keys2?$"
_TYPES = "|".join(one.replace(".", "[.]") for one in KEY_TYPES)
_LOOKS_LIKE = rf"^(-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----|({_TYPES}) AAAA)"

Text = Annotated[str, Meta(min_length=1, max_length=4096)]


class SshkeyParameters(Parameters, frozen=True, kw_only=True):
    """Where to look, and how deep; 0 is 8 folders. Without paths below the homes."""

    # MIG's client writes null for a list without members.
    paths: Annotated[tuple[Text, ...], Meta(max_length=1000)] | None = ()
    maxdepth: Annotated[int, Meta(ge=0, le=1000)] = 0


@dataclass(frozen=True, slots=True)
class Key:
    """One key in a file. kind: private, public or authorizedkeys."""

    blob: bytes
    kind: str
    is_encrypted: bool = False


class Sshkey:
    """Finds SSH keys.

    elements: `keys`, each `{fingerprint_md5, fingerprint_sha256, path, encrypted, type}`; type is
    `private`, `public` or `authorizedkeys`. Of an encrypted key in one of the older forms there are no
    fingerprints. Files of a mebibyte and more are passed by.
    """

    name: ClassVar[str] = "sshkey"
    description: ClassVar[str] = "Finds SSH keys, private, public and authorized ones."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = SshkeyParameters

    def run(self, parameters: SshkeyParameters, context: Context) -> Result:
        """Return what is told of each key: its fingerprints and where it lies."""
        tally = Tally(context)
        keys: list[dict[str, str | bool]] = []
        for path in _candidates(parameters, context, tally):
            for key in _keys(path, context, tally):
                if tally.over:
                    break
                keys.append(_element(key, path, context))
                tally.hit()
        return tally.result({"keys": keys}, None)


def _candidates(parameters: SshkeyParameters, context: Context, tally: Tally) -> list[bytes]:
    """Return the files that may hold keys, as the file system names them."""
    paths = parameters.paths or tuple(one for one in DEFAULT_PATHS if exists(context, one))
    if not paths:
        return []
    options = Options(maxdepth=parameters.maxdepth or _DEPTH, matchall=True)
    small = (f"<{_MOST_BYTES}",)
    keys = Search(paths=paths, contents=(_LOOKS_LIKE,), sizes=small, options=options)
    authorized = Search(paths=paths, names=(_AUTHORIZED,), sizes=small, options=options)
    now = clock.now()
    asked = [*questions("keys", keys, now=now), *questions("authorized", authorized, now=now)]
    # What is found is read here and masked, if at all, when it is told.
    plainly = Context(deadline=context.deadline, root=context.root)
    found = Run(plainly, asked).result()
    for words in found.errors:
        said = f"{MASKED}: it could not be looked at" if context.privacy else words
        tally.fault(said, unanswered=not found.success)
    return sorted({path for question in asked for path in question.hits})


def _keys(path: bytes, context: Context, tally: Tally) -> list[Key]:
    try:
        content = read(context, os.fsdecode(_below(path, context)), limit=_MOST_BYTES)
    except OSError as fault:
        tally.fault(f"{_shown(path, context)}: {fault.strerror or fault}")
        return []
    try:
        found = private_key(content)
        return [Key(found.blob, "private", found.is_encrypted)]
    except NoKey:
        return _public(path, content, context, tally)


def _public(path: bytes, content: bytes, context: Context, tally: Tally) -> list[Key]:
    blobs, broken = key_lines(content)
    if pattern(_AUTHORIZED).fits(path.rpartition(b"/")[2]):
        if broken:
            tally.fault(f"{_shown(path, context)} contained unparsable data")
        return [Key(blob, "authorizedkeys") for blob in blobs]
    return [Key(blob, "public") for blob in blobs]


def _element(key: Key, path: bytes, context: Context) -> dict[str, str | bool]:
    return {
        "fingerprint_md5": fingerprint_md5(key.blob),
        "fingerprint_sha256": fingerprint_sha256(key.blob),
        "path": _shown(path, context),
        "encrypted": key.is_encrypted,
        "type": key.kind,
    }


def _shown(path: bytes, context: Context) -> str:
    return MASKED if context.privacy else plain(_below(path, context))


def _below(path: bytes, context: Context) -> bytes:
    return path.removeprefix(os.fsencode(str(context.root).rstrip("/")))
