"""What an operator says of the provider where people sign in."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vedette.access.model import Role
from vedette.errors import Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """How people sign in: the provider, what we are to it, and which groups stand for which roles.

    client_secret_file: read anew whenever it is needed; None for a public client. groups_claim: a name, or a path with dots. roles: of each
    role its groups; `*` is everybody whom the provider knows. base_url: where browsers find us; None
    is where they say they are.
    """

    issuer: str
    client_id: str
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    roles: Mapping[Role, tuple[str, ...]]
    base_url: str | None = None

    def client_secret(self) -> str | None:
        """Return our secret at the provider; raises Missing when it cannot be read."""
        path = self.client_secret_file
        if path is None:
            return None
        try:
            secret = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise Missing(f"the client secret in {path} cannot be read: {reason}") from None
        if not secret:
            raise Missing(f"the client secret in {path} is empty")
        return secret

    @property
    def mark(self) -> str:
        """A mark of all that decides who has which role; sessions of another mark are over."""
        said = [self.issuer, self.client_id, self.groups_claim, sorted(self.roles.items())]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
