"""Secrets of targets: named by the server, read on this host, never sent anywhere.

A pushed setting `password_file: pg` becomes `password` with the content of that file; `${NAME}` in
a text becomes that environment variable. Which files and which variables: the host owner decides,
also where a setting names a file of certificates, whose content it does not become.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vedette.agent.connector import RefusedByHost
from vedette.agent.host import HostRules, allowed_environment

SECRET_BYTES = 64 * 1024
"""More than any password or certificate; a file that is longer is something else."""
PATHS = ("ca_file", "client_cert", "client_key")
"""Settings whose files the connector's TLS opens by itself."""
LEAST_REDACTED = 4
"""A secret shorter than this is not blotted out of messages: `1` would blot out every digit."""

LEAST_LINE = 24
"""Of a secret of several lines, as a key in PEM has them: a line that is as long is a secret, too."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SecretMissing(Exception):  # noqa: N818 - what happened, not a fault of ours
    """A secret that this target needs is not on this host; becomes `unknown`, `secret_missing`."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings with their secrets in place, and the secrets alone, to keep them out of messages."""

    settings: Mapping[str, Any]
    secrets: frozenset[str]


class Secrets:
    """Resolves the settings of targets by the host's rules; reads files again when they change."""

    def __init__(self, rules: HostRules) -> None:
        self._root = Path(rules.secrets_dir).resolve() if rules.secrets_dir else None
        self._files = frozenset(rules.secret_files)
        self._environment = allowed_environment(rules)
        self._env_names = frozenset(rules.env)
        self._read: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def resolve(self, settings: Mapping[str, Any]) -> Resolved:
        """Return the settings with every reference replaced; cheap when no file has changed.

        Raises `RefusedByHost` for what agent.yaml does not name, `SecretMissing` if it is absent.
        """
        found: set[str] = set()
        resolved: dict[str, Any] = {}
        for key, value in settings.items():
            name = key if key in PATHS else key.removesuffix("_file")
            if name != key and isinstance(value, str):
                content = self._content(key, value)
                found.add(content)
                resolved[name] = content
            else:
                resolved[key] = self._variables(value, found)
        for key in PATHS:
            if resolved.get(key) is not None:
                said = str(settings.get(key, "what its file says"))
                resolved[key] = str(self._path(key, str(resolved[key]), said))
        secrets = frozenset(s for s in found if len(s) >= LEAST_REDACTED)
        return Resolved(resolved, secrets)

    def _variables(self, value: Any, found: set[str]) -> Any:  # noqa: ANN401 - as JSON has it
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: self._variable(match[1], found), value)
        if isinstance(value, list):
            return [self._variables(each, found) for each in value]
        if isinstance(value, dict):
            return {key: self._variables(each, found) for key, each in value.items()}
        return value

    def _variable(self, name: str, found: set[str]) -> str:
        if name not in self._env_names:
            raise RefusedByHost(f"env in agent.yaml does not name {name}")
        if name not in self._environment:
            raise SecretMissing(f"the environment variable {name} is not set on the agent")
        found.add(self._environment[name])
        return self._environment[name]

    def _content(self, key: str, named: str) -> str:
        path = self._path(key, self._variables(named, set()), named)
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                known = self._read.get(path)
                if known is not None and known[0] == stamp:
                    return known[1]
                content = file.read(SECRET_BYTES + 1)
            if len(content) > SECRET_BYTES:
                raise SecretMissing(f"{key}: {named} is longer than {SECRET_BYTES} bytes")
            secret = content.decode().rstrip("\r\n")
        except OSError as fault:
            raise SecretMissing(f"{key}: {named} cannot be read: {fault.strerror}") from None
        except UnicodeDecodeError:
            raise SecretMissing(f"{key}: {named} is not a text") from None
        self._read[path] = (stamp, secret)
        return secret

    def _path(self, key: str, named: str, said: str) -> Path:
        """Return the file itself, links followed; it must lie where the owner said.

        said: what the setting is before variables are put in, which alone is told.
        """
        if "\x00" in named:
            raise RefusedByHost(f"{key}: that is no path")
        if named in self._files:
            return Path(named)
        if self._root is not None:
            path = (self._root / named).resolve()
            if path.is_relative_to(self._root):
                return path
        raise RefusedByHost(
            f"{key}: neither secrets_dir nor secret_files in agent.yaml allows {said}"
        )


def redact(text: str, secrets: frozenset[str]) -> str:
    """Return the text without the secrets, longest first, should one contain another.

    Nor is any left as a message may spell it: quoted, percent-encoded, in one case, a long line of it.
    """
    for spelt in _spellings(secrets):
        text = text.replace(spelt, "…")
    return text


@lru_cache(maxsize=256)
def _spellings(secrets: frozenset[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for secret in secrets:
        found |= {secret, repr(secret)[1:-1], quote(secret, safe=""), " ".join(secret.split())}
        found |= {secret.lower(), secret.upper()}
        found |= {line for line in map(str.strip, secret.splitlines()) if len(line) >= LEAST_LINE}
    told = (one for one in found if len(one) >= LEAST_REDACTED)
    return tuple(sorted(told, key=len, reverse=True))
